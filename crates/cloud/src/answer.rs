//! Typed values out of AWS's answers.
//!
//! What AWS may leave out is an `Option`; what must be there and is not makes the answer malformed. The query
//! protocols answer in XML, where everything is text: flags are read from `true` and from `"true"`.

use serde_json::Value;

use crate::{Call, CloudError, Operation};

/// The text of a field; `None` if it is missing, empty or not text.
pub(crate) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A field that is true or false.
pub(crate) fn flag(value: &Value, name: &str) -> Option<bool> {
    match value.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A time, in whole seconds since 1970 UTC. AWS writes a number, often with a fraction, which is dropped.
pub(crate) fn seconds(value: &Value, name: &str) -> Option<i64> {
    let number = value.get(name)?;
    number.as_i64().or_else(|| number.as_f64().and_then(whole_seconds))
}

/// The whole seconds of a number that may be anything JSON can write.
fn whole_seconds(number: f64) -> Option<i64> {
    // The years 1677 to 2262: far wider than what AWS can mean, and within what i64 holds exactly.
    let bound = 9.2e9;
    #[expect(clippy::cast_possible_truncation, reason = "the number is floored and within the bound just checked")]
    (-bound..=bound).contains(&number).then(|| number.floor() as i64)
}

/// The elements of a list. A missing list is empty; XML's `{"item": …}` and `{"member": …}` are lists too, and one
/// element alone need not stand in an array there.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let Some(list) = value.get(name) else { return &[] };
    let list = list.get("item").or_else(|| list.get("member")).unwrap_or(list);
    match list {
        Value::Array(elements) => elements,
        Value::Object(_) => std::slice::from_ref(list),
        _ => &[],
    }
}

/// The texts of a list. `None` if the field is there and is not a list of texts.
pub(crate) fn texts(value: &Value, name: &str) -> Option<Vec<String>> {
    match value.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(elements)) => elements.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    }
}

/// The error of an answer that lacks something AWS documents as always there.
pub(crate) fn malformed(operation: &Operation, region: &str, reason: impl Into<String>) -> CloudError {
    CloudError::Malformed {
        call: Call { service: operation.service.id, operation: operation.name, region: region.to_owned() },
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_whole_seconds() {
        for (written, expected) in [
            (json!(1_731_412_345), Some(1_731_412_345)),
            (json!(1_731_412_345.987), Some(1_731_412_345)),
            (json!(-0.5), Some(-1)),
            (json!(1e300), None),
            (json!("2024-11-12T11:52:25Z"), None),
            (json!(null), None),
        ] {
            assert_eq!(seconds(&json!({"T": written}), "T"), expected, "{written}");
        }
    }

    #[test]
    fn lists_are_read_as_json_and_as_xml() {
        for (written, expected) in [
            (json!([{"a": 1}, {"a": 2}]), 2),
            (json!({"item": [{"a": 1}, {"a": 2}]}), 2),
            (json!({"item": {"a": 1}}), 1),
            (json!({"member": [{"a": 1}]}), 1),
            (json!([]), 0),
            (json!(""), 0),
            (json!(null), 0),
        ] {
            assert_eq!(items(&json!({"L": written}), "L").len(), expected, "{written}");
        }
        assert!(items(&json!({}), "L").is_empty());
    }

    #[test]
    fn a_list_with_something_else_in_it_is_not_a_list_of_texts() {
        assert_eq!(texts(&json!({"L": ["a", "b"]}), "L"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(texts(&json!({}), "L"), Some(Vec::new()));
        assert_eq!(texts(&json!({"L": ["a", 1]}), "L"), None);
        assert_eq!(texts(&json!({"L": "a"}), "L"), None);
    }

    #[test]
    fn flags_are_read_from_json_and_from_xml() {
        assert_eq!(flag(&json!({"F": true}), "F"), Some(true));
        assert_eq!(flag(&json!({"F": "false"}), "F"), Some(false));
        assert_eq!(flag(&json!({"F": "perhaps"}), "F"), None);
        assert_eq!(flag(&json!({}), "F"), None);
    }
}
