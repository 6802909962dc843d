//! Parameters with every expression replaced by its value.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::value::RawValue;

use super::path::{self, Step};
use super::{Piece, pieces};
use crate::structure::{self, Walk};
use crate::{Json, limits};

/// Why an expression has no value. Another attempt would end the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{{{expression}}}}}` has no value: {problem}")]
pub struct ResolveError {
    /// The inside of the marks.
    pub expression: String,
    /// What is wrong.
    pub problem: String,
}

/// Whether `parameters` hold any mark at all; most do not, and then nothing is to be done.
#[must_use]
pub fn has_any(parameters: &Json) -> bool {
    parameters.text().contains(super::OPEN)
}

/// The ids of the tasks that the expressions of `parameters` name, sorted.
#[must_use]
pub fn references(parameters: &Json) -> BTreeSet<String> {
    let text = parameters.text();
    let mut found = BTreeSet::new();
    let mut walk = Walk::new(text);
    while let Some(structure::Step::String(literal)) = walk.step() {
        let quoted = &text[literal.span];
        if literal.is_key || !quoted.contains(super::OPEN) {
            continue;
        }
        let Ok(decoded) = serde_json::from_str::<String>(quoted) else {
            continue;
        };
        for piece in pieces(&decoded) {
            if let Piece::Expression(range) = piece {
                found.extend(super::inspect(&decoded[range]).unwrap_or_default());
            }
        }
    }
    found
}

/// `parameters` with every `${{ … }}` replaced; all other bytes stay as they are.
///
/// `outputs` are the outputs of the tasks that the parameters refer to, by task id.
///
/// # Errors
/// [`ResolveError`] for the first expression without a value.
pub fn resolve(parameters: &Json, outputs: &BTreeMap<String, Json>) -> Result<Json, ResolveError> {
    let text = parameters.text();
    let mut out = String::new();
    let mut copied = 0;
    let mut walk = Walk::new(text);
    while let Some(structure::Step::String(literal)) = walk.step() {
        let quoted = &text[literal.span.clone()];
        if literal.is_key || !quoted.contains(super::OPEN) {
            continue;
        }
        let Ok(decoded) = serde_json::from_str::<String>(quoted) else {
            continue;
        };
        out.push_str(&text[copied..literal.span.start]);
        out.push_str(&value_of(&decoded, outputs)?);
        copied = literal.span.end;
    }
    out.push_str(&text[copied..]);
    Json::from_text(out).map_err(|error| ResolveError {
        expression: String::new(),
        problem: format!("the parameters are no longer JSON: {error}"),
    })
}

/// The JSON text that takes the place of a string with expressions.
fn value_of(text: &str, outputs: &BTreeMap<String, Json>) -> Result<String, ResolveError> {
    let pieces = pieces(text);
    if let [Piece::Expression(range)] = pieces.as_slice() {
        return evaluate(&text[range.clone()], outputs);
    }
    let mut joined = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(range) => joined.push_str(&text[range]),
            Piece::Expression(range) => {
                let value = evaluate(&text[range], outputs)?;
                match serde_json::from_str::<String>(&value) {
                    Ok(string) => joined.push_str(&string),
                    Err(_) => joined.push_str(&value),
                }
            }
            Piece::Unclosed(range) => {
                return Err(failure(&text[range], "`}}` is missing"));
            }
        }
    }
    serde_json::to_string(&joined).map_err(|error| failure(text, error.to_string()))
}

fn failure(expression: &str, problem: impl Into<String>) -> ResolveError {
    ResolveError { expression: expression.to_owned(), problem: problem.into() }
}

/// The value of one expression as JSON text.
fn evaluate(text: &str, outputs: &BTreeMap<String, Json>) -> Result<String, ResolveError> {
    if let Some(path) = path::parse(text) {
        let output = outputs
            .get(&path.task)
            .ok_or_else(|| failure(text, format!("task `{}` has no output here", path.task)))?;
        let raw: &RawValue = output.read().map_err(|error| failure(text, error.to_string()))?;
        return match path::follow(raw, &path.steps) {
            Ok(value) => Ok(value.get().to_owned()),
            Err(Step::Key(key)) => {
                Err(failure(text, format!("`{}` leads nowhere: there is no `{key}`", path.shown())))
            }
            Err(Step::Item(index)) => Err(failure(
                text,
                format!("`{}` leads nowhere: there is no item {index}", path.shown()),
            )),
        };
    }
    let failed = |error: &minijinja::Error| {
        failure(text, error.detail().map_or_else(|| error.to_string(), ToOwned::to_owned))
    };
    let environment = environment();
    let expression = environment.compile_expression(text).map_err(|error| failed(&error))?;
    let mut tasks = BTreeMap::new();
    for id in super::inspect(text).unwrap_or_default() {
        let Some(output) = outputs.get(&id) else {
            continue;
        };
        let value: serde_json::Value = output
            .read()
            .map_err(|error| failure(text, format!("the output of `{id}`: {error}")))?;
        tasks.insert(id, BTreeMap::from([("output", Value::from(Serde(&value)))]));
    }
    let value =
        expression.eval(BTreeMap::from([("tasks", tasks)])).map_err(|error| failed(&error))?;
    if value.is_undefined() {
        return Err(failure(text, "it is undefined"));
    }
    serde_json::to_string(&value).map_err(|error| failure(text, error.to_string()))
}

