//! Parses the condition of a detection.
//!
//! Sigma specification 2.1, section "Condition": `not` binds tighter than `and`, `and` tighter than `or`; `1 of` and
//! `all of` take a name with `*` or `them`, which leaves out names that begin with `_`.

use std::collections::HashMap;

use super::Condition;
use crate::diagnostic::{Position, Report, Span, closest};
use crate::yaml::{Node, Yaml};

/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 64;

/// Most selections that a condition may name, those of `1 of x*` counted one by one: each may stand for all selections.
const MAX_NAMED: usize = 10_000;

/// Parses the condition in `node` over the selections `names`; marks in `used` which of them it mentions.
pub(crate) fn parse(node: &Node, names: &[&str], used: &mut [bool], report: &mut Report<'_>) -> Option<Condition> {
    let Yaml::Scalar { text, plain } = &node.value else {
        report.error(node.span, "wrong-type", format!("a condition must be a text, this is {}", node.kind()));
        return None;
    };
    let tokens = tokenize(text, Origin::of(text, *plain, node.span), report)?;
    let by_name = names.iter().enumerate().map(|(index, name)| (*name, index)).collect();
    let mut parser = Parser { tokens: &tokens, at: 0, names, by_name, named: 0, used, report, end: node.span };
    let condition = parser.either(0)?;
    match parser.peek() {
        None => Some(condition),
        Some(token) => {
            let (span, text) = (token.span, token.text.clone());
            parser.report.error(span, "condition", format!("`{text}` cannot stand here")).hint("put `and` or `or` before it");
            None
        }
    }
}

struct Token {
    text: String,
    span: Span,
}

/// Where the characters of a condition stand in the file.
#[derive(Clone, Copy)]
enum Origin {
    /// On one line from here: a plain text as it is, a quoted one a column later.
    Line(Position),
    /// Folded over lines, so that only the whole can be pointed at.
    Block(Span),
}

impl Origin {
    fn of(text: &str, plain: bool, span: Span) -> Origin {
        let one_line = span.width >= text.trim_end().chars().count();
        let at = Position { column: span.at.column + usize::from(!plain), ..span.at };
        if one_line { Origin::Line(at) } else { Origin::Block(span) }
    }

    fn span(self, column: usize) -> Span {
        match self {
            Origin::Line(at) => Span { at: Position { column: at.column + column, ..at }, width: 1 },
            Origin::Block(span) => span,
        }
    }
}

fn tokenize(text: &str, origin: Origin, report: &mut Report<'_>) -> Option<Vec<Token>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut word: Option<Token> = None;
    for (column, char) in text.chars().enumerate() {
        let span = origin.span(column);
        match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '*' | '.' => {
                let token = word.get_or_insert(Token { text: String::new(), span });
                token.text.push(char);
                if matches!(origin, Origin::Line(_)) {
                    token.span.width = token.text.len();
                }
            }
            '(' | ')' => {
                tokens.extend(word.take());
                tokens.push(Token { text: char.to_string(), span });
            }
            char if char.is_whitespace() => tokens.extend(word.take()),
            other => {
                report.error(span, "condition", format!("`{other}` cannot stand in a condition"));
                return None;
            }
        }
    }
    tokens.extend(word);
    Some(tokens)
}

struct Parser<'a, 'r, 'f> {
    tokens: &'a [Token],
    at: usize,
    names: &'a [&'a str],
    by_name: HashMap<&'a str, usize>,
    named: usize,
    used: &'a mut [bool],
    report: &'r mut Report<'f>,
    end: Span,
}

