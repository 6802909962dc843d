//! The dialect by facts of the calendar; a test with a real server holds it to that server.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text).unwrap()
}

/// How many moments come after one moment, up to and with another.
fn named(fields: &str, after: &str, until: &str) -> u32 {
    Cron::read(fields).unwrap().count(at(after), at(until), 1_000_000)
}

/// How many there are in a year, or in a month of it.
fn named_in(fields: &str, when: &str) -> u32 {
    let (first, next) = match when.split_once('-') {
        Some((year, month)) => {
            let after = month.parse::<u32>().unwrap() % 12 + 1;
            let year_after = year.parse::<u32>().unwrap() + u32::from(after == 1);
            (format!("{when}-01"), format!("{year_after}-{after:02}-01"))
        }
        None => (format!("{when}-01-01"), format!("{}-01-01", when.parse::<u32>().unwrap() + 1)),
    };
    let (first, next) = (at(&format!("{first}T00:00:00Z")), at(&format!("{next}T00:00:00Z")));
    let cron = Cron::read(fields).unwrap();
    cron.count(Timestamp(first.0 - 1), Timestamp(next.0 - 1), u32::MAX)
}

#[test]
fn days_are_those_of_the_calendar() {
    for (fields, when, expected) in [
        ("0 0 0 * * *", "2027", 365),
        ("0 0 0 * * *", "2028", 366),
        ("0 0 0 31 * *", "2027", 7),
        ("0 0 0 30 * *", "2027", 11),
        ("0 0 0 28-31 * *", "2027-02", 1),
        ("0 0 0 28-31 * *", "2028-02", 2),
        ("0 0 0 29 2 *", "2027", 0),
        ("0 0 0 29 2 *", "2028", 1),
        ("0 0 0 29 2 *", "2100", 0),
        ("0 0 0 30 2 *", "2028", 0),
        ("0 0 0 1 JAN-mar,Dec *", "2027", 4),
        ("0 0 0 1 */3 ?", "2027", 4),
        // Its Sundays are the 1st, 8th, 15th, 22nd and 29th.
        ("0 0 0 * * 0", "2026-11", 5),
        ("0 0 0 ? * SUN", "2026-11", 5),
        ("0 0 9 * * mon-fri", "2026-11", 21),
        ("0 0 0 * * 5/1", "2026-11", 8),
    ] {
        assert_eq!(named_in(fields, when), expected, "{fields} in {when}");
    }
}

#[test]
fn of_two_restricted_days_either_is_enough_and_with_a_star_both_are_needed() {
    // The Fridays are the 6th, 13th, 20th and 27th.
    for (fields, expected) in [
        ("0 0 0 13 * fri", 4),
        ("0 0 0 1 * fri", 5),
        ("0 0 0 ? * fri", 4),
        ("0 0 0 13 * ?", 1),
        // Of a step its days count, and those are the 1st, 11th and 21st.
        ("0 0 0 */10 * fri", 7),
        ("0 0 0 */1 * fri", 4),
        ("0 0 0 1-31 * fri", 30),
        ("0 0 0 *,13 * fri", 4),
        ("0 0 0 13 * */6", 10),
        // No day is named, so it is the weekday that is enough.
        ("0 0 0 , * fri", 4),
        ("0 0 0 , * *", 0),
    ] {
        assert_eq!(named_in(fields, "2026-11"), expected, "{fields}");
    }
}

#[test]
fn steps_ranges_and_lists_name_what_they_say() {
    let (after, until) = ("2026-11-21T23:59:59.999Z", "2026-11-22T00:59:59.999Z");
    for (fields, expected) in [
        ("* * * * * *", 3600),
        ("? ? ? ? ? ?", 3600),
        ("*/2 * * * * *", 1800),
        ("0 */7 * * * *", 9),
        ("0 50/5 * * * *", 2),
        ("0 10-20/5 * * * *", 3),
        ("0 10-20,15-25,40 * * * *", 17),
        ("0 5,,5, * * * *", 1),
        ("0 007 0-0 * * *", 1),
        ("0 */100 * * * *", 1),
        ("0 *-9 * * * *", 60),
        ("59 59 0/8 * * *", 1),
        ("0 0 1 * * *", 0),
    ] {
        assert_eq!(named(fields, after, until), expected, "{fields}");
    }
}

#[test]
fn a_moment_is_after_what_it_is_counted_from_and_may_be_the_last_one_counted() {
    let noon = "0 0 12 * * *";
    for (after, until, expected) in [
        ("2026-11-22T11:59:59.999Z", "2026-11-22T12:00:00Z", 1),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00.5Z", 0),
        ("2026-11-22T11:00:00Z", "2026-11-22T11:59:59.999Z", 0),
        ("2026-11-22T12:00:00Z", "2026-11-24T12:00:00Z", 2),
        ("2026-11-22T12:00:00Z", "2026-11-20T12:00:00Z", 0),
    ] {
        assert_eq!(named(noon, after, until), expected, "{after} {until}");
    }
    assert_eq!(named("0 0 0 * * *", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"), 1);
}

#[test]
fn what_is_counted_is_what_one_finds_by_looking_at_every_second() {
    let fields = "*/7 3-50/9 1,5,23 * * 1-5";
    let is_named = |second: u64| {
        // 1970 began on a Thursday.
        let (day, hour, minute) = ((second / 86_400 + 4) % 7, second / 3600 % 24, second / 60 % 60);
        let is_minute = (3..=50).contains(&minute) && (minute - 3).is_multiple_of(9);
        let is_second = (second % 60).is_multiple_of(7);
        is_second && is_minute && [1, 5, 23].contains(&hour) && (1..=5).contains(&day)
    };
    let start = at("2026-11-18T22:41:07Z").0 / 1000;
    let cron = Cron::read(fields).unwrap();
    for (skip, length) in [(0, 1), (5, 500), (900, 7777), (7200, 86_400), (77, 300_001)] {
        let (after, until) = (start + skip, start + skip + length);
        let expected = (after + 1..=until).filter(|&second| is_named(second)).count();
        let count = cron.count(Timestamp(after * 1000), Timestamp(until * 1000), u32::MAX);
        assert_eq!(count as usize, expected, "{length} s after {after}");
    }
}

#[test]
fn what_the_server_refuses_names_nothing() {
    for fields in [
        "",
        "* * * * *",
        "* * * * * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * 32 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "* * * * * 5-7",
        "* * * * * fri-mon",
        "*/0 * * * * *",
        "*/ * * * * *",
        "1/2/3 * * * * *",
        "1-2-3 * * * * *",
        "-5 * * * * *",
        "5- * * * * *",
        "jan * * * * *",
        "* * * L * *",
        "@hourly",
    ] {
        assert!(Cron::read(fields).is_none(), "{fields}");
    }
}

#[test]
fn counting_has_an_end() {
    let always = Cron::read("* * * * * *").unwrap();
    let never = Cron::read("0 0 0 31 2 *").unwrap();
    let ever = [Timestamp(0), at("9999-12-30T00:00:00Z"), Timestamp(u64::MAX)];
    for until in ever {
        assert!(always.count(Timestamp(0), until, 1001) <= 1001);
        assert_eq!(never.count(Timestamp(0), until, 1001), 0);
    }
    assert_eq!(always.count(Timestamp(0), ever[1], 1001), 1001);
    assert_eq!(always.count(Timestamp(u64::MAX), Timestamp(0), 1001), 0);
}
