//! Makes text from logs harmless in each output: HTML, XML, Markdown, SARIF, spreadsheets and a terminal.
//!
//! Anyone with an AWS account can write strings into a log. Whatever they wrote, the reader sees it as text, and
//! sees the characters that are meant not to be seen. The escapes are one-way: they are for people, and the JSON
//! output keeps the exact value.

use std::io::{self, Write};

/// Whether a reader would not see this character, or would see something else because of it: control characters,
/// bidirectional overrides and isolates, zero-width characters, fillers, variation selectors, tags, and the code points
/// that Unicode reserves as no characters (an error in HTML).
#[must_use]
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Appends `c` to `out` so that it can be seen: `\n`, `\t`, `\r` or `\u{202e}` for an invisible character.
fn push_visible(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_invisible(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    }
}

/// The text for a terminal: on one line, and without a character that moves the cursor, changes a colour, reorders
/// the line or takes no room.
#[must_use]
pub(crate) fn terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(c, &mut out));
    out
}

/// Writes the text for HTML: element content or a quoted attribute value. Line breaks and tabs stay as they are,
/// all other invisible characters are spelt out.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn html(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, c) in text.char_indices() {
        let replacement = match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\'' => "&#39;".to_owned(),
            '\n' | '\t' => continue,
            '\r' => "\\r".to_owned(),
            c if c.is_ascii() && c >= ' ' && c != '\u{7f}' => continue,
            c if is_invisible(c) => c.escape_unicode().to_string(),
            _ => continue,
        };
        out.write_all(&bytes[plain_from..at])?;
        out.write_all(replacement.as_bytes())?;
        plain_from = at + c.len_utf8();
    }
    out.write_all(&bytes[plain_from..])
}

/// The text for XML 1.0: element content or a quoted attribute value. XML allows hardly any control character, not even
/// as a reference, so they are spelt out as in [`html`].
#[must_use]
pub(crate) fn xml(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    match html(text, &mut out) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => String::new(),
    }
}

/// The text for a cell of a CSV file: on one line, and never a formula for the spreadsheet that opens the file. An apostrophe
/// before it says so, as OWASP's page on CSV injection has it.
#[must_use]
pub(crate) fn cell(text: &str) -> String {
    let visible = terminal(text);
    if is_formula(text) { format!("'{visible}") } else { visible }
}

/// Whether a spreadsheet could take the text for a formula: it begins with a tab or a line break, or its first character that
/// is no space and no quotation mark begins formulas, be it in its full-width form.
#[must_use]
pub(crate) fn is_formula(text: &str) -> bool {
    let passed_over =
        |c: &char| c.is_whitespace() || is_invisible(*c) || matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '＂' | '＇');
    let begins = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫');
    text.starts_with(['\t', '\r', '\n']) || text.chars().find(|c| !passed_over(c)).is_some_and(begins)
}

/// The text for a plain message of SARIF, in which brackets make links and a backslash takes that from them (section 3.11.6).
#[must_use]
pub(crate) fn sarif(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in terminal(text).chars() {
        if matches!(c, '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Writes the text for running Markdown text, a heading, a list item or a table cell, as GitHub renders it: no
/// markup, HTML, link, mention, issue reference, emoji or table cell comes out of it.
///
/// Characters that renderers act on after Markdown is parsed (`@`, `#`, `:name:`) stand in a code span of their own,
/// because a backslash before them is gone by then. The result stays harmless between backticks that a template may
/// put around it, though it then shows its backslashes; [`markdown_code`] is made for identifiers.
///
/// # Errors
///
/// Those of the writer.
pub(crate) fn markdown(text: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(markdown_text(text).as_bytes())
}

/// The text that [`markdown`] writes.
#[must_use]
pub(crate) fn markdown_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let chars: Vec<char> = terminal(text).chars().collect();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = chars.get(at..).unwrap_or_default();
        let acted_on = acted_on_later(rest);
        if acted_on > 0 {
            out.push('`');
            out.extend(rest.iter().take(acted_on));
            out.push('`');
            at += acted_on;
            continue;
        }
        match c {
            '.' if ends_a_list_marker(&chars, at) || follows_www(&chars, at) => out.push_str("\\."),
            ')' if ends_a_list_marker(&chars, at) => out.push_str("\\)"),
            ':' if at == 0 || rest.get(1) == Some(&'/') => out.push_str("\\:"),
            '-' | '+' | '=' if at == 0 => out.extend(['\\', c]),
            ' ' if at == 0 => out.push_str("&#32;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        at += 1;
    }
    out
}

/// The text as a Markdown code span, for identifiers, paths and values from events; safe in a table cell. Empty text
/// gives an empty string, because Markdown has no empty code span.
#[must_use]
pub(crate) fn markdown_code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('`');
    let mut after_backslash = false;
    for c in terminal(text).chars() {
        match c {
            // A backtick would end the span. One fence length for all spans keeps neighbours from pairing up.
            '`' => out.push_str("\\u{60}"),
            // A template may put the span into a block of HTML, where it is not one.
            '<' => out.push_str("\\u{3c}"),
            // Renderers disagree on whether a pipe after two backslashes ends the cell.
            '|' if after_backslash => out.push_str("\\u{7c}"),
            '|' => out.push_str("\\|"),
            c => out.push(c),
        }
        after_backslash = c == '\\';
    }
    // A backslash at the end could escape the cell's own border for a renderer that splits cells without
    // looking for code; the space keeps them apart.
    if after_backslash {
        out.push(' ');
    }
    out.push('`');
    out
}

/// How many characters at the beginning of `rest` a renderer would act on after Markdown is parsed.
fn acted_on_later(rest: &[char]) -> usize {
    let acted_on = |at: &usize| match rest.get(*at) {
        Some('@' | '#') => true,
        Some(':') => is_emoji_name(rest.get(*at..).unwrap_or_default()),
        _ => false,
    };
    (0..rest.len()).take_while(acted_on).count()
}

/// Whether `rest` begins with something like `:tada:`. Digits alone are a time of day, but for two names.
fn is_emoji_name(rest: &[char]) -> bool {
    let is_name = |c: &&char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-');
    let name: String = rest.iter().skip(1).take_while(is_name).collect();
    let digits = name.chars().all(|c| c.is_ascii_digit()) && name != "100" && name != "1234";
    !digits && rest.get(name.len() + 1) == Some(&':')
}

/// Whether the character at `at` would make the digits that begin the text a numbered list.
fn ends_a_list_marker(chars: &[char], at: usize) -> bool {
    let ends = chars.get(at + 1).is_none_or(|next| *next == ' ');
    ends && at > 0 && at < 10 && chars.iter().take(at).all(char::is_ascii_digit)
}

/// Whether the character at `at` comes after `www`, from which renderers make a link without a scheme.
fn follows_www(chars: &[char], at: usize) -> bool {
    at >= 3 && chars.get(at - 3..at).is_some_and(|www| www.iter().all(|c| c.eq_ignore_ascii_case(&'w')))
}

#[cfg(test)]
mod tests;
