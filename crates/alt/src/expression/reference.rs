//! What an expression refers to, and whether it can be read at all.

use super::after_string;
use super::path::{Step, identifier, step};

/// Why an expression is refused before it is ever evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be read; the engine's words.
    Syntax(String),
    /// It uses a name that means nothing here.
    UnknownName(String),
    /// It reaches for a task in a way that cannot be checked.
    Unclear,
}

/// The tasks an expression names, in order, repeats included.
pub(crate) fn inspect(text: &str) -> Result<Vec<String>, Fault> {
    let environment = super::resolve::environment();
    let expression = environment.compile_expression(text).map_err(|error| {
        Fault::Syntax(error.detail().map_or_else(|| error.to_string(), ToOwned::to_owned))
    })?;
    let mut names: Vec<_> = expression
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| name != "tasks" && !environment.globals().any(|(known, _)| known == name))
        .collect();
    names.sort();
    match names.into_iter().next() {
        Some(name) => Err(Fault::UnknownName(name)),
        None => tasks(text),
    }
}

fn tasks(text: &str) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    // After a dot, `tasks` is somebody's field.
    let mut after_dot = false;
    while at < text.len() {
        if matches!(bytes[at], b'"' | b'\'') {
            at = after_string(bytes, at).unwrap_or(text.len());
            after_dot = false;
            continue;
        }
        let Some((name, rest)) = identifier(&text[at..]) else {
            let width = text[at..].chars().next().map_or(1, char::len_utf8);
            after_dot = bytes[at] == b'.' || (after_dot && bytes[at].is_ascii_whitespace());
            // A number may be glued to letters; skip it whole.
            at += width;
            continue;
        };
        at = text.len() - rest.len();
        if name == "tasks" && !after_dot {
            let (Step::Key(task), rest) = step(rest).ok_or(Fault::Unclear)? else {
                return Err(Fault::Unclear);
            };
            match step(rest) {
                Some((Step::Key(output), _)) if output == "output" => {}
                _ => return Err(Fault::Unclear),
            }
            found.push(task);
            at = text.len() - rest.len();
        }
        after_dot = false;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_wherever_they_stand() {
        let cases: &[(&str, &[&str])] = &[
            ("tasks.a.output", &["a"]),
            ("tasks.a.output.x ~ tasks[\"b c\"].output", &["a", "b c"]),
            ("'tasks.z.output' ~ tasks.a.output.tasks.x", &["a"]),
            ("tasks.a.output | length + 1", &["a"]),
            ("[1, 2]", &[]),
            ("tasks.a.output if tasks.b.output else tasks.a.output", &["a", "b", "a"]),
        ];
        for (text, expected) in cases {
            assert_eq!(inspect(text).unwrap(), *expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        assert!(matches!(inspect("tasks.a.output +"), Err(Fault::Syntax(_))));
        assert!(matches!(inspect(""), Err(Fault::Syntax(_))));
        assert_eq!(inspect("secret.x"), Err(Fault::UnknownName("secret".into())));
        assert_eq!(inspect("tasks"), Err(Fault::Unclear));
        assert_eq!(inspect("tasks | list"), Err(Fault::Unclear));
        assert_eq!(inspect("tasks.a.status"), Err(Fault::Unclear));
        assert_eq!(inspect("tasks[0].output"), Err(Fault::Unclear));
        assert_eq!(inspect("[tasks][0].a.output"), Err(Fault::Unclear));
    }
}
