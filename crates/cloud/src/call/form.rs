//! Requests of the query protocols: a JSON object as a form.
//!
//! `{"Filter": [{"Name": "a", "Value": ["b"]}]}` becomes `Filter.1.Name=a&Filter.1.Value.1=b` for EC2 and has
//! `.member` before each number elsewhere. Names are taken as they are, so they must be those of the API reference.

use serde_json::Value;

/// How a list is numbered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// `Name.member.1`
    Member,
    /// `Name.1`
    Flat,
}

/// The body of a request. `null` is left out.
pub(super) fn encode(action: &str, version: &str, input: &Value, lists: Lists) -> Result<String, String> {
    let mut body = String::new();
    push(&mut body, "Action", action);
    push(&mut body, "Version", version);
    match input {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(name, value)| append(&mut body, name, value, lists)),
        _ => return Err("the request is not a JSON object".to_owned()),
    }
    Ok(body)
}

fn append(body: &mut String, name: &str, value: &Value, lists: Lists) {
    match value {
        Value::Null => {}
        Value::String(text) => push(body, name, text),
        Value::Bool(_) | Value::Number(_) => push(body, name, &value.to_string()),
        Value::Array(items) => {
            let member = if lists == Lists::Member { ".member" } else { "" };
            for (index, item) in items.iter().enumerate() {
                append(body, &format!("{name}{member}.{}", index + 1), item, lists);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                append(body, &format!("{name}.{field}"), value, lists);
            }
        }
    }
}

fn push(body: &mut String, name: &str, value: &str) {
    if !body.is_empty() {
        body.push('&');
    }
    escape(body, name);
    body.push('=');
    escape(body, value);
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn escape(body: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            body.push(char::from(byte));
        } else {
            body.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_numbered_as_each_protocol_wants() {
        let input =
            json!({"RegionName": ["eu-west-1", "us-east-1"], "AllRegions": true, "Filter": [{"Name": "a", "Value": ["b"]}]});
        assert_eq!(
            encode("DescribeRegions", "2016-11-15", &input, Lists::Flat).unwrap(),
            "Action=DescribeRegions&Version=2016-11-15&AllRegions=true&Filter.1.Name=a&Filter.1.Value.1=b\
             &RegionName.1=eu-west-1&RegionName.2=us-east-1"
        );
        let input = json!({"Tags": [{"Key": "a b", "Value": "é&="}], "Left": null, "Max": 5});
        assert_eq!(
            encode("Do", "v", &input, Lists::Member).unwrap(),
            "Action=Do&Version=v&Max=5&Tags.member.1.Key=a%20b&Tags.member.1.Value=%C3%A9%26%3D"
        );
        assert_eq!(encode("Do", "v", &Value::Null, Lists::Member).unwrap(), "Action=Do&Version=v");
        assert!(encode("Do", "v", &json!([1]), Lists::Member).is_err());
    }
}
