//! `regions`: all that an account has enabled, or a list.

use assize_engine::yaml::{Node, Yaml};

use super::context::Context;
use super::model::RegionsConfig;

/// The word for every region that an account has enabled.
const ALL_ENABLED: &str = "all-enabled";

pub(super) fn read(node: &Node, context: &mut Context<'_>) -> Option<RegionsConfig> {
    if node.text() == Some(ALL_ENABLED) {
        return Some(RegionsConfig::AllEnabled);
    }
    let Yaml::List(items) = &node.value else {
        let shown = node.text().unwrap_or_else(|| node.kind());
        let message = format!("`regions` must be `{ALL_ENABLED}` or a list, not `{shown}`");
        context.report.error(node.span, "wrong-value", message).hint("a list, even of one region: `[eu-west-1]`");
        return None;
    };
    if items.is_empty() {
        context
            .report
            .error(node.span, "no-regions", "the list of regions is empty")
            .hint(format!("name at least one, or write `{ALL_ENABLED}`"));
        return None;
    }
    let mut regions: Vec<String> = Vec::new();
    for item in items {
        let Some(region) = context.literal(item, "regions") else { continue };
        if regions.contains(&region.value) {
            context.report.error(region.span, "duplicate-region", format!("`{}` stands twice", region.written));
        } else if context.region_name(&region) {
            regions.push(region.value);
        }
    }
    regions.sort();
    Some(RegionsConfig::Listed(regions))
}
