//! The language of reports: a catalogue from English texts to those of another language.
//!
//! A text of a template is looked up as it stands, with the names of its numbers in braces; a sentence that was put together in
//! English is held against the same texts, so that what stands in a name's place is carried over. What the catalogue does not
//! have stays English: a report never loses a sentence.

use std::collections::HashMap;

use regex::{Regex, RegexSet};

use crate::report::words;

/// Names that stand for numbers alone, so that a text such as `{n} of {all}` is not found in every sentence.
const NUMBERS: [&str; 2] = ["n", "all"];

/// Names that stand for what records or people wrote: it is carried over as it is.
const WRITTEN: [&str; 16] = [
    "account",
    "accounts",
    "approver",
    "field",
    "fields",
    "id",
    "ids",
    "key",
    "name",
    "names",
    "owner",
    "resources",
    "role",
    "selection",
    "source",
    "trail",
];

/// Texts of a language by their English ones.
#[derive(Debug)]
pub(crate) struct Catalogue {
    exact: HashMap<String, String>,
    patterns: Vec<Pattern>,
    /// Finds the pattern of a sentence in one pass.
    set: RegexSet,
}

/// A text with names, as a pattern for sentences.
#[derive(Debug)]
struct Pattern {
    sentence: Regex,
    names: Vec<String>,
    text: String,
}

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    /// Not a map of texts.
    #[error("it must be a map from English texts to others: {0}")]
    Yaml(#[from] serde_yaml::Error),
    /// A text names what its English one does not have.
    #[error("`{key}`: the translation uses {{{name}}}, which the English text does not have")]
    Name {
        /// The English text.
        key: String,
        /// The name.
        name: String,
    },
    /// Too large.
    #[error("its texts are too long to be looked up: {0}")]
    Size(#[from] regex::Error),
}

impl Catalogue {
    /// Reads a YAML map from English texts to those of a language.
    ///
    /// # Errors
    /// It is no such map, or a translation uses a name that its English text does not have.
    pub(crate) fn read(yaml: &str) -> Result<Catalogue, CatalogueError> {
        let exact: Option<HashMap<String, String>> = serde_yaml::from_str(yaml)?;
        let exact = exact.unwrap_or_default();
        let mut keys: Vec<&String> = exact.keys().filter(|key| key.contains('{')).collect();
        // The longest first: it says the most of a sentence.
        keys.sort_by_key(|key| (std::cmp::Reverse(key.len()), key.as_str()));
        let (mut patterns, mut sources) = (Vec::new(), Vec::new());
        for key in keys {
            let text = exact.get(key).cloned().unwrap_or_default();
            let names = names(key);
            if let Some(name) = self::names(&text).into_iter().find(|name| !names.contains(name)) {
                return Err(CatalogueError::Name { key: key.clone(), name });
            }
            let source = pattern(key);
            patterns.push(Pattern { sentence: Regex::new(&source)?, names, text });
            sources.push(source);
        }
        let set = regex::RegexSetBuilder::new(&sources).size_limit(64 << 20).build()?;
        Ok(Catalogue { exact, patterns, set })
    }

    /// A text with its numbers and names put in; English if the catalogue does not have it.
    pub(crate) fn text(&self, key: &str, arguments: &[(String, String)]) -> String {
        if let Some(text) = self.exact.get(key) {
            return filled(text, arguments);
        }
        if arguments.is_empty() {
            return self.sentence(key);
        }
        filled(key, arguments)
    }

    /// A sentence that was put together in English. One of several parts is translated part by part.
    fn sentence(&self, text: &str) -> String {
        if let Some(found) = self.matched(text) {
            return found;
        }
        if let Some((first, rest)) = text.split_once("; ") {
            let (first, rest) = (self.text(first, &[]), self.text(rest, &[]));
            let joint = self.exact.get("; ").map_or("; ", String::as_str);
            return format!("{first}{joint}{rest}");
        }
        text.to_owned()
    }

    fn matched(&self, text: &str) -> Option<String> {
        let place = self.set.matches(text).iter().next()?;
        let pattern = self.patterns.get(place)?;
        let found = pattern.sentence.captures(text)?;
        let value = |(at, name): (usize, &String)| {
            let part = found.get(at + 1).map_or("", |part| part.as_str());
            let text = if WRITTEN.contains(&name.as_str()) { part.to_owned() } else { self.text(part, &[]) };
            (name.clone(), text)
        };
        let arguments: Vec<(String, String)> = pattern.names.iter().enumerate().map(value).collect();
        Some(filled(&pattern.text, &arguments))
    }

    /// A text as a whole sentence.
    pub(crate) fn whole(&self, text: &str) -> String {
        ended(&self.text(text, &[]), self.exact.get(".").map_or(".", String::as_str))
    }

    /// The English texts.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(String::as_str)
    }

    /// Whether a text would be translated.
    #[cfg(test)]
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.exact.contains_key(text) || self.matched(text).is_some()
    }
}

