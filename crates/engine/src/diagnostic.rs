//! What is wrong in a policy or configuration file, and where: shaped so that every mistake of a file can be shown in
//! one go, with the line, a caret and a hint. How it is printed is the application's business.

use std::fmt;

/// A place in a file. Both numbers begin at 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Part of one line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where it begins.
    pub at: Position,
    /// How many characters to underline, at least 1.
    pub width: usize,
}

impl Span {
    /// The first character of a file, for mistakes that have no better place.
    pub const START: Span = Span { at: Position { line: 1, column: 1 }, width: 1 };
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The run must not start.
    Error,
    /// Worth saying; the run goes on.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user named it.
    pub file: String,
    /// Where in the file.
    pub span: Span,
    /// Whether it stops the run.
    pub severity: Severity,
    /// Stable kebab-case code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Collects the mistakes of one file while it is read.
#[derive(Debug)]
pub struct Report<'a> {
    file: &'a str,
    found: Vec<Diagnostic>,
}

impl<'a> Report<'a> {
    /// Nothing found yet in `file`, named as the user named it.
    pub fn new(file: &'a str) -> Report<'a> {
        Report { file, found: Vec::new() }
    }

    /// Adds a mistake that stops the run; the result takes a hint.
    pub fn error(&mut self, span: Span, code: &'static str, message: impl Into<String>) -> &mut Diagnostic {
        self.add(span, Severity::Error, code, message.into())
    }

    /// Adds something worth saying that stops nothing; the result takes a hint.
    pub fn warning(&mut self, span: Span, code: &'static str, message: impl Into<String>) -> &mut Diagnostic {
        self.add(span, Severity::Warning, code, message.into())
    }

    fn add(&mut self, span: Span, severity: Severity, code: &'static str, message: String) -> &mut Diagnostic {
        let file = self.file.to_owned();
        self.found.push(Diagnostic { file, span, severity, code, message, hint: None });
        let last = self.found.len() - 1;
        self.found.get_mut(last).expect("the entry was pushed in the line above")
    }

    /// Whether anything found so far stops the run.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|found| found.severity == Severity::Error)
    }

    /// Everything found, in the order of the file.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| a.span.cmp(&b.span).then(a.code.cmp(b.code)));
        self.found
    }
}

impl Diagnostic {
    /// Says what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

/// The candidate closest to `word`, if it is close enough to be what was meant.
pub fn closest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let limit = (word.chars().count() / 2).clamp(1, 3);
    candidates
        .iter()
        .map(|candidate| (edit_distance(word, candidate), *candidate))
        .min()
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, left) in a.chars().enumerate() {
        let mut next = vec![line + 1];
        for ((right, diagonal), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let change = diagonal + usize::from(left != *right);
            let beside = next.last().map_or(usize::MAX, |value| value + 1);
            next.push(change.min(above + 1).min(beside));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closest_finds_slips_and_leaves_strangers() {
        assert_eq!(closest("startwith", &["startswith", "endswith"]), Some("startswith"));
        assert_eq!(closest("conatins", &["contains", "cidr"]), Some("contains"));
        assert_eq!(closest("fuzzy", &["contains", "cidr"]), None);
    }
}