impl<'a> Parser<'a, '_, '_> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn either(&mut self, depth: usize) -> Option<Condition> {
        let mut parts = vec![self.both(depth)?];
        while self.take_word("or") {
            parts.push(self.both(depth)?);
        }
        Some(single(parts, Condition::Or))
    }

    fn both(&mut self, depth: usize) -> Option<Condition> {
        let mut parts = vec![self.one(depth)?];
        while self.take_word("and") {
            parts.push(self.one(depth)?);
        }
        Some(single(parts, Condition::And))
    }

    fn one(&mut self, depth: usize) -> Option<Condition> {
        if depth > MAX_DEPTH {
            self.report.error(self.end, "condition", format!("nested deeper than {MAX_DEPTH} levels"));
            return None;
        }
        if self.take_word("not") {
            return Some(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        let Some(token) = self.peek() else {
            self.report.error(self.end, "condition", "the condition ends where a selection is expected");
            return None;
        };
        self.at += 1;
        match token.text.as_str() {
            "(" => {
                let inner = self.either(depth + 1)?;
                if self.peek().is_some_and(|token| token.text == ")") {
                    self.at += 1;
                    return Some(inner);
                }
                match self.peek() {
                    Some(next) => {
                        let (span, text) = (next.span, next.text.clone());
                        self.report
                            .error(span, "condition", format!("`{text}` cannot stand here"))
                            .hint("put `and` or `or` before it")
                    }
                    None => self.report.error(token.span, "condition", "this parenthesis is not closed").hint("add a `)`"),
                }
                None
            }
            ")" | "and" | "or" | "of" => {
                self.report.error(token.span, "condition", format!("`{}` stands where a selection is expected", token.text));
                None
            }
            quantity if self.peek().is_some_and(|next| next.text.eq_ignore_ascii_case("of")) => self.quantified(token, quantity),
            name => self.selection(token, name),
        }
    }

    fn quantified(&mut self, token: &Token, quantity: &str) -> Option<Condition> {
        let every = match quantity.to_ascii_lowercase().as_str() {
            "all" => true,
            "1" | "any" => false,
            other => {
                self.report
                    .error(token.span, "condition", format!("`{other} of` has no meaning"))
                    .hint("write `1 of …` or `all of …`");
                return None;
            }
        };
        self.at += 1;
        let Some(pattern) = self.peek() else {
            self.report.error(token.span, "condition", "`of` needs a name with `*`, or `them`");
            return None;
        };
        self.at += 1;
        self.count(pattern.span, self.names.len())?;
        let mut parts = Vec::new();
        for (index, name) in self.names.iter().enumerate() {
            let wanted = match pattern.text.as_str() {
                "them" => !name.starts_with('_'),
                glob => matches_glob(glob, name),
            };
            if wanted {
                parts.push(Condition::Selection(index));
                if let Some(used) = self.used.get_mut(index) {
                    *used = true;
                }
            }
        }
        if parts.is_empty() {
            self.report
                .error(pattern.span, "undefined-selection", format!("no selection matches `{}`", pattern.text))
                .hint(format!("defined are: {}", self.names.join(", ")));
            return None;
        }
        Some(single(parts, if every { Condition::And } else { Condition::Or }))
    }

    /// Counts selections that are named, and refuses too many: `1 of them or 1 of them …` would fill the memory.
    fn count(&mut self, span: Span, more: usize) -> Option<()> {
        self.named += more;
        if self.named <= MAX_NAMED {
            return Some(());
        }
        self.report.error(span, "condition", format!("the condition names more than {MAX_NAMED} selections"));
        None
    }

    fn selection(&mut self, token: &Token, name: &str) -> Option<Condition> {
        if let Some(index) = self.by_name.get(name).copied() {
            self.count(token.span, 1)?;
            if let Some(used) = self.used.get_mut(index) {
                *used = true;
            }
            return Some(Condition::Selection(index));
        }
        let found = self.report.error(token.span, "undefined-selection", format!("there is no selection `{name}`"));
        match closest(name, self.names) {
            Some(meant) => found.hint(format!("did you mean `{meant}`?")),
            None if name.contains('*') => found.hint(format!("write `1 of {name}` or `all of {name}`")),
            None => found.hint(format!("defined are: {}", self.names.join(", "))),
        }
        None
    }
}

fn single(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() > 1 {
        return join(parts);
    }
    parts.pop().expect("the caller parsed at least one part")
}

/// Whether a name fits a pattern in which `*` stands for any run of characters: of selections, and of policy ids.
///
/// Each part between two `*` is looked for after the one before it, as early as it stands: if the rest fits behind a later
/// place, it fits behind the earliest too. So nothing is tried twice.
pub fn matches_glob(glob: &str, name: &str) -> bool {
    let Some((head, tail)) = glob.split_once('*') else { return glob == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    let (inner, end) = tail.rsplit_once('*').unwrap_or(("", tail));
    for part in inner.split('*') {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["sel_a", "sel_b", "filter", "_hidden"];

    fn parse_text(text: &str) -> Result<Condition, Vec<(usize, String)>> {
        let mut report = Report::new("f");
        let node = crate::yaml::parse(text, &mut report).remove(0);
        let condition = parse(&node, &NAMES, &mut [false; 4], &mut report);
        let found = report.finish();
        condition.ok_or_else(|| found.into_iter().map(|found| (found.span.at.column, found.message)).collect())
    }

    #[test]
    fn not_binds_tighter_than_and_and_and_tighter_than_or() {
        use Condition::{And, Not, Or, Selection};
        let parsed = parse_text("not sel_a and sel_b or filter").unwrap();
        assert_eq!(parsed, Or(vec![And(vec![Not(Box::new(Selection(0))), Selection(1)]), Selection(2)]));
        assert_eq!(parse_text("not (sel_a OR filter)").unwrap(), Not(Box::new(Or(vec![Selection(0), Selection(2)]))));
    }

    #[test]
    fn quantifiers_write_themselves_out() {
        use Condition::{And, Or, Selection};
        assert_eq!(parse_text("1 of sel_*").unwrap(), Or(vec![Selection(0), Selection(1)]));
        assert_eq!(parse_text("all of them").unwrap(), And(vec![Selection(0), Selection(1), Selection(2)]));
        assert_eq!(parse_text("all of *_a").unwrap(), Selection(0));
    }

    #[test]
    fn mistakes_point_at_their_column() {
        let first = |text: &str| parse_text(text).unwrap_err().remove(0);
        assert_eq!(first("sel_a and slection"), (11, "there is no selection `slection`".to_owned()));
        assert_eq!(first("'sel_a and ('").0, 1);
        assert_eq!(first("sel_a sel_b").0, 7);
        assert_eq!(first("2 of sel_*").0, 1);
        assert_eq!(first("sel_a | count() > 5").0, 7);
        assert_eq!(first("(sel_a").0, 1);
        assert_eq!(first(&"1 of them or ".repeat(3_000)).1, "the condition names more than 10000 selections");
    }
}
