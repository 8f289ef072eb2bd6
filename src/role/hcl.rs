//! HCL, as Terraform and OpenTofu read it: blocks, arguments and expressions, laid out as `terraform fmt` lays them out.

use super::parameter::snake;
use super::text::{Hole, Node, Piece, Text, When};

/// A block with a body.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    kind: &'static str,
    labels: Vec<String>,
    body: Vec<Item>,
}

/// What stands in a body.
#[derive(Clone, Debug)]
enum Item {
    Argument(String, Expression),
    Block(Block),
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// A value.
    Value(Node),
    /// A value as JSON text, which is how policies are given.
    Json(Node),
    /// An expression of ours, never of the configuration's.
    Raw(String),
}

impl Block {
    /// A block.
    pub(crate) fn new(kind: &'static str, labels: &[&str]) -> Block {
        Block { kind, labels: labels.iter().map(|&label| label.to_owned()).collect(), body: Vec::new() }
    }

    /// Adds an argument.
    pub(crate) fn with(mut self, name: impl Into<String>, value: Expression) -> Block {
        self.body.push(Item::Argument(name.into(), value));
        self
    }

    /// Adds an argument whose value is a text in our own spelling.
    pub(crate) fn text(self, name: &'static str, template: &'static str) -> Block {
        self.with(name, Expression::Value(Node::text(template)))
    }

    /// Adds an argument that is an expression.
    pub(crate) fn raw(self, name: impl Into<String>, expression: impl Into<String>) -> Block {
        self.with(name, Expression::Raw(expression.into()))
    }

    /// Adds a block.
    pub(crate) fn block(mut self, block: Block) -> Block {
        self.body.push(Item::Block(block));
        self
    }

    /// Every value in the block, for finding what it names.
    pub(crate) fn nodes(&self) -> Vec<&Node> {
        self.body.iter().flat_map(item_nodes).collect()
    }

    /// The block as text, with a newline at its end.
    pub(crate) fn write(&self, indent: usize) -> String {
        let pad = "  ".repeat(indent);
        let labels: String = self.labels.iter().map(|label| format!(" {}", quoted(&Text::literal(label)))).collect();
        if self.body.is_empty() {
            return format!("{pad}{}{labels} {{}}\n", self.kind);
        }
        let mut out = format!("{pad}{}{labels} {{\n", self.kind);
        let mut lines: Vec<(String, String)> = Vec::new();
        for (number, item) in self.body.iter().enumerate() {
            match item {
                Item::Argument(name, value) => lines.push((name.clone(), expression(value, indent + 1))),
                Item::Block(block) => {
                    out.push_str(&aligned(&lines, indent + 1));
                    lines.clear();
                    if number > 0 {
                        out.push('\n');
                    }
                    out.push_str(&block.write(indent + 1));
                }
            }
        }
        out.push_str(&aligned(&lines, indent + 1));
        out.push_str(&pad);
        out.push_str("}\n");
        out
    }
}

fn item_nodes(item: &Item) -> Vec<&Node> {
    match item {
        Item::Argument(_, Expression::Value(node) | Expression::Json(node)) => vec![node],
        Item::Argument(_, Expression::Raw(_)) => vec![],
        Item::Block(block) => block.nodes(),
    }
}

/// `name = value` lines; names are padded where neighbours are on one line each.
fn aligned(lines: &[(String, String)], indent: usize) -> String {
    let pad = "  ".repeat(indent);
    let is_short = |line: &&(String, String)| !line.1.contains('\n');
    let mut out = String::new();
    let mut rest = lines;
    while let Some(((name, value), after)) = rest.split_first() {
        let run = rest.iter().take_while(is_short).count();
        if run == 0 {
            out.extend([&pad, name, " = ", value, "\n"]);
            rest = after;
            continue;
        }
        let (short, after) = rest.split_at(run);
        let width = short.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        out.extend(short.iter().map(|(name, value)| format!("{pad}{name:<width$} = {value}\n")));
        rest = after;
    }
    out
}

fn expression(value: &Expression, indent: usize) -> String {
    match value {
        Expression::Value(node) => written(node, indent),
        Expression::Json(node) => format!("jsonencode({})", written(node, indent)),
        Expression::Raw(text) => text.clone(),
    }
}

