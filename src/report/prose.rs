//! Running text for a terminal: headings, paragraphs and nested lists, wrapped to its width.
//!
//! Whatever comes in is made harmless here, word by word, so callers pass on what policies and logs say as it is.

use super::escape::terminal;
use super::words;

/// A text in the making.
#[derive(Debug)]
pub(crate) struct Prose {
    out: String,
    width: usize,
}

impl Prose {
    /// Nothing yet, for a terminal of so many columns.
    pub(crate) fn new(width: usize) -> Prose {
        Prose { out: String::new(), width }
    }

    /// A line of its own with an empty one before it.
    pub(crate) fn heading(&mut self, text: &str) {
        self.gap();
        self.line(text);
    }

    /// An empty line, except at the beginning.
    pub(crate) fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// One line as it is, however long.
    pub(crate) fn line(&mut self, text: &str) {
        self.out.push_str(&terminal(text));
        self.out.push('\n');
    }

    /// A paragraph, so many columns from the left.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.wrap(&" ".repeat(indent), indent, text);
    }

    /// An entry of a list; `depth` 0 is the outermost. Further lines stand under the first.
    pub(crate) fn bullet(&mut self, depth: usize, text: &str) {
        let indent = 2 + 2 * depth.min(20);
        self.wrap(&format!("{}- ", " ".repeat(indent)), indent + 2, text);
    }

    /// What an author wrote over several lines: paragraphs are wrapped, and lines that begin with white space (commands, mostly)
    /// stay lines.
    pub(crate) fn written(&mut self, indent: usize, text: &str) {
        let mut paragraph: Vec<&str> = Vec::new();
        let finish = |paragraph: &mut Vec<&str>, prose: &mut Prose| {
            if !paragraph.is_empty() {
                prose.paragraph(indent, &std::mem::take(paragraph).join(" "));
            }
        };
        for line in text.trim_end().lines() {
            if line.trim().is_empty() {
                finish(&mut paragraph, self);
                self.out.push('\n');
            } else if line.starts_with([' ', '\t']) {
                finish(&mut paragraph, self);
                self.line(&format!("{}  {}", " ".repeat(indent), line.trim()));
            } else {
                paragraph.push(line);
            }
        }
        finish(&mut paragraph, self);
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    fn wrap(&mut self, first: &str, indent: usize, text: &str) {
        let mut begin = first;
        let further = " ".repeat(indent);
        for line in words::wrapped(text, self.width.saturating_sub(indent).max(20)) {
            self.out.extend([begin, &line, "\n"]);
            begin = &further;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_under_its_beginning_and_commands_stay_lines() {
        let mut prose = Prose::new(30);
        prose.heading("What\u{1b}[31m");
        prose.bullet(1, "one two three four five six seven");
        prose.written(2, "A paragraph\nover two lines.\n\n  aws a-long-command --with-an-option\n");
        assert_eq!(
            prose.finish(),
            "What\\u{1b}[31m\n    - one two three four five\n      six seven\n  A paragraph over two lines.\n\n    aws a-long-command --with-an-option\n"
        );
    }

    #[test]
    fn nothing_that_an_author_writes_begins_a_line_of_its_own() {
        let mut prose = Prose::new(40);
        prose.paragraph(0, "a\r\nb\u{85}c\u{2028}d \u{202e}e");
        assert_eq!(prose.finish(), "a b c d \\u{202e}e\n");
    }
}
