//! The plain path `tasks.<id>.output.…`, read without an engine and followed without parsing
//! numbers.

use serde_json::value::RawValue;

use crate::value::{fields, items};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// A task and the steps into its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) task: String,
    pub(super) steps: Vec<Step>,
}

/// Reads `text` as a path; `None` when it is any other expression.
pub(super) fn parse(text: &str) -> Option<Path> {
    let (root, mut rest) = identifier(text.trim())?;
    if root != "tasks" {
        return None;
    }
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = step(rest)?;
        steps.push(step);
        rest = after;
    }
    let mut steps = steps.into_iter();
    let (Some(Step::Key(task)), Some(Step::Key(output))) = (steps.next(), steps.next()) else {
        return None;
    };
    (output == "output").then(|| Path { task, steps: steps.collect() })
}

/// A `.name`, `["name"]`, `['name']` or `[0]` and what follows it.
pub(super) fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(after) = text.strip_prefix('.') {
        let (name, rest) = identifier(after)?;
        return Some((Step::Key(name.to_owned()), rest));
    }
    let inside = text.strip_prefix('[')?.trim_start();
    if let Some(quote @ ('"' | '\'')) = inside.chars().next() {
        let inside = &inside[1..];
        let end = inside.find(quote)?;
        let name = &inside[..end];
        let rest = inside[end + 1..].trim_start().strip_prefix(']')?;
        // An escape needs the engine.
        return (!name.contains('\\')).then(|| (Step::Key(name.to_owned()), rest));
    }
    let end = inside.find(']')?;
    let index = inside[..end].trim_end().parse().ok()?;
    Some((Step::Item(index), &inside[end + 1..]))
}

/// A name at the start of `text` and what follows it.
pub(super) fn identifier(text: &str) -> Option<(&str, &str)> {
    let end = text
        .char_indices()
        .find(|(at, c)| !(*c == '_' || c.is_alphabetic() || (*at > 0 && c.is_alphanumeric())))
        .map_or(text.len(), |(at, _)| at);
    (end > 0).then(|| text.split_at(end))
}

/// The value a path leads to in an output, or the step that leads nowhere.
pub(super) fn follow<'a>(output: &'a RawValue, steps: &[Step]) -> Result<&'a RawValue, Step> {
    let mut value = output;
    for step in steps {
        let found = match step {
            Step::Key(key) => fields(value)
                .and_then(|all| all.into_iter().rev().find(|field| field.key == *key))
                .map(|field| field.value),
            Step::Item(index) => items(value).and_then(|all| all.get(*index).copied()),
        };
        value = found.ok_or_else(|| step.clone())?;
    }
    Ok(value)
}

impl Path {
    /// The path as people write it, up to and without `step`.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("tasks.{}.output", self.task);
        for step in &self.steps {
            match step {
                Step::Key(key) => {
                    text.push('.');
                    text.push_str(key);
                }
                Step::Item(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_paths() {
        let key = |name: &str| Step::Key(name.to_owned());
        type Expected<'a> = Option<(&'a str, Vec<Step>)>;
        let cases: &[(&str, Expected<'_>)] = &[
            ("tasks.a.output", Some(("a", vec![]))),
            (" tasks.a.output.x[0].y ", Some(("a", vec![key("x"), Step::Item(0), key("y")]))),
            ("tasks[\"a.b\"].output['c d']", Some(("a.b", vec![key("c d")]))),
            ("tasks.a.output | length", None),
            ("tasks.a.output.x + 1", None),
            ("tasks.a.outputs", None),
            ("task.a.output", None),
            ("tasks[0].output", None),
            ("tasks.a.output[-1]", None),
            ("tasks.a.output[", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let expected = expected.clone();
            let expected = expected.map(|(task, steps)| Path { task: task.to_owned(), steps });
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn following_a_path_keeps_every_digit() {
        let output: Box<RawValue> =
            serde_json::from_str(r#"{"x": [1e400, 10000000000000000000000000000000000000001]}"#)
                .unwrap();
        let at = |index| follow(&output, &[Step::Key("x".into()), Step::Item(index)]);
        assert_eq!(at(0).unwrap().get(), "1e400");
        assert_eq!(at(1).unwrap().get(), "10000000000000000000000000000000000000001");
        assert_eq!(at(2).unwrap_err(), Step::Item(2));
    }
}
