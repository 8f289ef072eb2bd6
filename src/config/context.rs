//! What the readers of all parts share: typed values out of a map, each checked, with its place; substitution from the
//! environment where a field allows it; every mistake into one report.
//!
//! A message never holds what came from the environment: it quotes the field as the file writes it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assize_engine::diagnostic::{Report, Span, closest};
use assize_engine::policy::reader;
use assize_engine::yaml::{Node, Yaml};

use super::model::{Name, Partition};
use super::syntax::{self, Arn, Refusal};

/// What reading a file needs besides its tree.
pub(super) struct Context<'a> {
    /// Where mistakes go.
    pub(super) report: Report<'a>,
    /// `None` if the file names one that does not exist; then nothing is held against it.
    pub(super) partition: Option<Partition>,
    /// Paths named in the file, which must exist.
    pub(super) paths: Vec<NamedPath>,
    /// Policies and frameworks named in the file.
    pub(super) names: Vec<Name>,
    folder: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
}

/// A path that the file names.
#[derive(Clone, Debug)]
pub(super) struct NamedPath {
    /// Resolved against the folder of the file.
    pub(super) path: PathBuf,
    /// Where it is named.
    pub(super) span: Span,
}

/// A text and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// Its value, variables replaced.
    pub(super) value: String,
    /// As the file writes it; the only form that may be shown.
    pub(super) written: String,
    /// Where.
    pub(super) span: Span,
}

