//! Times as the server writes them.

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400;

/// RFC 3339 with as many digits of a second as there are (Go: RFC3339Nano).
pub(super) fn written(nanos: u64) -> String {
    let (seconds, rest) = (nanos / SECOND, nanos % SECOND);
    let (day, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = format!("{rest:09}");
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{dot}{fraction}Z")
}

/// Year, month and day of a day since 1970-01-01 (Hinnant, "chrono-compatible date algorithms").
const fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Nanoseconds of a duration as Go writes it, as far as whole hours, minutes and seconds go; plain
/// digits are seconds.
pub(super) fn duration(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds * SECOND);
    }
    let (mut total, mut digits) = (0, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total += digits.parse::<u64>().ok()? * unit * SECOND;
        digits.clear();
    }
    (digits.is_empty() && !text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_server_writes_them() {
        assert_eq!(written(0), "1970-01-01T00:00:00Z");
        assert_eq!(written(1_700_000_000_120_000_000), "2023-11-14T22:13:20.12Z");
        assert_eq!(written(1_709_164_800_000_000_001), "2024-02-29T00:00:00.000000001Z");
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        assert_eq!(duration("24h"), Some(86_400 * SECOND));
        assert_eq!(duration("1m30s"), Some(90 * SECOND));
        assert_eq!(duration("5"), Some(5 * SECOND));
        assert_eq!(duration("abc"), None);
    }
}
