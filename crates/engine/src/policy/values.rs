//! Turns YAML nodes into the values of a detection and into JSON for inline tests.

use super::Literal;
use crate::yaml::{Node, Yaml};

/// A scalar as the detection language sees it; `None` for lists and maps.
pub(crate) fn literal(node: &Node) -> Option<Literal> {
    let Yaml::Scalar { text, plain } = &node.value else { return None };
    Some(match text.as_str() {
        _ if node.is_null() => Literal::Null,
        "true" | "True" | "TRUE" if *plain => Literal::Bool(true),
        "false" | "False" | "FALSE" if *plain => Literal::Bool(false),
        number if *plain && is_number(number) => Literal::Number(number.to_owned()),
        other => Literal::Text(other.to_owned()),
    })
}

/// Whether the text is a JSON number. A leading zero makes it a text: `012345678901` is an account.
fn is_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}

/// The node as JSON. A plain number of twelve digits is an account id and becomes a text, as CloudTrail writes it.
pub(crate) fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Yaml::List(items) => Json::Array(items.iter().map(json).collect()),
        Yaml::Map(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.text().unwrap_or_default().to_owned(), json(value))).collect())
        }
        Yaml::Scalar { text, .. } => match literal(node) {
            Some(Literal::Null) => Json::Null,
            Some(Literal::Bool(value)) => Json::Bool(value),
            Some(Literal::Number(number)) if !is_account(&number) => {
                serde_json::from_str(&number).unwrap_or(Json::String(number))
            }
            _ => Json::String(text.clone()),
        },
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Report;

    fn node(source: &str) -> Node {
        crate::yaml::parse(source, &mut Report::new("f")).remove(0)
    }

    #[test]
    fn plain_scalars_mean_what_they_say_and_quoted_ones_are_text() {
        let expect = [
            ("22", Literal::Number("22".into())),
            ("'22'", Literal::Text("22".into())),
            ("012345678901", Literal::Text("012345678901".into())),
            ("true", Literal::Bool(true)),
            ("\"true\"", Literal::Text("true".into())),
            ("no", Literal::Text("no".into())),
            ("~", Literal::Null),
            ("''", Literal::Text(String::new())),
        ];
        for (source, value) in expect {
            assert_eq!(literal(&node(source)), Some(value), "{source}");
        }
    }

    #[test]
    fn events_of_tests_become_json_with_account_ids_as_text() {
        let event = json(&node("{a: 123456789012, b: 5, c: [true, ~, x]}"));
        assert_eq!(event.to_string(), r#"{"a":"123456789012","b":5,"c":[true,null,"x"]}"#);
    }
}