fn written(node: &Node, indent: usize) -> String {
    match node {
        Node::Text(text) => match text.0.as_slice() {
            [Piece::Hole(hole)] => reference(*hole),
            _ => quoted(text),
        },
        Node::Number(number) => number.to_string(),
        Node::Flag(flag) => flag.to_string(),
        Node::List(entries) if entries.iter().any(|entry| matches!(entry, Node::Entry(..))) => chosen(entries, indent),
        Node::List(entries) => list(entries, indent),
        Node::Map(entries) => {
            let lines: Vec<(String, String)> =
                entries.iter().map(|(key, value)| (name(key), written(value, indent + 1))).collect();
            format!("{{\n{}{}}}", aligned(&lines, indent + 1), "  ".repeat(indent))
        }
        Node::Entry(_, node) => written(node, indent),
    }
}

fn list(entries: &[Node], indent: usize) -> String {
    if let [one @ Node::Text(_)] = entries {
        return format!("[{}]", written(one, indent));
    }
    let pad = "  ".repeat(indent + 1);
    let entry = |entry: &Node| format!("{pad}{},\n", written(entry, indent + 1));
    format!("[\n{}{}]", entries.iter().map(entry).collect::<String>(), "  ".repeat(indent))
}

/// A list some of whose entries are there under a condition only.
fn chosen(entries: &[Node], indent: usize) -> String {
    let (pad, inner) = ("  ".repeat(indent + 1), "  ".repeat(indent + 2));
    let entry = |entry: &Node| {
        let (when, node) = match entry {
            Node::Entry(when, node) => (condition(when), node.as_ref()),
            node => ("true".to_owned(), node),
        };
        let value = written(node, indent + 2);
        format!("{pad}{{\n{inner}when = {when}\n{inner}then = {value}\n{pad}}},\n")
    };
    format!(
        "[for entry in [\n{}{}] : entry.then if entry.when]",
        entries.iter().map(entry).collect::<String>(),
        "  ".repeat(indent)
    )
}

/// A condition as an expression.
pub(crate) fn condition(when: &When) -> String {
    match when {
        When::InAccount(account) => {
            format!("data.aws_caller_identity.current.account_id == {}", quoted(&Text::literal(account)))
        }
        When::Is(parameter, value) => format!("var.{} == {}", snake(parameter), quoted(&Text::literal(value))),
    }
}

fn reference(hole: Hole) -> String {
    match hole {
        Hole::Partition => "data.aws_partition.current.partition".to_owned(),
        Hole::Suffix => "data.aws_partition.current.dns_suffix".to_owned(),
        Hole::Account => "data.aws_caller_identity.current.account_id".to_owned(),
        Hole::Region => "data.aws_region.current.name".to_owned(),
        Hole::Parameter(name) => format!("var.{}", snake(name)),
        Hole::Made(made) => made.terraform.to_owned(),
    }
}

/// A quoted template: literals escaped, holes as interpolations.
pub(crate) fn quoted(text: &Text) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => escaped(text),
        Piece::Hole(hole) => format!("${{{}}}", reference(*hole)),
    };
    format!("\"{}\"", text.0.iter().map(piece).collect::<String>())
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => out.extend([format!("\\u{:04x}", u32::from(letter))]),
            letter => out.push(letter),
        }
    }
    out.replace("${", "$${").replace("%{", "%%{")
}

/// A key of an object: bare if it is an identifier.
fn name(key: &str) -> String {
    let mut letters = key.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        key.to_owned()
    } else {
        quoted(&Text::literal(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hcl_would_read_is_escaped() {
        let text = Text::literal("a\"b\\c\n${x} %{y} $${z} \u{1}").and("{partition}");
        let expected = r#""a\"b\\c\n$${x} %%{y} $$${z} \u0001${data.aws_partition.current.partition}""#;
        assert_eq!(quoted(&text), expected);
    }

    #[test]
    fn names_are_padded_where_lines_are_neighbours() {
        let node = Node::map([
            ("A", Node::text("x")),
            ("aws:Long", Node::Flag(true)),
            ("M", Node::map([("k", Node::Number(1))])),
            ("Z", Node::List(vec![Node::text("{region}")])),
        ]);
        let expected =
            "{\n  A          = \"x\"\n  \"aws:Long\" = true\n  M = {\n    k = 1\n  }\n  Z = [data.aws_region.current.name]\n}";
        assert_eq!(written(&node, 0), expected);
    }
}
