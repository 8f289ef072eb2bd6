//! Hides external ids and secrets in the text of a configuration, so that showing the line of a mistake shows none; and what
//! stands under `key-env`, where a key may have been pasted in place of its variable's name.
//!
//! The text keeps its length in characters: carets still point at what they mean. It is better to mask too much, so
//! keys that only resemble `external-id` count too, and after a syntax error lines are searched instead of the tree.

use assize_engine::yaml::{Node, Yaml};

/// `text` with every external id replaced by stars.
pub(super) fn external_ids(text: &str, documents: &[Node]) -> String {
    let mut secrets = Vec::new();
    for document in documents {
        collect(document, false, &mut secrets);
    }
    // The longest first, so that none is left half hidden by one that is part of it.
    secrets.sort_by_key(|secret: &String| std::cmp::Reverse(secret.len()));
    let masked = secrets.iter().fold(text.to_owned(), |masked, secret| masked.replace(secret, &hidden(secret)));
    let mut key_column = None;
    masked.split_inclusive('\n').map(|text| line(text, &mut key_column)).collect()
}

/// Whether a key means an external id, the place of a signing key, or an address or secret of a receiver, however it is written.
fn is_external_id(key: &str) -> bool {
    let letters = || key.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase);
    ["externalid", "keyenv", "url", "secret"].into_iter().any(|secret| letters().eq(secret.chars()))
}

/// Whether a text under a key, where a map should be, is an address that was meant for the key `url` in it.
fn is_address(key: &str, value: &Node) -> bool {
    matches!(value.value, Yaml::Scalar { .. }) && ["slack", "webhook"].contains(&key)
}

/// The values of external ids below a node; `inside` if the node is such a value itself, whatever its kind.
fn collect(node: &Node, inside: bool, secrets: &mut Vec<String>) {
    match &node.value {
        Yaml::Scalar { text, .. } if inside => {
            // A block stands on several lines, each of which may be shown.
            secrets.extend(text.lines().map(str::trim).filter(|part| part.chars().count() > 1).map(str::to_owned));
        }
        Yaml::Scalar { .. } => {}
        Yaml::List(items) => items.iter().for_each(|item| collect(item, inside, secrets)),
        Yaml::Map(entries) => {
            for (key, value) in entries {
                let hidden = key.text().is_some_and(|key| is_external_id(key) || is_address(key, value));
                collect(value, inside || hidden, secrets);
            }
        }
    }
}

/// A line with what follows `external-id:` on it masked up to the end of the value; variables are shown. So are lines
/// after it that stand deeper than the key, whose column is kept in `key_column`: a value may go on there.
fn line(line: &str, key_column: &mut Option<usize>) -> String {
    let found = line.match_indices(':').find_map(|(at, _)| Some((at, external_id_at(line.get(..at)?)?)));
    let Some((colon, column)) = found else {
        let indent = line.len() - line.trim_start().len();
        if key_column.is_some_and(|column| indent > column) {
            return hidden(line);
        }
        *key_column = None;
        return line.to_owned();
    };
    *key_column = Some(column);
    let (before, after) = line.split_at_checked(colon + 1).unwrap_or((line, ""));
    // A list or a map is no external id; what was meant is somewhere on the line.
    let end = if after.trim_start().starts_with(['[', '{']) { after.len() } else { end_of_value(after) };
    let (value, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    format!("{before}{}{rest}", hidden(value))
}

/// Where a value ends on its line: at what ends it in a flow map, or at a comment; never inside `${…}`.
fn end_of_value(text: &str) -> usize {
    let (mut variable, mut last) = (false, ' ');
    for (at, char) in text.char_indices() {
        match char {
            '{' if last == '$' => variable = true,
            '}' if variable => variable = false,
            ',' | '}' => return at,
            '#' if last.is_whitespace() => return at,
            _ => {}
        }
        last = char;
    }
    text.len()
}

/// Where the word at the end of `before` begins, if it means an external id.
fn external_id_at(before: &str) -> Option<usize> {
    let word = before.trim_end().trim_end_matches(['"', '\'']);
    let start = word.rfind([' ', '{', ',', '"', '\'']).map_or(0, |at| at + 1);
    word.get(start..).is_some_and(is_external_id).then_some(start)
}

/// Stars for every character but spaces, quotes and `${…}`.
fn hidden(text: &str) -> String {
    let (mut variable, mut out) = (false, String::new());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        variable |= char == '$' && chars.peek() == Some(&'{');
        let shown = variable || char.is_whitespace() || "\"'|>".contains(char);
        out.push(if shown { char } else { '*' });
        variable &= char != '}';
    }
    out
}

#[cfg(test)]
mod tests {
    use assize_engine::diagnostic::Report;
    use assize_engine::yaml;

    use super::*;

    fn masked(text: &str) -> String {
        external_ids(text, &yaml::parse(text, &mut Report::new("f")))
    }

    #[test]
    fn external_ids_are_hidden_wherever_they_stand() {
        assert_eq!(masked("external-id: s3cret-1 # ours\n"), "external-id: ******** # ours\n");
        assert_eq!(masked("role: {external_id: s3cret-1, name: x}\n"), "role: {external_id: ********, name: x}\n");
        assert_eq!(masked("{\"external-id\": \"s3cret-1\"}"), "{\"external-id\": \"********\"}");
        assert_eq!(masked("external-id: |\n  s3cret-1\nname: s3cret-1\n"), "external-id: |\n  ********\nname: ********\n");
        assert_eq!(masked("signing: {key-env: MC4CAQAwBQYD}\n"), "signing: {key-env: ************}\n");
    }

    #[test]
    fn addresses_and_secrets_of_receivers_are_hidden() {
        let text = "slack: {url: https://x/y, allow-http: true}\nwebhook:\n  url: ${env:URL}\n  secret: s3cret-1\n";
        let hidden = "slack: {url: ***********, allow-http: true}\nwebhook:\n  url: ${env:URL}\n  secret: ********\n";
        assert_eq!(masked(text), hidden);
        assert_eq!(masked("slack: https://x/y\n"), "slack: ***********\n");
    }

    #[test]
    fn external_ids_are_hidden_after_a_syntax_error() {
        assert_eq!(masked("a: [1\nExternalId: s3cret-1\n"), "a: [1\nExternalId: ********\n");
        let block = "a:\n  - external-id: |\n      s3cret-1\n    arn: x\nb: [1\nc: d\n";
        assert_eq!(masked(block), block.replace("s3cret-1", "********"));
    }

    #[test]
    fn variables_and_other_lines_stay() {
        assert_eq!(masked("external-id: s3-${env:ID}-x\n"), "external-id: ***${env:ID}**\n");
        let text = "external-id: ${env:ID}\nname: external-id\nvia: [arn:aws:iam::1:role/x]\n";
        assert_eq!(masked(text), text);
    }
}
