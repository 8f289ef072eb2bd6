//! Shows mistakes in policy files: `file:line:column: error[code]: what`, the line with a caret, and a hint.

use assize_engine::diagnostic::{Diagnostic, Severity};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::pack::PolicyFile;
use crate::report::escape::terminal;
use crate::report::words;

/// All mistakes, in order, as text that ends with a line break; and a last line with their number.
pub(crate) fn render(diagnostics: &[Diagnostic], files: &[PolicyFile]) -> String {
    let mut out = Vec::new();
    for found in diagnostics {
        let line = files
            .iter()
            .find(|file| file.name == found.file)
            .and_then(|file| file.text.lines().nth(found.span.at.line.saturating_sub(1)));
        out.push(one(found, line));
    }
    let count = |severity| diagnostics.iter().filter(|found| found.severity == severity).count() as u64;
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    out.push(format!("{}, {}\n", words::plural(errors, "error", "errors"), words::plural(warnings, "warning", "warnings")));
    out.concat()
}

fn one(found: &Diagnostic, line: Option<&str>) -> String {
    let (at, file) = (found.span.at, terminal(&found.file));
    let message = terminal(&found.message);
    let mut out = vec![format!("{file}:{}:{}: {}[{}]: {message}\n", at.line, at.column, found.severity, found.code)];
    if let Some(line) = line {
        let number = at.line.to_string();
        let gutter = " ".repeat(number.len());
        let (text, pad, width) = underline(line, at.column, found.span.width);
        out.push(format!(" {gutter} |\n {number} | {text}\n {gutter} | {}{}\n", " ".repeat(pad), "^".repeat(width)));
    }
    if let Some(hint) = &found.hint {
        out.push(format!("   = hint: {}\n", terminal(hint)));
    }
    out.push("\n".to_owned());
    out.concat()
}

/// Most columns of a line shown: a policy written on one line would otherwise hide the caret.
const MAX_COLUMNS: usize = 160;

/// The line as shown, the columns before the caret, and the columns under it. Wide characters take two.
fn underline(line: &str, column: usize, width: usize) -> (String, usize, usize) {
    let columns = |char: char| char.width().unwrap_or(1);
    let chars: Vec<char> = line.chars().map(|char| if char == '\t' { ' ' } else { char }).collect();
    let at = column.saturating_sub(1).min(chars.len());
    let start = if at > MAX_COLUMNS / 2 && chars.len() > MAX_COLUMNS { at - MAX_COLUMNS / 2 } else { 0 };
    let shown: String = chars.iter().skip(start).take(MAX_COLUMNS).collect();
    let pad = chars.iter().skip(start).take(at - start).map(|char| columns(*char)).sum();
    let under: usize = chars.iter().skip(at).take(width).map(|char| columns(*char)).sum();
    let text = terminal(&shown);
    let room = UnicodeWidthStr::width(text.as_str()).saturating_sub(pad).max(1);
    (text, pad, under.clamp(1, room))
}

#[cfg(test)]
mod tests {
    use assize_engine::diagnostic::{Position, Span};

    use super::*;

    #[test]
    fn a_mistake_is_shown_with_its_line_a_caret_and_a_hint() {
        let files = [PolicyFile { name: "p.yaml".to_owned(), text: "id: x\ntitle: 日本 colour\n".to_owned() }];
        let span = Span { at: Position { line: 2, column: 8 }, width: 2 };
        let found = Diagnostic {
            file: "p.yaml".to_owned(),
            span,
            severity: Severity::Error,
            code: "wrong-value",
            message: "not so".to_owned(),
            hint: Some("so".to_owned()),
        };
        let expected = "p.yaml:2:8: error[wrong-value]: not so\n   |\n 2 | title: 日本 colour\n   |        ^^^^\n   = hint: so\n\n1 error, 0 warnings\n";
        assert_eq!(render(&[found], &files), expected);
    }
}
