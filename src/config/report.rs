//! `report`: how results are shown, and when they fail a run.

use std::time::Duration;

use assize_engine::policy::{Level, reader};
use assize_engine::yaml::{Node, Yaml};

use super::context::Context;
use super::model::{Lang, Percent, ReportConfig, ReviewWithin, Timezone};
use super::policies::{LEVELS, selector};
use super::syntax;
use crate::cli::Format;
use crate::exit::FailOn;

const KEYS: &[&str] =
    &["fail-on", "min-coverage", "formats", "csv-bom", "templates", "timezone", "lang", "fiscal-year-start", "review-within"];

const FORMATS: [(&str, Format); 9] = [
    ("text", Format::Text),
    ("json", Format::Json),
    ("markdown", Format::Markdown),
    ("html", Format::Html),
    ("sarif", Format::Sarif),
    ("junit", Format::Junit),
    ("csv", Format::Csv),
    ("xlsx", Format::Xlsx),
    ("wiki", Format::Wiki),
];

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> ReportConfig {
    let mut report = ReportConfig {
        fail_on: FailOn { level: Level::High, only_new: false },
        min_coverage: Percent(10_000),
        formats: vec![Format::Html, Format::Markdown, Format::Json],
        csv_bom: false,
        templates: None,
        timezone: Timezone { name: "UTC".to_owned(), offset_seconds: 0 },
        lang: Lang::En,
        fiscal_year_start: 1,
        review_within: Vec::new(),
    };
    let Some(node) = context.value(root, "report") else { return report };
    if !context.keys(node, "report", KEYS) {
        return report;
    }
    if let Some(text) = context.text(node, "fail-on")
        && let Some(fail_on) = context.passes(&text, ("wrong-value", "a level"), FailOn::parse)
    {
        report.fail_on = fail_on;
    }
    report.lang = context.choice(node, "lang", &[("en", Lang::En), ("ja", Lang::Ja)]).unwrap_or_default();
    report.csv_bom = context.choice(node, "csv-bom", &[("true", true), ("false", false)]).unwrap_or_default();
    if let Some(month) = context.small_number(node, "fiscal-year-start", 1..=12) {
        report.fiscal_year_start = u8::try_from(month).unwrap_or(1);
    }
    report.review_within = context.items(node, "review-within").iter().filter_map(|item| within(item, context)).collect();
    if let Some(text) = context.text(node, "min-coverage")
        && let Some(percent) = context.passes(&text, ("bad-percent", "a percentage"), syntax::percent)
    {
        report.min_coverage = percent;
    }
    if let Some(text) = context.text(node, "timezone")
        && let Some(timezone) = context.passes(&text, ("bad-timezone", "a time zone"), syntax::timezone)
    {
        report.timezone = timezone;
    }
    report.templates = context.text(node, "templates").map(|text| context.path(&text));
    if let Some(list) = context.value(node, "formats") {
        report.formats = formats(node, list, context);
    }
    report
}

/// How soon somebody must have looked at findings of some levels, in some accounts.
fn within(node: &Node, context: &mut Context<'_>) -> Option<ReviewWithin> {
    if !matches!(node.value, Yaml::Map(_)) {
        reader::wrong_kind(node, "review-within", "a list of maps", &mut context.report);
        return None;
    }
    context.keys(node, "review-within", &["level", "accounts", "within"]);
    context.require(node, "level", "the levels, such as `critical` or `[critical, high]`");
    context.require(node, "within", "how soon after the first match, such as 1d");
    let mut levels = Vec::new();
    for text in context.texts(node, "level") {
        match Level::from_name(&text.value) {
            Some(level) => levels.push(level),
            None => {
                let message = format!("`{}` is not a level", text.written);
                let names: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
                context.report.error(text.span, "wrong-value", message).hint(format!("one of {}", names.join(", ")));
            }
        }
    }
    let accounts = context.value(node, "accounts").map(|accounts| selector(accounts, context)).unwrap_or_default();
    let (least, most) = (Duration::from_secs(60), Duration::from_secs(366 * 86_400));
    let within = context.duration(node, "within", least..=most)?;
    (!levels.is_empty()).then_some(ReviewWithin { levels, accounts, within })
}

fn formats(node: &Node, list: &Node, context: &mut Context<'_>) -> Vec<Format> {
    let mut formats = Vec::new();
    for text in context.texts(node, "formats") {
        match FORMATS.iter().find(|(name, _)| *name == text.value) {
            Some((_, format)) if formats.contains(format) => {
                context.report.error(text.span, "duplicate-format", format!("`{}` stands twice", text.written));
            }
            Some((_, format)) => formats.push(*format),
            None => {
                let message = format!("there is no format `{}`", text.written);
                let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
                context.report.error(text.span, "wrong-value", message).hint(format!("one of {}", names.join(", ")));
            }
        }
    }
    if matches!(&list.value, Yaml::List(items) if items.is_empty()) {
        context.report.error(list.span, "no-formats", "the list of formats is empty").hint("name at least one, such as `html`");
    }
    formats
}
