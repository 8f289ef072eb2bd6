//! `report`: how results are shown, and when they fail a run.

use assize_engine::policy::Level;
use assize_engine::yaml::{Node, Yaml};

use super::context::Context;
use super::model::{Percent, ReportConfig, Timezone};
use super::policies::LEVELS;
use super::syntax;
use crate::cli::Format;

const KEYS: &[&str] = &["fail-on", "min-coverage", "formats", "templates", "timezone"];

const FORMATS: [(&str, Format); 4] =
    [("text", Format::Text), ("json", Format::Json), ("markdown", Format::Markdown), ("html", Format::Html)];

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> ReportConfig {
    let mut report = ReportConfig {
        fail_on: Level::High,
        min_coverage: Percent(10_000),
        formats: vec![Format::Html, Format::Markdown, Format::Json],
        templates: None,
        timezone: Timezone { name: "UTC".to_owned(), offset_seconds: 0 },
    };
    let Some(node) = context.value(root, "report") else { return report };
    if !context.keys(node, "report", KEYS) {
        return report;
    }
    report.fail_on = context.choice(node, "fail-on", &LEVELS).unwrap_or(report.fail_on);
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
                context.report.error(text.span, "wrong-value", message).hint("one of text, json, markdown, html");
            }
        }
    }
    if matches!(&list.value, Yaml::List(items) if items.is_empty()) {
        context.report.error(list.span, "no-formats", "the list of formats is empty").hint("name at least one, such as `html`");
    }
    formats
}
