//! YAML with positions: one parse gives the tree from which both values and error messages come.
//!
//! Scalars keep their source text, so an unquoted account id such as `012345678901` stays what was written. Duplicate
//! keys are errors. Size, depth and aliases are bounded, because policy files may come from strangers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Position, Report, Span};

const MAX_BYTES: usize = 4 << 20;
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 100_000;
/// Most bytes of text in a file's tree. An alias of three characters may stand for megabytes.
const MAX_TEXT: usize = 2 * MAX_BYTES;

/// A node and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the node begins.
    pub span: Span,
    /// What it is.
    pub value: Yaml,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// Text, and whether it stands without quotes (so that `null`, `true` and numbers mean what they say).
    Scalar {
        /// The text as written, without quotes.
        text: String,
        /// Not quoted, not a block, no `!!str` tag.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order written.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Scalar { text, .. } => Some(text),
            Yaml::List(_) | Yaml::Map(_) => None,
        }
    }

    /// Whether this is an unquoted null: `null`, `~` or nothing.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Yaml::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What the node is, for messages: `a text`, `a list`, `a map`.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Yaml::Scalar { .. } if self.is_null() => "nothing",
            Yaml::Scalar { .. } => "a text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a map",
        }
    }

    /// The value under `key` in a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Yaml::Map(entries) => entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value),
            Yaml::Scalar { .. } | Yaml::List(_) => None,
        }
    }
}

/// Reads every document of a file. Mistakes go to `report`; after a syntax error the documents before it are returned.
pub fn parse(source: &str, report: &mut Report<'_>) -> Vec<Node> {
    if source.len() > MAX_BYTES {
        report.error(Span::START, "file-too-large", format!("the file is larger than {MAX_BYTES} bytes"));
        return Vec::new();
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(source) {
        let stop = match event {
            Ok((event, span)) => builder.event(event, to_span(&span), report).is_err(),
            Err(error) => {
                syntax_error(&error, report);
                true
            }
        };
        if stop {
            break;
        }
    }
    builder.documents
}

fn syntax_error(error: &ScanError, report: &mut Report<'_>) {
    let at = Position { line: error.marker().line().max(1), column: error.marker().col() + 1 };
    report
        .error(Span { at, width: 1 }, "yaml-syntax", format!("this is not valid YAML: {}", error.info()))
        .hint("check the indentation, and quote texts that begin with a special character or hold `: `");
}

fn to_span(span: &saphyr_parser::Span) -> Span {
    let at = Position { line: span.start.line().max(1), column: span.start.col() + 1 };
    let same_line = span.start.line() == span.end.line();
    let width = if same_line { span.end.col().saturating_sub(span.start.col()).max(1) } else { 1 };
    Span { at, width }
}

/// A container that is not closed yet.
struct Open {
    anchor: usize,
    span: Span,
    key: Option<Node>,
    /// The keys so far, with their lines.
    keys: HashMap<String, usize>,
    value: Yaml,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    text: usize,
}

/// Building stopped; the reason is in the report.
struct Stopped;

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span, report: &mut Report<'_>) -> Result<(), Stopped> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tagged = tag.as_ref().map(|tag| tag.suffix.as_str());
                if let Some(other) = tagged.filter(|suffix| *suffix != "str") {
                    report.error(span, "yaml-tag", format!("the tag `{other}` has no meaning here")).hint("remove the tag");
                }
                let plain = style == ScalarStyle::Plain && tagged.is_none();
                self.text += text.len();
                self.place(Node { span, value: Yaml::Scalar { text: text.into_owned(), plain } }, anchor, report)
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, span, Yaml::List(Vec::new()), report),
            Event::MappingStart(anchor, _) => self.begin(anchor, span, Yaml::Map(Vec::new()), report),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.place(Node { span: open.span, value: open.value }, open.anchor, report),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    report.error(span, "yaml-alias", "an alias may not point into the node it stands in");
                    return Err(Stopped);
                };
                let (nodes, text) = size(node);
                self.nodes += nodes;
                self.text += text;
                self.fits(span, report)?;
                let node = Node { span, value: node.value.clone() };
                self.place(node, 0, report)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, span: Span, value: Yaml, report: &mut Report<'_>) -> Result<(), Stopped> {
        if self.open.len() >= MAX_DEPTH {
            report.error(span, "yaml-depth", format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(Stopped);
        }
        self.open.push(Open { anchor, span, key: None, keys: HashMap::new(), value });
        Ok(())
    }

    fn fits(&self, span: Span, report: &mut Report<'_>) -> Result<(), Stopped> {
        if self.nodes > MAX_NODES {
            report.error(span, "yaml-size", format!("more than {MAX_NODES} values, aliases counted in full"));
            return Err(Stopped);
        }
        if self.text > MAX_TEXT {
            report.error(span, "yaml-size", format!("more than {MAX_TEXT} bytes of text, aliases counted in full"));
            return Err(Stopped);
        }
        Ok(())
    }

    /// Puts a finished node into the innermost open container, or among the documents.
    fn place(&mut self, node: Node, anchor: usize, report: &mut Report<'_>) -> Result<(), Stopped> {
        self.nodes += 1;
        self.fits(node.span, report)?;
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.value {
            Yaml::List(items) => items.push(node),
            Yaml::Map(entries) => match open.key.take() {
                None => open.key = Some(node),
                Some(key) => {
                    check_key(&key, &mut open.keys, report);
                    entries.push((key, node));
                }
            },
            Yaml::Scalar { .. } => {}
        }
        Ok(())
    }
}

