//! What a plain YAML scalar means: the core schema of YAML 1.2 and nothing more.

use std::borrow::Cow;

use super::tree::Value;

/// A number that YAML can write and JSON cannot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotJson;

/// Reads a scalar without quotes. Numbers keep their digits.
pub(super) fn resolve(text: Cow<'_, str>) -> Result<Value<'_>, NotJson> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Word("true".into())),
        "false" | "False" | "FALSE" => return Ok(Value::Word("false".into())),
        ".nan" | ".NaN" | ".NAN" => return Err(NotJson),
        _ => {}
    }
    if is_infinite(&text) {
        return Err(NotJson);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return based(digits, 16).unwrap_or(Ok(Value::Text(text)));
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return based(digits, 8).unwrap_or(Ok(Value::Text(text)));
    }
    Ok(match decimal(&text) {
        Some(number) if number == text => Value::Word(text),
        Some(number) => Value::Word(number.into()),
        None => Value::Text(text),
    })
}

fn is_infinite(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(text, ".inf" | ".Inf" | ".INF")
}

/// A number in base 8 or 16; nothing if these are not digits of the base.
fn based(digits: &str, base: u32) -> Option<Result<Value<'static>, NotJson>> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let number = u128::from_str_radix(digits, base);
    Some(number.map(|number| Value::Word(number.to_string().into())).map_err(|_| NotJson))
}

/// `text` as a JSON number, if it is a decimal number of the core schema.
fn decimal(text: &str) -> Option<String> {
    let (minus, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, exponent) = match rest.find(['e', 'E']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let power = exponent.get(1..).unwrap_or("");
    let power_digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    let proper = is_digits(whole)
        && fraction.is_none_or(is_digits)
        && !(whole.is_empty() && fraction.is_none_or(str::is_empty))
        && is_digits(power_digits)
        && (exponent.is_empty() || !power_digits.is_empty());
    if !proper {
        return None;
    }
    let significant = whole.trim_start_matches('0');
    let whole = if significant.is_empty() { "0" } else { significant };
    let fraction = match fraction {
        Some("") => ".0".to_owned(),
        Some(digits) => format!(".{digits}"),
        None => String::new(),
    };
    Some(format!("{minus}{whole}{fraction}{exponent}"))
}