/// A value as a report shows it: numbers with separators, times as times.
pub(crate) fn value(value: &tera::Value) -> String {
    if let Some(number) = value.as_i128().and_then(|number| u64::try_from(number).ok()) {
        return words::count(number);
    }
    match value.as_str() {
        Some(text) if text.len() == 20 && text.ends_with('Z') => words::time(text),
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

/// The names in braces, in order.
fn names(text: &str) -> Vec<String> {
    let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
    parts.map(|(name, _)| name.to_owned()).filter(|name| is_name(name)).collect()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A regular expression for the sentences that a text with names stands for.
fn pattern(text: &str) -> String {
    let mut out = "(?s)^".to_owned();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_name(name)) else { break };
        out.push_str(&regex::escape(before));
        // A name never reaches over the end of a part; what is a number stands for nothing else.
        out.push_str(if NUMBERS.contains(&name) { "([0-9][0-9,.]*)" } else { "([^;]+?)" });
        rest = behind;
    }
    out.push_str(&regex::escape(rest));
    out.push('$');
    out
}

/// A text with a full stop, if it has none and is not empty.
pub(crate) fn ended(text: &str, stop: &str) -> String {
    let whole = text.is_empty() || text.ends_with(['.', '。', '！', '？']);
    if whole { text.to_owned() } else { format!("{text}{stop}") }
}

/// A text with what its names stand for.
pub(crate) fn filled(text: &str, arguments: &[(String, String)]) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let found = after.split_once('}').and_then(|(name, behind)| {
            let value = arguments.iter().find(|(known, _)| known == name)?;
            Some((value.1.as_str(), behind))
        });
        match found {
            Some((value, behind)) => {
                out.push_str(value);
                rest = behind;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        Catalogue::read(
            "Findings: 検出事項\nnew: 新規\n'{n} of {all}': '{all} 件中 {n} 件'\n'{n} of {all} records break it': '{all} 件中 {n} 件が違反'\n\
             'Of {due} due, {n} are {what}': '{due} のうち {n} が{what}'\nproven: 証明済み\n",
        )
        .unwrap()
    }

    #[test]
    fn texts_are_looked_up_and_sentences_are_taken_apart() {
        let catalogue = catalogue();
        let argument = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(catalogue.text("Findings", &[]), "検出事項");
        assert_eq!(catalogue.text("{n} of {all}", &[argument("n", "3"), argument("all", "1,204")]), "1,204 件中 3 件");
        assert_eq!(catalogue.text("3 of 12 records break it", &[]), "12 件中 3 件が違反", "the longer text says more");
        assert_eq!(
            catalogue.text("Of 8 h due, 3 are proven", &[]),
            "8 h のうち 3 が証明済み",
            "what is carried over is translated too"
        );
        assert_eq!(catalogue.text("3 of 12; nobody knows this; new", &[]), "12 件中 3 件; nobody knows this; 新規");
        assert_eq!(catalogue.text("some of them", &[]), "some of them", "what stands for a number is one");
        assert_eq!(catalogue.whole("new"), "新規.");
    }

    #[test]
    fn what_is_not_there_stays_english_and_braces_of_values_stay() {
        let catalogue = catalogue();
        assert_eq!(catalogue.text("{n} odd", &[("n".to_owned(), "{n}".to_owned())]), "{n} odd");
        assert_eq!(catalogue.text("nothing {like} this", &[]), "nothing {like} this");
        assert_eq!(catalogue.text("", &[]), "");
    }

    #[test]
    fn names_must_fit() {
        let error = Catalogue::read("'{n} of {all}': '{n} / {al}'\n").unwrap_err();
        assert!(error.to_string().contains("{al}"), "{error}");
        assert!(Catalogue::read("- a\n").is_err());
    }
}
