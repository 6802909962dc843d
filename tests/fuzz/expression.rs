//! The scanner of expressions: parameters resolve to JSON or say why not, and spare what has none.

use std::collections::BTreeMap;

use alt::Json;
use alt::expression::{has_any, references, resolve};

/// What the task `a` returned.
const OUTPUT: &str =
    r#"{"n": 3, "big": 1e400, "s": "a\"}}b", "l": [1, [2], {"k": null}], "t": true}"#;

/// Resolves `bytes` as parameters, and as one string of them.
pub fn hold(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let quoted = serde_json::to_string(text).expect("a string is JSON");
    resolved(&Json::from_text(quoted).expect("a string is JSON"));
    if let Ok(parameters) = Json::from_text(text) {
        resolved(&parameters);
    }
}

fn resolved(parameters: &Json) {
    let output = Json::from_text(OUTPUT).expect("it is JSON");
    let outputs = BTreeMap::from([("a".to_owned(), output)]);
    let named = references(parameters);
    match resolve(parameters, &outputs) {
        Ok(resolved) => {
            Json::from_text(resolved.text()).expect("the result is JSON");
            if !has_any(parameters) {
                assert!(named.is_empty(), "{named:?} of {parameters:?}");
                assert_eq!(resolved.text(), parameters.text());
            }
        }
        Err(error) => {
            assert!(has_any(parameters), "{error} of {parameters:?}");
            assert!(!error.problem.is_empty(), "{parameters:?}");
        }
    }
}
