//! Text with holes: what a template leaves open until it is deployed, and the tree that documents are made of.
//!
//! Literals come from the configuration and are escaped where they land: in a policy (`*`, `?` and `$` mean something
//! there), in `Fn::Sub`, in HCL. Holes are filled by CloudFormation, by Terraform, or by what the user gave.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// Something that is known only where a template is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hole {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    Partition,
    /// `amazonaws.com`, `amazonaws.com.cn`.
    Suffix,
    /// The account that the template is deployed in.
    Account,
    /// The region that the template is deployed in.
    Region,
    /// A parameter, by its name in [`super::parameter`].
    Parameter(&'static str),
    /// An attribute of a resource that the same template makes.
    Made(&'static Made),
}

/// An attribute of a resource, as each format writes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// Name of the resource, and of its attribute if it is not the one that `Ref` gives.
    pub(crate) cloudformation: (&'static str, Option<&'static str>),
    /// An expression.
    pub(crate) terraform: &'static str,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Literal(String),
    /// To be filled.
    Hole(Hole),
}

/// A text with holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Vec<Piece>);

impl Text {
    /// Reads our own spelling of a text: `arn:{partition}:iam::{account}:role/x`. A name that is not one of the four
    /// places is a parameter. A brace without its partner is a literal.
    pub(crate) fn new(template: &'static str) -> Text {
        Text::default().and(template)
    }

    /// A text without holes, whatever is in it.
    pub(crate) fn literal(text: &str) -> Text {
        Text::default().then(text)
    }

    /// One hole and nothing else.
    pub(crate) fn hole(hole: Hole) -> Text {
        Text(vec![Piece::Hole(hole)])
    }

    /// One parameter and nothing else.
    pub(crate) fn parameter(name: &'static str) -> Text {
        Text::hole(Hole::Parameter(name))
    }

    /// Goes on with a literal, whatever is in it.
    pub(crate) fn then(mut self, literal: &str) -> Text {
        match self.0.last_mut() {
            _ if literal.is_empty() => {}
            Some(Piece::Literal(last)) => last.push_str(literal),
            _ => self.0.push(Piece::Literal(literal.to_owned())),
        }
        self
    }

    /// Goes on with our own spelling, as [`Text::new`] reads it.
    pub(crate) fn and(mut self, mut template: &'static str) -> Text {
        while let Some((before, rest)) = template.split_once('{') {
            let Some((name, after)) = rest.split_once('}') else { break };
            self = self.then(before);
            self.0.push(Piece::Hole(match name {
                "partition" => Hole::Partition,
                "suffix" => Hole::Suffix,
                "account" => Hole::Account,
                "region" => Hole::Region,
                name => Hole::Parameter(name),
            }));
            template = after;
        }
        self.then(template)
    }

    /// The holes, in order.
    pub(crate) fn holes(&self) -> impl Iterator<Item = Hole> + '_ {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(*hole),
            Piece::Literal(_) => None,
        })
    }

    /// The text, with each hole filled.
    pub(crate) fn fill(&self, mut fill: impl FnMut(Hole) -> String) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Hole(hole) => fill(*hole),
        });
        pieces.collect()
    }
}

/// Escapes text that a policy matches with wildcards, so that it stands for itself only.
pub(crate) fn exactly(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '*' => out.push_str("${*}"),
            '?' => out.push_str("${?}"),
            '$' => out.push_str("${$}"),
            other => out.push(other),
        }
    }
    out
}

/// When a statement or a resource is there; decided where the template is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// In this account only.
    InAccount(String),
    /// If a parameter has this value.
    Is(&'static str, &'static str),
}

/// A value in a template, with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Text.
    Text(Text),
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// A list.
    List(Vec<Node>),
    /// A map, in this order.
    Map(Vec<(String, Node)>),
    /// An entry of a list that is there under a condition.
    Entry(When, Box<Node>),
}

impl Node {
    /// A text without holes.
    pub(crate) fn literal(text: &str) -> Node {
        Node::Text(Text::literal(text))
    }

    /// A text in our own spelling.
    pub(crate) fn text(template: &'static str) -> Node {
        Node::Text(Text::new(template))
    }

    /// A map with fixed keys.
    pub(crate) fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
        Node::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Calls `visit` for each text and each condition in the tree.
    pub(crate) fn walk(&self, visit: &mut impl FnMut(Visited<'_>)) {
        match self {
            Node::Text(text) => visit(Visited::Text(text)),
            Node::Number(_) | Node::Flag(_) => {}
            Node::List(entries) => entries.iter().for_each(|entry| entry.walk(visit)),
            Node::Map(entries) => entries.iter().for_each(|(_, value)| value.walk(visit)),
            Node::Entry(when, node) => {
                visit(Visited::When(when));
                node.walk(visit);
            }
        }
    }
}

/// What a walk comes across.
pub(crate) enum Visited<'a> {
    /// A text.
    Text(&'a Text),
    /// A condition.
    When(&'a When),
}

/// A value without holes. Maps keep their order, so that a document reads as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// Text.
    Text(String),
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// A list.
    List(Vec<Tree>),
    /// A map.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Tree {
        Tree::Text(text.into())
    }

    /// A map with fixed keys.
    pub(crate) fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
        Tree::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The JSON text that counts against the limits of AWS: without white space.
    pub(crate) fn compact(&self) -> String {
        serde_json::to_string(self).expect("a tree of texts, numbers, lists and maps with text keys is JSON")
    }

    /// The JSON text for people, with a newline at the end.
    pub(crate) fn pretty(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a tree of texts, numbers, lists and maps with text keys is JSON");
        format!("{text}\n")
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Text(text) => serializer.serialize_str(text),
            Tree::Number(number) => serializer.serialize_u64(*number),
            Tree::Flag(flag) => serializer.serialize_bool(*flag),
            Tree::List(entries) => {
                let mut list = serializer.serialize_seq(Some(entries.len()))?;
                for entry in entries {
                    list.serialize_element(entry)?;
                }
                list.end()
            }
            Tree::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_spelling_gives_pieces_and_a_lone_brace_is_text() {
        let text = Text::new("arn:{partition}:x:{thing}/{open").then("{account}");
        let named = |hole| match hole {
            Hole::Parameter(name) => name.to_uppercase(),
            _ => "P".to_owned(),
        };
        assert_eq!(text.fill(named), "arn:P:x:THING/{open{account}");
    }

    #[test]
    fn what_a_policy_would_read_as_a_pattern_is_escaped() {
        assert_eq!(exactly("logs/a*b?${x}"), "logs/a${*}b${?}${$}{x}");
    }
}