impl<'a> Context<'a> {
    pub(super) fn new(report: Report<'a>, folder: &'a Path, env: &'a dyn Fn(&str) -> Option<String>) -> Context<'a> {
        Context { report, partition: Some(Partition::Aws), paths: Vec::new(), names: Vec::new(), folder, env }
    }

    /// Whether `node` is a map; reports keys that are not `known` and keys that are left empty.
    pub(super) fn keys(&mut self, node: &Node, name: &str, known: &[&str]) -> bool {
        let Yaml::Map(entries) = &node.value else {
            reader::wrong_kind(node, name, "a map", &mut self.report);
            return false;
        };
        reader::check_keys(node, known, false, &mut self.report);
        for (key, value) in entries {
            if let Some(text) = key.text().filter(|text| value.is_null() && known.contains(text)) {
                let message = format!("`{text}` is empty");
                self.report.error(key.span, "empty-key", message).hint("give it a value, or remove it to use the default");
            }
        }
        true
    }

    /// The value under `key`, if it is there and not empty.
    pub(super) fn value<'n>(&self, node: &'n Node, key: &str) -> Option<&'n Node> {
        node.get(key).filter(|value| !value.is_null())
    }

    /// Reports that `key` is missing from `node`; left empty, it is reported already.
    pub(super) fn require(&mut self, node: &Node, key: &str, hint: &str) {
        if node.get(key).is_none() {
            self.report.error(node.span, "missing-key", format!("`{key}` is missing")).hint(hint);
        }
    }

    /// The text under `key`, taken literally.
    pub(super) fn text(&mut self, node: &Node, key: &str) -> Option<Text> {
        let value = self.value(node, key)?;
        self.literal(value, key)
    }

    /// A text, taken literally. A variable in it is a mistake, because it would not be replaced.
    pub(super) fn literal(&mut self, value: &Node, key: &str) -> Option<Text> {
        let Some(text) = value.text().filter(|_| !value.is_null()) else {
            reader::wrong_kind(value, key, "a text", &mut self.report);
            return None;
        };
        if text.contains("${env:") {
            self.report
                .error(value.span, "no-substitution", format!("no variable is replaced in `{key}`"))
                .hint("docs/configuration.md marks the keys that take `${env:NAME}`; write the value itself here");
            return None;
        }
        let text = text.trim();
        if self.is_placeholder(text, value.span) {
            return None;
        }
        Some(Text { value: text.to_owned(), written: text.to_owned(), span: value.span })
    }

    /// The text under `key`, each `${env:NAME}` in it replaced.
    pub(super) fn substituted(&mut self, node: &Node, key: &str) -> Option<Text> {
        let value = self.value(node, key)?;
        self.replaced(value, key)
    }

    /// A text, each `${env:NAME}` in it replaced.
    pub(super) fn replaced(&mut self, value: &Node, key: &str) -> Option<Text> {
        let Some(written) = value.text().filter(|_| !value.is_null()).map(str::trim) else {
            reader::wrong_kind(value, key, "a text", &mut self.report);
            return None;
        };
        if self.is_placeholder(written, value.span) {
            return None;
        }
        let (mut out, mut rest, mut complete) = (String::new(), written, true);
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let name = after.split_once('}').and_then(|(inside, behind)| Some((inside.strip_prefix("env:")?, behind)));
            let Some((name, behind)) = name.filter(|(name, _)| syntax::variable_name(name)) else {
                self.report
                    .error(value.span, "bad-substitution", format!("`{key}` holds a `${{` that names no variable"))
                    .hint("write `${env:NAME}`: the variable's name and nothing else");
                return None;
            };
            match (self.env)(name).filter(|text| !text.trim().is_empty()) {
                Some(text) => out.push_str(text.trim()),
                None => {
                    complete = false;
                    self.report
                        .error(value.span, "unset-variable", format!("the environment variable `{name}` is not set, or empty"))
                        .hint(format!("`{key}` takes its value from it: set it, or write the value here"));
                }
            }
            rest = behind;
        }
        out.push_str(rest);
        complete.then(|| Text { value: out, written: written.to_owned(), span: value.span })
    }

    /// Whether a text still holds a placeholder of `assize init`, such as `<audit bucket>`; reports it.
    fn is_placeholder(&mut self, written: &str, span: Span) -> bool {
        let inner = written.split_once('<').and_then(|(_, behind)| behind.split_once('>')).map(|(inner, _)| inner);
        let words =
            |inner: &str| inner.starts_with(char::is_alphabetic) && inner.chars().all(|char| char.is_alphabetic() || char == ' ');
        let Some(name) = inner.filter(|inner| words(inner)) else { return false };
        let message = format!("`<{name}>` is still to be filled in");
        self.report.error(span, "placeholder", message).hint("write your own value in its place, without the brackets");
        true
    }

    /// Whether `check` lets the text pass; if not, the mistake is reported as `code`.
    pub(super) fn passes<T>(
        &mut self,
        text: &Text,
        (code, noun): (&'static str, &str),
        check: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        match check(&text.value) {
            Ok(value) => Some(value),
            Err(why) => {
                let shown = if text.value == text.written { "" } else { "the value of " };
                self.report.error(text.span, code, format!("{shown}`{}` is not {noun}", text.written)).hint(why);
                None
            }
        }
    }

    /// The texts under `key`, taken literally; a single text counts as a list of one.
    pub(super) fn texts(&mut self, node: &Node, key: &str) -> Vec<Text> {
        let Some(value) = self.value(node, key) else { return Vec::new() };
        match &value.value {
            Yaml::Scalar { .. } => self.literal(value, key).into_iter().collect(),
            Yaml::List(items) => items.iter().filter_map(|item| self.literal(item, key)).collect(),
            Yaml::Map(_) => {
                reader::wrong_kind(value, key, "a list of texts", &mut self.report);
                Vec::new()
            }
        }
    }

    /// The items under `key`, which must be a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        let Some(value) = self.value(node, key) else { return &[] };
        match &value.value {
            Yaml::List(items) => items,
            _ => {
                reader::wrong_kind(value, key, "a list", &mut self.report);
                &[]
            }
        }
    }

    /// One of a few words under `key`.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.value(node, key)?;
        reader::choice(node, key, choices, &mut self.report)
    }

    /// A whole number under `key`.
    pub(super) fn number(&mut self, node: &Node, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(node, key)?;
        let noun = format!("a whole number from {} to {}", range.start(), range.end());
        let digits = text.value.bytes().all(|byte| byte.is_ascii_digit());
        match text.value.parse().ok().filter(|number| digits && range.contains(number)) {
            Some(number) => Some(number),
            None => {
                self.report.error(text.span, "bad-number", format!("`{key}` must be {noun}, not `{}`", text.written));
                None
            }
        }
    }

    /// As [`Context::number`], for numbers of 32 bits.
    pub(super) fn small_number(&mut self, node: &Node, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let wide = u64::from(*range.start())..=u64::from(*range.end());
        self.number(node, key, wide).and_then(|number| u32::try_from(number).ok())
    }

    /// A duration under `key`, within bounds.
    pub(super) fn duration(&mut self, node: &Node, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.text(node, key)?;
        let duration = self.passes(&text, ("bad-duration", "a duration"), syntax::duration)?;
        if range.contains(&duration) {
            return Some(duration);
        }
        let (least, most) = (syntax::write_duration(*range.start()), syntax::write_duration(*range.end()));
        let message = format!("`{key}` must be from {least} to {most}, not `{}`", text.written);
        self.report.error(text.span, "duration-out-of-range", message);
        None
    }

    /// A path, resolved against the folder of the file, and noted as one that must exist.
    pub(super) fn path(&mut self, text: &Text) -> PathBuf {
        let path = self.folder.join(&text.value);
        self.paths.push(NamedPath { path: path.clone(), span: text.span });
        path
    }

    /// A path that need not exist yet.
    pub(super) fn new_path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// An account id under `key`.
    pub(super) fn account(&mut self, node: &Node, key: &str) -> Option<Text> {
        let text = self.text(node, key)?;
        self.account_id(&text).then_some(text)
    }

    /// Whether a text is an account id.
    pub(super) fn account_id(&mut self, text: &Text) -> bool {
        self.passes(text, ("bad-account-id", "an account id"), syntax::account_id).is_some()
    }

    /// A region under `key`.
    pub(super) fn region(&mut self, node: &Node, key: &str) -> Option<String> {
        let text = self.text(node, key)?;
        self.region_name(&text).then_some(text.value)
    }

    /// Whether a text is a region of the partition. One that is not known is a warning: there may be new ones.
    pub(super) fn region_name(&mut self, text: &Text) -> bool {
        if self.passes(text, ("bad-region", "a region"), syntax::region_shape).is_none() {
            return false;
        }
        let Some(partition) = self.partition else { return true };
        let of_region = syntax::partition_of(&text.value);
        if of_region != Some(partition) {
            let message = format!("`{}` is not a region of the partition `{}`", text.written, partition.id());
            let found = self.report.error(text.span, "wrong-partition", message);
            match of_region {
                Some(other) => found.hint(format!("it is one of `{}`; a configuration has one `partition`", other.id())),
                None => found.hint("its partition is not supported"),
            }
            return false;
        }
        if !syntax::REGIONS.contains(&text.value.as_str()) {
            let message = format!("`{}` is no region that this version knows", text.written);
            let found = self.report.warning(text.span, "unknown-region", message);
            match closest(&text.value, syntax::REGIONS) {
                Some(meant) => found.hint(format!("did you mean `{meant}`?")),
                None => found.hint("if it is new, all is well"),
            }
        }
        true
    }

    /// Whether a text, already known to be an ARN, is in the partition.
    pub(super) fn arn_in_partition(&mut self, text: &Text) -> bool {
        let (Some(partition), Some(arn)) = (self.partition, Arn::parse(&text.value)) else { return true };
        if arn.partition == partition.id() {
            return true;
        }
        let message = format!("`{}` is not in the partition `{}`", text.written, partition.id());
        let hint = format!("it must begin with `arn:{}:`, or `partition` must be another", partition.id());
        self.report.error(text.span, "wrong-partition", message).hint(hint);
        false
    }

    /// Tag keys, each with one value or several.
    pub(super) fn tag_filter(&mut self, node: &Node, key: &str) -> BTreeMap<String, Vec<String>> {
        let Some(value) = self.value(node, key) else { return BTreeMap::new() };
        let mut filter = BTreeMap::new();
        for (tag, values) in self.entries(value, key) {
            let values = match &values.value {
                Yaml::List(items) if !items.is_empty() => items.as_slice(),
                _ => std::slice::from_ref(values),
            };
            let texts: Vec<Text> = values.iter().filter_map(|value| self.literal(value, &tag.value)).collect();
            filter.insert(tag.value, texts.into_iter().map(|text| text.value).collect());
        }
        filter
    }

    /// The entries of a map whose keys are free.
    pub(super) fn entries<'n>(&mut self, value: &'n Node, key: &str) -> Vec<(Text, &'n Node)> {
        let Yaml::Map(entries) = &value.value else {
            reader::wrong_kind(value, key, "a map", &mut self.report);
            return Vec::new();
        };
        entries.iter().filter_map(|(name, value)| Some((self.literal(name, key)?, value))).collect()
    }
}
