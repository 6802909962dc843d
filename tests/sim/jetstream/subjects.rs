//! How subjects and patterns match.

/// Whether everything that `subject` matches is matched by `pattern`; `subject` may be literal.
///
/// Every message is held against every subscription, and most begin alike and differ in a plain word:
/// bytes tell so much sooner than words.
pub(super) fn covers(pattern: &str, subject: &str) -> bool {
    let alike = pattern.bytes().zip(subject.bytes()).take_while(|(a, b)| a == b).count();
    if !matches!(pattern.as_bytes().get(alike), Some(b'*' | b'>')) {
        return pattern.len() == subject.len() && alike == pattern.len();
    }
    // A wildcard is a word of its own, so all words before it are alike.
    let mut words = subject[alike..].split('.');
    for wanted in pattern[alike..].split('.') {
        match (wanted, words.next()) {
            (_, None) | (_, Some(">")) if wanted != ">" => return false,
            (">", word) => return word.is_some(),
            ("*", Some(_)) => {}
            (wanted, Some(word)) if wanted == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

/// Whether `pattern` is told of `subject`, whose wildcards count as plain words: so the server looks
/// for consumers that a removal concerns.
pub(super) fn hears(pattern: &str, subject: &str) -> bool {
    let mut words = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, words.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(word)) if wanted == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

/// Whether some subject is matched by both patterns.
pub(super) fn collide(one: &str, other: &str) -> bool {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

/// Whether it has a wildcard.
pub(super) fn is_pattern(subject: &str) -> bool {
    subject.split('.').any(|word| word == "*" || word == ">")
}

/// What all subjects that match begin with.
pub(super) fn literal_start(pattern: &str) -> &str {
    let wild = pattern.split('.').scan(0, |at, word| {
        let start = *at;
        *at += word.len() + 1;
        Some((start, word))
    });
    let first = wild.into_iter().find(|(_, word)| *word == "*" || *word == ">");
    first.map_or(pattern, |(at, _)| &pattern[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_what_they_match() {
        for (pattern, subject) in [
            ("a.b", "a.b"),
            ("a.*", "a.b"),
            ("a.>", "a.b.c"),
            ("a.>", "a.*"),
            ("*.*", "a.*"),
            ("a.*.c", "a.b.c"),
            ("a.*", "a.*"),
            (">", "a"),
        ] {
            assert!(covers(pattern, subject), "{pattern} {subject}");
        }
        for (pattern, subject) in [
            ("a.b", "a.*"),
            ("a.>", "a"),
            ("a.*", "a.>"),
            ("a.*", "a.b.c"),
            ("a.b.c", "a.b"),
            ("a.b", "a.bc"),
            ("a.bc", "a.b"),
            ("a.*.c", "a.b.d"),
            ("a.*.c", "a.b"),
            ("a.b", "a.b.c"),
        ] {
            assert!(!covers(pattern, subject), "{pattern} {subject}");
        }
        assert!(hears("a.>", "a.*"));
        assert!(!hears("a.0.*", "a.*.b"));
    }

    #[test]
    fn patterns_collide_when_a_subject_fits_both() {
        assert!(collide("task.q.0.*", "task.*.0.x"));
        assert!(collide("a.>", "a.b.*"));
        assert!(!collide("task.q.0.*", "task.q.1.*"));
        assert!(!collide("a.*", "a.b.c"));
    }

    #[test]
    fn the_literal_start_of_a_pattern_ends_before_its_first_wildcard() {
        assert_eq!(literal_start("run.x.>"), "run.x.");
        assert_eq!(literal_start("*.x"), "");
        assert_eq!(literal_start("run.x"), "run.x");
    }
}
