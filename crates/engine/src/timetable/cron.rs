//! How many moments a cron expression names, as the server counts them that makes ticks by it.
//!
//! The dialect is that of nats-server (`server/cron.go`): six fields, seconds first, in UTC; `*` and `?`
//! are one, `N/step` goes on to the end of the field, Sunday is 0 and never 7. Where both the day of the
//! month and the day of the week are restricted, either is enough; a step is a restriction.

use jiff::civil::Date;
use jiff::tz::Offset;
use protocol::{Timestamp, limits};

/// Seconds of a day.
const DAY: u64 = 86_400;

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A cron expression that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cron {
    second: Field,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Cron {
    /// Reads six fields; `None` for what the server refuses.
    pub(super) fn read(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [second, minute, hour, day, month, weekday] = fields[..] else {
            return None;
        };
        Some(Self {
            second: Field::read(second, 0, 59, &[])?,
            minute: Field::read(minute, 0, 59, &[])?,
            hour: Field::read(hour, 0, 23, &[])?,
            day: Field::read(day, 1, 31, &[])?,
            month: Field::read(month, 1, 12, MONTHS)?,
            weekday: Field::read(weekday, 0, 6, WEEKDAYS)?,
        })
    }

    /// How many of its moments come after `after`, up to and with `until`; `most` if there are more. What
    /// is longer before `until` than [`limits::CRON_DAYS`] is not looked at.
    pub(super) fn count(&self, after: Timestamp, until: Timestamp, most: u32) -> u32 {
        let (first, last) = (after.0 / 1000 + 1, until.0 / 1000);
        let first_day = (first / DAY).max((last / DAY).saturating_sub(limits::CRON_DAYS));
        let mut count = 0;
        let Some(mut date) = date(first_day * DAY) else {
            return 0;
        };
        for day in first_day..=last / DAY {
            if self.has_day(date) {
                let from = first.saturating_sub(day * DAY);
                let to = (last + 1).saturating_sub(day * DAY).min(DAY);
                count += self.before(to).saturating_sub(self.before(from));
            }
            let Ok(tomorrow) = date.tomorrow() else {
                break;
            };
            if count >= u64::from(most) {
                break;
            }
            date = tomorrow;
        }
        u32::try_from(count).unwrap_or(most).min(most)
    }

    fn has_day(&self, date: Date) -> bool {
        let is_day = self.day.has(date.day().unsigned_abs());
        let is_weekday = self.weekday.has(date.weekday().to_sunday_zero_offset().unsigned_abs());
        let is_either = if self.day.is_any || self.weekday.is_any {
            is_day && is_weekday
        } else {
            is_day || is_weekday
        };
        is_either && self.month.has(date.month().unsigned_abs())
    }

    /// How many moments it names before this second of a day that it names.
    fn before(&self, second: u64) -> u64 {
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let hours = self.hour.below(hour) * self.minute.below(60) * self.second.below(60);
        let minutes = self.hour.at(hour) * self.minute.below(minute) * self.second.below(60);
        let seconds = self.hour.at(hour) * self.minute.at(minute) * self.second.below(second % 60);
        hours + minutes + seconds
    }
}

/// The day of a second since 1970, in UTC; `None` after the year 9999.
fn date(second: u64) -> Option<Date> {
    let moment = jiff::Timestamp::from_second(i64::try_from(second).ok()?).ok()?;
    Some(Offset::UTC.to_datetime(moment).date())
}

/// The values that a field names.
#[derive(Debug, Clone, Copy, Default)]
struct Field {
    /// A bit each.
    values: u64,
    /// Whether a star is in it that has no step.
    is_any: bool,
}

impl Field {
    /// Reads ranges with commas between them, of values from `least` to `most`, the first of which has the
    /// first of `names`.
    fn read(text: &str, least: u64, most: u64, names: &[&str]) -> Option<Self> {
        let mut field = Self::default();
        for range in text.split(',').filter(|range| !range.is_empty()) {
            let (range, step) = match range.split_once('/') {
                Some((range, step)) => (range, Some(step.parse().ok()?)),
                None => (range, None),
            };
            let (low, high) = match range.split_once('-') {
                Some((low, high)) => (low, Some(high)),
                None => (range, None),
            };
            let is_star = matches!(low, "*" | "?");
            let (low, high) = match (is_star, high, step) {
                (true, ..) => (least, most),
                (false, Some(high), _) => (value(low, least, names)?, value(high, least, names)?),
                (false, None, Some(_)) => (value(low, least, names)?, most),
                (false, None, None) => (value(low, least, names)?, value(low, least, names)?),
            };
            let step = step.unwrap_or(1);
            if step == 0 || low > high || low < least || high > most {
                return None;
            }
            let named = (low..=high).filter(|value| (value - low) % step == 0);
            field.values |= named.fold(0, |values, value| values | 1 << value);
            field.is_any |= is_star && step == 1;
        }
        Some(field)
    }

    const fn has(self, value: u8) -> bool {
        self.values >> value & 1 == 1
    }

    /// 1 where the value is named, 0 where it is not.
    const fn at(self, value: u64) -> u64 {
        self.values >> value & 1
    }

    /// How many named values are less than this one, which is 0 to 60.
    fn below(self, value: u64) -> u64 {
        (self.values & ((1 << value) - 1)).count_ones().into()
    }
}

/// A number, or the name of one.
fn value(text: &str, least: u64, names: &[&str]) -> Option<u64> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    match named {
        Some(place) => Some(least + u64::try_from(place).ok()?),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
