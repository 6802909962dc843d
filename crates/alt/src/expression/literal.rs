//! Parameters that mean themselves: what comes from outside is no template.

use crate::Json;
use crate::structure::{Step, Walk};

/// `json` so that [`resolve`](super::resolve) gives back exactly what it is: every `${{` in a text is
/// written as `$${{`. All other bytes stay as they are.
#[must_use]
pub fn literal(json: Json) -> Json {
    if !super::has_any(&json) {
        return json;
    }
    let text = json.text();
    let mut out = String::with_capacity(text.len() + 8);
    let mut copied = 0;
    let mut walk = Walk::new(text);
    while let Some(Step::String(found)) = walk.step() {
        let quoted = &text[found.span.clone()];
        if found.is_key || !quoted.contains(super::OPEN) {
            continue;
        }
        let marked = serde_json::from_str::<String>(quoted)
            .and_then(|decoded| serde_json::to_string(&decoded.replace(super::OPEN, "$${{")));
        // No string of JSON fails to be read as one.
        let Ok(marked) = marked else { continue };
        out.push_str(&text[copied..found.span.start]);
        out.push_str(&marked);
        copied = found.span.end;
    }
    out.push_str(&text[copied..]);
    Json::from_text(out).unwrap_or(json)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_literal_resolves_to_itself() {
        for text in [
            r#"{"a": "plain", "n": 1e400}"#,
            r#"{"a": "${{ tasks.b.output }}"}"#,
            r#"["$${{ x }}", "${{", "${{${{", "a $ ${{ '}}' }} \u0024{{ z"]"#,
            r#"{"${{ key }}": ["${{ 1 + 1 }}"], "n": 0.10000000000000000000001}"#,
        ] {
            let given = Json::from_text(text).unwrap();
            let back = super::super::resolve(&literal(given.clone()), &BTreeMap::new()).unwrap();
            let [given, back] = [given, back].map(|json| {
                serde_json::from_str::<serde_json::Value>(json.text())
                    .map_or_else(|_| json.text().to_owned(), |value| value.to_string())
            });
            assert_eq!(given, back, "{text}");
        }
    }
}