/// The engine: built-in filters only, no loader, bounded work, undefined is an error.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(limits::EXPRESSION_FUEL));
    // These make as much of nothing as a number asks for; they lay out pages, which is not done here.
    for filter in ["batch", "center", "format", "indent", "slice"] {
        environment.remove_filter(filter);
    }
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment
}

/// The built-in one, for as long as its result is no larger than an expression may make.
fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    let places = text.matches(from).count();
    fits(text.len().saturating_add(places.saturating_mul(to.len())))?;
    Ok(text.replace(from, to))
}

/// The same of the built-in one that joins a list.
fn join(list: &Value, between: Option<&str>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut joined = String::new();
    for (place, item) in list.try_iter()?.enumerate() {
        let item = item.to_string();
        fits(joined.len().saturating_add(between.len()).saturating_add(item.len()))?;
        if place > 0 {
            joined.push_str(between);
        }
        joined.push_str(&item);
    }
    Ok(joined)
}

fn fits(bytes: usize) -> Result<(), Error> {
    let most = limits::EXPRESSION_TEXT_BYTES;
    if bytes <= most {
        return Ok(());
    }
    let text = format!("it would make a text of {bytes} bytes or more; {most} are allowed");
    Err(Error::new(ErrorKind::InvalidOperation, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> BTreeMap<String, Json> {
        let output = r#"{"n": 10000000000000000000000000000000000000001, "s": "a\"b", "l": [1, 2],
            "big": 1e400, "t": true, "nothing": null}"#;
        let flat = output.replace('\n', " ");
        BTreeMap::from([("a".to_owned(), Json::from_text(flat.trim()).unwrap())])
    }

    #[test]
    fn strings_become_values_and_the_rest_keeps_its_bytes() {
        let cases = [
            (r#"{"x":  1e400, "y": -0.0}"#, r#"{"x":  1e400, "y": -0.0}"#),
            (
                r#"{"x": "${{ tasks.a.output.n }}"}"#,
                r#"{"x": 10000000000000000000000000000000000000001}"#,
            ),
            (r#"["${{ tasks.a.output.big }}"]"#, r"[1e400]"),
            (r#"["<${{ tasks.a.output.s }}>"]"#, r#"["<a\"b>"]"#),
            (r#"["n=${{ tasks.a.output.l }}"]"#, r#"["n=[1, 2]"]"#),
            (r#"["$${{ tasks.a.output.l }}"]"#, r#"["${{ tasks.a.output.l }}"]"#),
            (r#"{"${{ key }}": 1}"#, r#"{"${{ key }}": 1}"#),
            (r#"["{% x %} {# y #} ${{ 'z' }}"]"#, r#"["{% x %} {# y #} z"]"#),
            (r#"["${{ tasks.a.output.l[1] }}", "${{ tasks.a.output.t }}"]"#, "[2, true]"),
            (r#"["${{ tasks.a.output.nothing }}"]"#, "[null]"),
        ];
        for (parameters, expected) in cases {
            let parameters = Json::from_text(parameters).unwrap();
            assert_eq!(resolve(&parameters, &outputs()).unwrap().text(), expected);
        }
    }

    #[test]
    fn expressions_compute_where_numbers_fit() {
        let plain =
            BTreeMap::from([("a".to_owned(), Json::from_text(r#"{"l":[1,2,3]}"#).unwrap())]);
        let parameters = Json::from_text(r#"["${{ tasks.a.output.l | length + 1 }}"]"#).unwrap();
        assert_eq!(resolve(&parameters, &plain).unwrap().text(), "[4]");
    }

    #[test]
    fn no_filter_makes_a_text_that_fills_the_memory() {
        let long = "x".repeat(2_000);
        let swollen = [
            "'%1000000000d' | format(1)".to_owned(),
            "'a' | indent(1000000000)".to_owned(),
            "[1] | batch(1000000000, 0)".to_owned(),
            format!("('{long}' * 100) | replace('x', '{long}')"),
            format!("range(10000) | join('{long}')"),
        ];
        for expression in swollen {
            let parameters = Json::from_value(&format!("${{{{ {expression} }}}}")).unwrap();
            assert!(resolve(&parameters, &outputs()).is_err(), "{expression:.60}");
        }
        let text = "${{ [1, 2] | join(', ') | replace(',', ';') }}";
        let parameters = Json::from_value(text).unwrap();
        assert_eq!(resolve(&parameters, &outputs()).unwrap().text(), "\"1; 2\"");
    }

    #[test]
    fn what_has_no_value_is_named() {
        let cases = [
            (r#"["${{ tasks.a.output.zzz }}"]"#, "there is no `zzz`"),
            (r#"["${{ tasks.a.output.l[7] }}"]"#, "there is no item 7"),
            (r#"["${{ tasks.b.output }}"]"#, "task `b` has no output here"),
            (r#"["${{ 1 / 0 }}"]"#, "unable to calculate"),
            (r#"["${{ range(1000000) | list | length }}"]"#, ""),
            (r#"["x ${{ tasks.a.output"]"#, "missing"),
        ];
        for (parameters, expected) in cases {
            let parameters = Json::from_text(parameters).unwrap();
            let error = resolve(&parameters, &outputs()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
