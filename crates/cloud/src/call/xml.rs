//! XML answers as JSON values.
//!
//! An element without elements in it is its text, a string: the query protocols do not tell numbers from text, so an
//! empty list and an empty text are both `""`. An element whose children are all `member`, `item` or `entry` is an
//! array; so are children that repeat a name. Attributes are left out. Entities other than XML's own are refused.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// Deeper than any answer of AWS.
const DEEPEST: usize = 64;

/// The root element: its name and its value.
pub(super) fn parse(text: &str) -> Result<(String, Value), String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                if open.len() == DEEPEST {
                    return Err("elements are nested too deeply".to_owned());
                }
                open.push(Element::named(tag.local_name().into_inner()));
            }
            Event::Empty(tag) => close(Element::named(tag.local_name().into_inner()), &mut open, &mut root)?,
            Event::End(_) => {
                let element = open.pop().ok_or("an element ends that never began")?;
                close(element, &mut open, &mut root)?;
            }
            Event::Text(text) => push(&mut open, &text.xml10_content()),
            Event::CData(text) => push(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                Some(character) => push(&mut open, character.encode_utf8(&mut [0; 4])),
                None => push(&mut open, resolve_xml_entity(&reference).ok_or("an entity that is not XML's own")?),
            },
            Event::Eof if open.is_empty() => return root.ok_or_else(|| "there is no element".to_owned()),
            Event::Eof => return Err("it ends before its last element does".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

struct Element {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Element {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), text: String::new(), children: Vec::new() }
    }

    fn into_value(self) -> Value {
        let Some((first, _)) = self.children.first() else {
            return Value::String(self.text);
        };
        let listed = ["member", "item", "entry"].contains(&first.as_str());
        if listed && self.children.iter().all(|(name, _)| name == first) {
            return Value::Array(self.children.into_iter().map(|(_, value)| value).collect());
        }
        let mut fields = Map::new();
        let mut repeated = Vec::new();
        for (name, value) in self.children {
            let Some(earlier) = fields.get_mut(&name) else {
                fields.insert(name, value);
                continue;
            };
            if !repeated.contains(&name) {
                *earlier = Value::Array(vec![earlier.take()]);
                repeated.push(name);
            }
            if let Value::Array(values) = earlier {
                values.push(value);
            }
        }
        Value::Object(fields)
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<(String, Value)>) -> Result<(), String> {
    let name = element.name.clone();
    let value = element.into_value();
    match open.last_mut() {
        Some(parent) => parent.children.push((name, value)),
        None if root.is_some() => return Err("there is more than one element at the top".to_owned()),
        None => *root = Some((name, value)),
    }
    Ok(())
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        parse(text).unwrap().1
    }

    #[test]
    fn members_and_items_are_arrays_even_if_there_is_one() {
        let text = r#"<?xml version="1.0"?>
            <DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
            <regionInfo><item><regionName>eu-west-1</regionName><optInStatus>opt-in-not-required</optInStatus></item></regionInfo>
            </DescribeRegionsResponse>"#;
        let (name, value) = parse(text).unwrap();
        assert_eq!(name, "DescribeRegionsResponse");
        let region = json!({"regionName": "eu-west-1", "optInStatus": "opt-in-not-required"});
        assert_eq!(value, json!({"requestId": "r", "regionInfo": [region]}));
        assert_eq!(value["regionInfo"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn repeated_names_are_arrays_and_text_is_unescaped() {
        assert_eq!(value("<a><b>1</b><b/><c>x</c><b>3</b></a>"), json!({"b": ["1", "", "3"], "c": "x"}));
        assert_eq!(value("<a>&lt;b&gt; &amp;&#65;&#x1F600;<![CDATA[<c>]]></a>"), json!("<b> &A😀<c>"));
        assert_eq!(value("<a/>"), json!(""));
        assert_eq!(value("<n:a xmlns:n=\"u\"><n:member>é</n:member></n:a>"), json!(["é"]));
    }

    #[test]
    fn what_is_not_an_answer_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for text in ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&evil;</a>", "<a", &deep] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
