//! A tree as YAML, for CloudFormation among others, which reads YAML 1.1: there, plain `no`, `on`, `2012-10-17` and `12:30:00` are not
//! text. So a text stands in quotes unless it cannot be anything else.

use super::text::Tree;
use crate::report::escape::is_invisible;

/// The tree as a document.
pub(crate) fn write(tree: &Tree) -> String {
    let mut out = String::new();
    for line in lines(tree) {
        out.extend([&line, "\n"]);
    }
    out
}

/// The lines of a value, without indentation of its own.
fn lines(tree: &Tree) -> Vec<String> {
    match tree {
        Tree::List(entries) if !entries.is_empty() => entries.iter().flat_map(|entry| below("- ", lines(entry))).collect(),
        Tree::Map(entries) if !entries.is_empty() => {
            let pair = |(key, value): &(String, Tree)| {
                let key = text(key);
                if is_flat(value) {
                    return vec![format!("{key}: {}", lines(value).concat())];
                }
                let nested = lines(value).into_iter().map(|line| format!("  {line}"));
                std::iter::once(format!("{key}:")).chain(nested).collect()
            };
            entries.iter().flat_map(pair).collect()
        }
        Tree::List(_) => vec!["[]".to_owned()],
        Tree::Map(_) => vec!["{}".to_owned()],
        Tree::Text(value) => vec![text(value)],
        Tree::Number(number) => vec![number.to_string()],
        Tree::Flag(flag) => vec![flag.to_string()],
    }
}

fn is_flat(tree: &Tree) -> bool {
    match tree {
        Tree::List(entries) => entries.is_empty(),
        Tree::Map(entries) => entries.is_empty(),
        Tree::Text(_) | Tree::Number(_) | Tree::Flag(_) => true,
    }
}

/// Puts `first` before the first line, and as many spaces before the others.
fn below(first: &str, lines: Vec<String>) -> Vec<String> {
    let rest = " ".repeat(first.len());
    let indented = |(number, line): (usize, String)| format!("{}{line}", if number == 0 { first } else { &rest });
    lines.into_iter().enumerate().map(indented).collect()
}

/// Plain if it begins with a letter, has nothing but letters, digits and what separates them, and is no word that means
/// something else; else in double quotes, where JSON's escapes are YAML's.
fn text(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let of = |allowed: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || allowed.contains(letter));
    // A colon that no space follows is a part of a word: `Fn::Sub`, `s3:GetObject`.
    let plain = of(" .,/()_-") || (of(":._-") && !text.ends_with(':'));
    if begins && plain && !text.ends_with(' ') && !WORDS.contains(&text.to_lowercase().as_str()) {
        return text.to_owned();
    }
    let quoted = serde_json::to_string(text).expect("a text is JSON");
    // What JSON leaves as it is and YAML does not take, or a reader does not see.
    let escaped = |letter: char| match u32::from(letter) {
        _ if !is_invisible(letter) => letter.to_string(),
        code @ 0..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    };
    quoted.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_yaml_1_1_would_read_as_something_else_is_quoted() {
        for word in [
            "no",
            "Yes",
            "ON",
            "n",
            "null",
            "2012-10-17",
            "12:30",
            "0x1f",
            "1e3",
            "",
            "~",
            "a: b",
            "a #b",
            "- a",
            "*",
            "&a",
            "a:",
        ] {
            assert!(text(word).starts_with('"'), "{word}");
        }
        for word in ["Fn::Sub", "s3:GetObject", "AWS::IAM::Role", "The audit bucket, with its policy"] {
            assert_eq!(text(word), word);
        }
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Tree::Text),
            "[a-z0-9:# -]{0,8}".prop_map(Tree::Text),
            any::<u32>().prop_map(|number| Tree::Number(number.into())),
            any::<bool>().prop_map(Tree::Flag),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let key = prop_oneof!["[a-zA-Z:]{1,6}", any::<String>()];
            let map = prop::collection::btree_map(key, inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Tree::List),
                map.prop_map(|map| Tree::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_as_it_was(tree in trees()) {
            let read: serde_json::Value = serde_yaml::from_str(&write(&tree)).unwrap();
            prop_assert_eq!(read, serde_json::to_value(&tree).unwrap());
        }
    }
}