/// Values, and bytes of text.
fn size(node: &Node) -> (usize, usize) {
    let inner =
        |sizes: &mut dyn Iterator<Item = (usize, usize)>| sizes.fold((1, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    match &node.value {
        Yaml::Scalar { text, .. } => (1, text.len()),
        Yaml::List(items) => inner(&mut items.iter().map(size)),
        Yaml::Map(entries) => inner(&mut entries.iter().flat_map(|(key, value)| [size(key), size(value)])),
    }
}

fn check_key(key: &Node, keys: &mut HashMap<String, usize>, report: &mut Report<'_>) {
    let Some(text) = key.text() else {
        report.error(key.span, "yaml-key", format!("a key must be a text, this is {}", key.kind()));
        return;
    };
    match keys.entry(text.to_owned()) {
        Entry::Vacant(new) => {
            new.insert(key.span.at.line);
        }
        Entry::Occupied(first) => {
            let line = first.get();
            report
                .error(key.span, "duplicate-key", format!("`{text}` stands twice in this map; the first is on line {line}"))
                .hint("keep one of them; in a detection, put the second into a selection of its own");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(source: &str) -> Vec<&'static str> {
        let mut report = Report::new("f");
        parse(source, &mut report);
        report.finish().iter().map(|found| found.code).collect()
    }

    fn one(source: &str) -> Node {
        let mut report = Report::new("f");
        let mut documents = parse(source, &mut report);
        assert_eq!(report.finish(), []);
        documents.remove(0)
    }

    #[test]
    fn scalars_keep_their_text() {
        let node = one("a: 012345678901\nb: '5'\nc:\nd: |\n  x\n  y\ne: !!str 7\nf: no\n");
        assert_eq!(node.get("a").unwrap().value, Yaml::Scalar { text: "012345678901".into(), plain: true });
        assert_eq!(node.get("b").unwrap().value, Yaml::Scalar { text: "5".into(), plain: false });
        assert!(node.get("c").unwrap().is_null());
        assert_eq!(node.get("d").unwrap().text(), Some("x\ny\n"));
        assert_eq!(node.get("e").unwrap().value, Yaml::Scalar { text: "7".into(), plain: false });
        assert_eq!(node.get("f").unwrap().text(), Some("no"));
    }

    #[test]
    fn positions_are_lines_and_columns() {
        let node = one("a: 1\n日本: [x, yy]\n");
        let Yaml::Map(entries) = &node.value else { unreachable!() };
        let (key, list) = &entries[1];
        assert_eq!(key.span, Span { at: Position { line: 2, column: 1 }, width: 2 });
        let Yaml::List(items) = &list.value else { unreachable!() };
        assert_eq!(items[1].span, Span { at: Position { line: 2, column: 9 }, width: 2 });
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(codes("a: 1\na: 2\n"), ["duplicate-key"]);
        assert_eq!(codes("a: [1\nb: 2\n"), ["yaml-syntax"]);
        assert_eq!(codes("a: !!float 2\n"), ["yaml-tag"]);
        assert_eq!(codes("? [1]\n: 2\n"), ["yaml-key"]);
        assert_eq!(codes(&format!("{}{}", "[".repeat(80), "]".repeat(80))), ["yaml-depth"]);
    }

    #[test]
    fn aliases_cannot_explode() {
        let mut source = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..8 {
            let list = vec![format!("*a{}", level - 1); 10].join(",");
            source = format!("{source}a{level}: &a{level} [{list}]\n");
        }
        assert_eq!(codes(&source), ["yaml-size"]);
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a,".repeat(50_000));
        assert_eq!(codes(&long), ["yaml-size"]);
    }

    #[test]
    fn the_tree_agrees_with_serde_yaml() {
        let source = "a: {b: [1, two, null, true], c: \"q\\n\"}\nd: >\n  folded\n  text\n";
        let other: serde_yaml::Value = serde_yaml::from_str(source).unwrap();
        assert_eq!(one(source).get("d").unwrap().text(), other["d"].as_str());
        assert_eq!(one(source).get("a").unwrap().get("c").unwrap().text(), other["a"]["c"].as_str());
    }
}
