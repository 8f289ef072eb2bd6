//! Adds a note, a waiver or a review, to the end of a file of notes, and leaves everything else in it as it was.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// A value in a note.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A map; its values are texts.
    Map(Vec<(String, Value)>),
}

impl Value {
    fn on_one_line(&self) -> String {
        match self {
            Value::Text(text) => scalar(text),
            Value::Map(map) => {
                let pair = |(key, value): &(String, Value)| format!("{}: {}", scalar(key), value.on_one_line());
                format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// One note as an item of a YAML list. Texts are quoted where YAML would read them as something else.
pub(crate) fn item(entries: &[(&str, Value)]) -> String {
    let mut lines = Vec::new();
    for (place, (key, value)) in entries.iter().enumerate() {
        let lead = if place == 0 { "  - " } else { "    " };
        lines.push(format!("{lead}{key}: {}\n", value.on_one_line()));
    }
    lines.concat()
}

/// A text as YAML reads it back, on one line.
fn scalar(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./@".contains(char);
    let letter = text.chars().next().is_some_and(|char| char.is_ascii_alphabetic());
    if letter && text.chars().all(plain) && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off") {
        return text.to_owned();
    }
    // JSON's quoted texts are YAML's.
    serde_json::Value::String(text.to_owned()).to_string()
}

/// The text of a file with an item more at its end, under a key that must come last in it.
pub(crate) fn with_item(text: &str, key: &str, item: &str) -> String {
    let empty = format!("{key}: []");
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter().rposition(|line| line.trim_end() == empty) {
        Some(place) => {
            let heading = format!("{key}:");
            if let Some(line) = lines.get_mut(place) {
                *line = &heading;
            }
            format!("{}\n{item}", lines.join("\n").trim_end())
        }
        None if lines.iter().any(|line| line.trim_end() == format!("{key}:")) => format!("{}\n{item}", text.trim_end()),
        None if text.trim().is_empty() => format!("{key}:\n{item}"),
        None => format!("{}\n\n{key}:\n{item}", text.trim_end()),
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// The folder cannot be written to.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".assize-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(path) {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read_back_and_the_rest_stays() {
        let note = item(&[
            ("finding", Value::Text("0".repeat(32))),
            ("note", Value::Text("it's: \"fine\" # really\n- 田中".to_owned())),
            ("scope", Value::Map(vec![("account".to_owned(), Value::Text("111122223333".to_owned()))])),
        ]);
        for text in [
            "",
            "# nothing yet\n",
            "# c\nreviews: []\n",
            "reviews:\n  - {finding: x}\n",
            "version: 1\nreviews:\n  - finding: x\n",
        ] {
            let before: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
            let after = with_item(text, "reviews", &note);
            let read: serde_yaml::Value = serde_yaml::from_str(&after).unwrap();
            let notes = read["reviews"].as_sequence().unwrap();
            assert_eq!(notes.len(), before["reviews"].as_sequence().map_or(0, Vec::len) + 1, "{after}");
            let last = notes.last().unwrap();
            assert_eq!(last["note"].as_str(), Some("it's: \"fine\" # really\n- 田中"));
            assert_eq!(last["scope"]["account"].as_str(), Some("111122223333"));
            assert_eq!(last["finding"].as_str().map(str::len), Some(32), "not a number: {after}");
            assert!(!text.contains('#') || after.contains('#'), "comments stay");
        }
    }
}
