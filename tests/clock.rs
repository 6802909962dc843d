//! The wall clock, which is what a LAST is dated with, and waiting by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a condition is asked for.
const OFTEN: Duration = Duration::from_millis(10);

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "it is compared with the dates of other processes")]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// Waits a moment.
#[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
pub fn rest(time: Duration) {
    std::thread::sleep(time);
}

/// Asks again and again: the milliseconds until `condition` held, `None` when it did not in time.
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> Option<u64> {
    let begun = now();
    loop {
        if condition() {
            return Some(now() - begun);
        }
        if u128::from(now() - begun) >= limit.as_millis() {
            return None;
        }
        rest(OFTEN);
    }
}

/// Milliseconds since 1970 of a date such as `2026-11-21T12:06:37.374Z`; `None` for other text.
pub fn read(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date.split('-'))?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time.split(':'))?;
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    // Years begin in March here, so that a leap day is the last of its year.
    let year = if month > 2 { year } else { year.checked_sub(1)? };
    let month = (month + 9) % 12;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    let days = days.checked_sub(719_469)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis)
}

fn numbers<'a>(parts: impl Iterator<Item = &'a str>) -> Option<[u64; 3]> {
    let parts: Option<Vec<u64>> = parts.map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

/// Seconds with one digit, for people.
pub fn seconds(ms: u64) -> String {
    let tenths = (ms + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_to_the_millisecond() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T23:59:59.999Z", Some(951_868_799_999)),
            ("2026-11-21T12:06:37.374Z", Some(1_795_262_797_374)),
            ("2024-03-01T00:00:00.5Z", Some(1_709_251_200_500)),
            ("yesterday", None),
            ("2026-11-21", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_shown_in_seconds() {
        for (ms, expected) in [(0, "0.0 s"), (49, "0.0 s"), (1_250, "1.3 s"), (61_000, "61.0 s")] {
            assert_eq!(seconds(ms), expected);
        }
    }
}
