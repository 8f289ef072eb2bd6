//! Pretty-prints a record for reading, without changing what it says: the order of keys, keys that occur twice and
//! the way numbers are written all stay, which a parse into a map and back would lose.

use serde::de::IgnoredAny;

/// Levels that are indented. Deeper ones stay at this depth, so that brackets alone cannot blow up the output.
const DEEPEST_INDENT: usize = 24;

/// The record with line breaks and two spaces for each level, or `None` if it is not JSON.
pub(super) fn pretty(json: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(json).ok()?;
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth: usize = 0;
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                out.push('"');
                copy_string(&mut rest, &mut out);
            }
            '{' | '[' => {
                out.push(c);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    break_line(depth, &mut out);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(depth, &mut out);
                out.push(c);
            }
            ',' => {
                out.push(c);
                break_line(depth, &mut out);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

/// Copies a string up to and with its closing quote.
fn copy_string(rest: &mut impl Iterator<Item = char>, out: &mut String) {
    while let Some(c) = rest.next() {
        out.push(c);
        match c {
            '\\' => out.extend(rest.next()),
            '"' => return,
            _ => {}
        }
    }
}

fn break_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(DEEPEST_INDENT)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_order_duplicates_and_numbers() {
        let json = r#"{"b":1.50,"a":[ ],"b":{"x\"{":[1,2e3,null]},"c":{ }}"#;
        let expected = "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"b\": {\n    \"x\\\"{\": [\n      1,\n      2e3,\n      null\n    ]\n  },\n  \"c\": {}\n}";
        assert_eq!(pretty(json).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_not_json_is_left_to_the_caller() {
        assert_eq!(pretty("{\"a\":"), None);
        assert_eq!(pretty("{} {}"), None);
    }

    #[test]
    fn brackets_alone_do_not_blow_up() {
        let json = "[".repeat(30_000) + &"]".repeat(30_000);
        assert!(pretty(&json).unwrap().len() < 60_000 * 2 * (DEEPEST_INDENT + 2));
    }

    proptest! {
        #[test]
        fn says_the_same(text in "[\\PC\"\\\\{}\\[\\],:\n]{0,40}", number in any::<f64>()) {
            let json = serde_json::json!({"k": [text, number], "e": {}, "n": null}).to_string();
            let again: serde_json::Value = serde_json::from_str(&pretty(&json).unwrap()).unwrap();
            prop_assert_eq!(again, serde_json::from_str::<serde_json::Value>(&json).unwrap());
        }
    }
}
