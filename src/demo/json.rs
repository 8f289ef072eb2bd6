//! JSON with fields in the order they were written, as CloudTrail writes them.
//!
//! The text must not depend on how a JSON library orders its maps, which a cargo feature of another crate can change.

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number in thousandths: 1500 is written `1.500`. There are no floats, whose text could differ.
    Milli(i64),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, in this order.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// Appends the compact text of the value.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Int(number) => out.push_str(&number.to_string()),
            Json::Milli(number) => {
                let text = format!("{}.{:03}", number / 1000, number % 1000);
                out.push_str(&text);
            }
            Json::Text(text) => write_text(text, out),
            Json::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Json::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    // Names are ours and hold nothing to escape.
                    out.push('"');
                    out.push_str(name);
                    out.push_str("\":");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Adds a field at the end; nothing happens to a value that is no object.
    pub(crate) fn push(&mut self, name: &'static str, value: impl Into<Json>) {
        if let Json::Object(fields) = self {
            fields.push((name, value.into()));
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    if !text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let code = u32::from(control);
                out.push_str("\\u00");
                out.extend(char::from_digit(code / 16, 16));
                out.extend(char::from_digit(code % 16, 16));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_owned())
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Json::Text(text.clone())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Json::Int(number)
    }
}

impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Json::Bool(truth)
    }
}

impl From<Vec<Json>> for Json {
    fn from(values: Vec<Json>) -> Self {
        Json::Array(values)
    }
}

/// EC2's way to write a list: `{"items":[…]}`.
pub(crate) fn items(values: Vec<Json>) -> Json {
    Json::Object(vec![("items", Json::Array(values))])
}

/// An object from `"name": value` pairs; values are anything that [`Json`] is made from.
macro_rules! object {
    ($($name:literal : $value:expr),* $(,)?) => {
        $crate::demo::json::Json::Object(vec![
            $(($name, $crate::demo::json::Json::from($value))),*
        ])
    };
}
pub(crate) use object;

#[cfg(test)]
mod tests {
    use super::{Json, items};

    #[test]
    fn the_text_is_what_a_json_reader_reads_back() {
        let hostile = "a\"b\\c\u{1b}[31m\n\t\u{202e}</script>受注";
        let value = object! {"z": hostile, "a": items(vec![Json::Int(-3), Json::Milli(1005)]), "n": Json::Null, "t": true};
        let mut text = String::new();
        value.write(&mut text);
        assert!(text.starts_with("{\"z\":\"a\\\"b"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["z"], hostile);
        assert_eq!(read["a"]["items"][1], 1.005);
        assert!(read["n"].is_null());
    }
}
