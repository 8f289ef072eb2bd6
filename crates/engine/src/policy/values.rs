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
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let byte = |at: usize| unsigned.as_bytes().get(at).copied();
    let fraction = byte(whole) != Some(b'.') || byte(whole + 1).is_some_and(|byte| byte.is_ascii_digit());
    let leading_zero = whole > 1 && unsigned.starts_with('0');
    whole > 0 && !leading_zero && fraction && crate::number::is_number(text) && !text.starts_with('+')
}

/// The node as JSON text, its numbers as written. A plain number of twelve digits is an account id and becomes a text, as
/// CloudTrail writes it.
pub(crate) fn json(node: &Node) -> String {
    let list = |parts: Vec<String>| parts.join(",");
    match &node.value {
        Yaml::List(items) => format!("[{}]", list(items.iter().map(json).collect())),
        Yaml::Map(entries) => {
            let part = |(key, value): &(Node, Node)| format!("{}:{}", quoted(key.text().unwrap_or_default()), json(value));
            format!("{{{}}}", list(entries.iter().map(part).collect()))
        }
        Yaml::Scalar { text, .. } => match literal(node) {
            Some(Literal::Null) => "null".to_owned(),
            Some(Literal::Bool(value)) => value.to_string(),
            Some(Literal::Number(number)) if !is_account(&number) => number,
            _ => quoted(text),
        },
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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
        let event = json(&node("{a: 123456789012, b: 5, c: [true, ~, x], d: 12345678901234567890123, e: 2.20}"));
        let expected = r#"{"a":"123456789012","b":5,"c":[true,null,"x"],"d":12345678901234567890123,"e":2.20}"#;
        assert_eq!(event, expected);
    }

    #[test]
    fn numbers_are_those_of_json() {
        for text in ["0", "-0", "10", "1.5", "-0.5e+7", "1E5", "1e400", "123456789012345678901234567890"] {
            assert!(is_number(text), "{text}");
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok(), "{text}");
        }
        for text in ["", "-", "01", "-01", "+1", ".5", "5.", "1.e5", "1e", "0x16", "1_000", "inf", "NaN", "1 2"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
