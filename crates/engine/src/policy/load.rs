//! Loads policy and framework files and checks what only the whole set can show: duplicate ids and missing policies.

use std::collections::{BTreeMap, BTreeSet};

use super::correlate::{self, Draft};
use super::expand::{self, Placeholders};
use super::filter::{self, Filter};
use super::{Framework, Policy, framework, read};
use crate::diagnostic::{Diagnostic, Report, Severity, Span};
use crate::yaml::{self, Node, Yaml};

/// What the files hold. Use nothing of it while [`Loaded::has_errors`].
#[derive(Debug, Default)]
pub struct Loaded {
    /// By id. Correlations are among them.
    pub policies: Vec<Policy>,
    /// Rules that only correlations look at and none of them lists under `generate`, by id: they are reported through these alone.
    pub bases: Vec<Policy>,
    /// By id.
    pub frameworks: Vec<Framework>,
    /// How many filter documents there are.
    pub filters: usize,
    /// Every mistake, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether the run must not start.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }
}

/// Loads files given as (name, content), with no placeholder set. The order of the files does not matter.
pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Loaded {
    load_with(files, &Placeholders::new())
}

/// Loads files given as (name, content). The order of the files does not matter.
pub fn load_with<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, placeholders: &Placeholders) -> Loaded {
    let mut documents = Documents::default();
    for (name, source) in files {
        let mut report = Report::new(name);
        let nodes = yaml::parse(source, &mut report);
        if nodes.is_empty() && !report.has_errors() {
            report.error(Span::START, "empty-file", "there is no policy in this file").hint("remove the file, or write one");
        }
        for node in nodes {
            let known = documents.count();
            let span = node.span;
            documents.read(node, name, &mut report);
            // A policy must never vanish without a word.
            if known == documents.count() && !report.has_errors() {
                report.error(span, "unreadable", "this document could not be read; please report it as a bug");
            }
        }
        documents.diagnostics.extend(report.finish());
    }
    documents.put_together(placeholders)
}

/// Documents as they were read, each for itself.
#[derive(Default)]
struct Documents {
    rules: Vec<Policy>,
    correlations: Vec<Draft>,
    filters: Vec<Filter>,
    frameworks: Vec<Framework>,
    diagnostics: Vec<Diagnostic>,
}

impl Documents {
    fn count(&self) -> usize {
        self.rules.len() + self.correlations.len() + self.filters.len() + self.frameworks.len()
    }

    fn read(&mut self, node: Node, file: &str, report: &mut Report<'_>) {
        if !matches!(node.value, Yaml::Map(_)) {
            report.error(node.span, "wrong-type", format!("a policy must be a map, this is {}", node.kind()));
        } else if node.get("action").is_some() {
            report
                .error(node.span, "not-supported-yet", "rule collections are not supported")
                .hint("write every rule out, one document each");
        } else if node.get("correlation").is_some() {
            self.correlations.push(Draft { node, file: file.to_owned() });
        } else if node.get("filter").is_some() {
            self.filters.extend(filter::read(&node, file, report));
        } else if node.get("framework").is_some() {
            self.frameworks.extend(framework::read(&node, file, report));
        } else {
            self.rules.extend(read::policy(&node, file, report));
        }
    }

    /// Joins what refers to other documents: filters to rules, correlations to rules and each other, frameworks to policies.
    fn put_together(mut self, placeholders: &Placeholders) -> Loaded {
        let by_id = |a: &Policy, b: &Policy| a.id.cmp(&b.id).then_with(|| a.file.cmp(&b.file)).then_with(|| a.span.cmp(&b.span));
        self.rules.sort_by(by_id);
        self.drop_copies();
        // In the order of their files, so that what a filter adds does not depend on the order in which they were given.
        self.filters.sort_by(|a, b| a.file.cmp(&b.file));
        for filter in &self.filters {
            let mut report = Report::new(&filter.file);
            filter::apply(filter, &mut self.rules, &mut report);
            self.diagnostics.extend(report.finish());
        }
        for rule in &mut self.rules {
            self.diagnostics.extend(expand::fill(rule, placeholders));
        }
        let mut silent: BTreeSet<usize> = BTreeSet::new();
        let mut loud: BTreeSet<usize> = BTreeSet::new();
        let mut policies = Vec::new();
        for draft in &self.correlations {
            let mut report = Report::new(&draft.file);
            if let Some(mut read) = correlate::read(draft, &self.rules, &self.correlations, &mut report) {
                let missing = read.rules.iter().filter_map(|rule| self.rules.get(*rule)).flat_map(|rule| &rule.unconfigured);
                expand::lack(&mut read.policy, missing.cloned());
                // Its own population may have placeholders too.
                self.diagnostics.extend(expand::fill(&mut read.policy, placeholders));
                loud.extend(&read.generated);
                silent.extend(&read.rules);
                policies.push(read.policy);
            }
            self.diagnostics.extend(report.finish());
        }
        let mut bases = Vec::new();
        for (index, rule) in self.rules.into_iter().enumerate() {
            let base = silent.contains(&index) && !loud.contains(&index);
            if base { &mut bases } else { &mut policies }.push(rule);
        }
        policies.sort_by(by_id);
        let mut frameworks = self.frameworks;
        frameworks.sort_by(|a, b| a.id.cmp(&b.id).then_with(|| a.file.cmp(&b.file)));
        let mut loaded = Loaded { policies, bases, frameworks, filters: self.filters.len(), diagnostics: self.diagnostics };
        check_ids(&mut loaded);
        check_mappings(&mut loaded);
        loaded.diagnostics.sort_by(|a, b| a.file.cmp(&b.file).then_with(|| a.span.cmp(&b.span)));
        loaded
    }

    /// Collections repeat a rule beside each correlation that looks at it. Copies that look for the same are one rule.
    fn drop_copies(&mut self) {
        let mut kept: Vec<Policy> = Vec::new();
        for rule in std::mem::take(&mut self.rules) {
            let looks = |policy: &Policy| (policy.id.clone(), policy.level, policy.group_by.clone());
            let same = |known: &Policy| {
                looks(known) == looks(&rule) && known.detection == rule.detection && known.correlation == rule.correlation
            };
            match kept.last().filter(|known| same(known)) {
                Some(known) => {
                    let place = format!("{}:{}", known.file, known.span.at.line);
                    let mut report = Report::new(&rule.file);
                    report.warning(rule.span, "repeated-rule", format!("the same rule stands in {place}; it is read once"));
                    self.diagnostics.extend(report.finish());
                }
                None => kept.push(rule),
            }
        }
        self.rules = kept;
    }
}

fn check_ids(loaded: &mut Loaded) {
    let policies = loaded.policies.iter().chain(&loaded.bases).map(|policy| ("policy", &policy.id, &policy.file, policy.span));
    let frameworks = loaded.frameworks.iter().map(|framework| ("framework", &framework.id, &framework.file, framework.span));
    let mut seen: BTreeMap<(&str, &str), String> = BTreeMap::new();
    let mut found = Vec::new();
    for (what, id, file, span) in policies.chain(frameworks) {
        let place = format!("{file}:{}", span.at.line);
        if let Some(first) = seen.get(&(what, id.as_str())) {
            let mut report = Report::new(file);
            report
                .error(span, "duplicate-id", format!("the {what} id `{id}` is already used in {first}"))
                .hint("ids are how findings, waivers and frameworks refer to a policy: give each its own");
            found.extend(report.finish());
        } else {
            seen.insert((what, id), place);
        }
    }
    loaded.diagnostics.extend(found);
}

/// A framework may only name policies that exist. If some policy could not be read this cannot be told.
fn check_mappings(loaded: &mut Loaded) {
    if loaded.has_errors() {
        return;
    }
    let mut found = Vec::new();
    for framework in &loaded.frameworks {
        let mut report = Report::new(&framework.file);
        for mapping in framework.requirements.iter().flat_map(|requirement| &requirement.policies) {
            if !loaded.policies.iter().chain(&loaded.bases).any(|policy| policy.id == mapping.policy) {
                report
                    .error(mapping.span, "unknown-policy", format!("there is no policy `{}`", mapping.policy))
                    .hint("a requirement whose policy is missing would have no answer");
            }
        }
        found.extend(report.finish());
    }
    loaded.diagnostics.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Condition, FieldPath, Level, Population};

    const GOOD: &str = "id: a-b\ntitle: T\nlevel: low\nlogsource: {product: aws, service: cloudtrail}\n\
        detection:\n  sel: {eventName: X}\n  condition: sel\n";

    fn codes(files: &[(&str, &str)]) -> Vec<String> {
        load(files.iter().copied())
            .diagnostics
            .iter()
            .map(|found| format!("{}:{}:{} {}", found.file, found.span.at.line, found.span.at.column, found.code))
            .collect()
    }

    #[test]
    fn a_small_policy_loads_with_its_defaults() {
        let loaded = load([("f", GOOD)]);
        assert_eq!(loaded.diagnostics, []);
        let policy = &loaded.policies[0];
        assert_eq!(policy.group_by, [FieldPath::new("userIdentity.arn")]);
        assert_eq!(policy.population, Population::Sources);
        assert!(policy.needs_derived);
    }

    #[test]
    fn five_mistakes_come_at_once_with_their_places() {
        let source = "id: A B\ntitle: T\nlevel: hihg\nlogsource: {product: aws, service: cloudtrail}\ncolour: red\n\
            detection:\n  sel:\n    eventName|contain: X\n  condition: sel and other\nevidence: maybe\n";
        assert_eq!(
            codes(&[("f", source)]),
            [
                "f:1:5 bad-id",
                "f:3:8 wrong-value",
                "f:5:1 unknown-key",
                "f:8:5 unknown-modifier",
                "f:9:22 undefined-selection",
                "f:10:11 wrong-value"
            ]
        );
    }

    #[test]
    fn the_set_is_checked_as_a_whole() {
        let framework = "framework: x\ntitle: X\nversion: '1'\nrequirements:\n- {id: '1', title: t, answered-by: events, policies: [{policy: nope, kind: absent}]}\n";
        assert_eq!(codes(&[("f", GOOD), ("x", framework)]), ["x:5:64 unknown-policy"]);
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert_eq!(codes(&[("f", "title: x\naction: global\n")]), ["f:1:1 not-supported-yet"]);
        let windows = GOOD.replace("product: aws, service: cloudtrail", "product: windows");
        assert_eq!(codes(&[("f", &windows)]), ["f:4:12 unread-logsource"]);
    }

    const OVER: &str =
        "id: over\ntitle: O\nlevel: high\ncorrelation: {type: event_count, rules: [a-b], timespan: 5m, condition: {gte: 2}}\n";

    #[test]
    fn a_rule_below_a_correlation_is_reported_through_it_alone() {
        let loaded = load([("f", OVER), ("g", GOOD)]);
        assert_eq!(loaded.diagnostics, []);
        assert_eq!(loaded.policies.iter().map(|policy| policy.id.as_str()).collect::<Vec<_>>(), ["over"]);
        assert_eq!(loaded.bases.iter().map(|policy| policy.id.as_str()).collect::<Vec<_>>(), ["a-b"]);
        let loud = OVER.replace("gte: 2}", "gte: 2}, generate: true");
        let loaded = load([("f", loud.as_str()), ("g", GOOD)]);
        assert_eq!((loaded.policies.len(), loaded.bases.len()), (2, 0));
    }

    #[test]
    fn single_rules_of_a_correlation_may_be_reported_for_themselves() {
        let other = GOOD.replace("a-b", "c-d");
        let ids = |of: &[Policy]| of.iter().map(|policy| policy.id.clone()).collect::<Vec<_>>();
        let with = |generate: &str| {
            let over = OVER.replace("[a-b]", "[a-b, c-d]").replace("gte: 2}", &format!("gte: 2}}, generate: {generate}"));
            load([("f", over.as_str()), ("g", GOOD), ("h", other.as_str())])
        };
        for (generate, policies, bases) in [
            ("true", &["a-b", "c-d", "over"][..], &[][..]),
            ("false", &["over"], &["a-b", "c-d"]),
            ("[c-d]", &["c-d", "over"], &["a-b"]),
            ("[c-d, a-b]", &["a-b", "c-d", "over"], &[]),
        ] {
            let loaded = with(generate);
            assert_eq!(loaded.diagnostics, [], "{generate}");
            assert_eq!(
                (ids(&loaded.policies), ids(&loaded.bases)),
                (policies.iter().map(|id| (*id).to_owned()).collect(), bases.iter().map(|id| (*id).to_owned()).collect())
            );
        }
        for (generate, expected) in [
            ("[c-e]", "f:4:99 correlation: `c-e` is not one of the `rules` of this correlation (did you mean `c-d`?)"),
            (
                "[over]",
                "f:4:99 correlation: `over` is not one of the `rules` of this correlation (`generate` names rules as `rules` does: a-b, c-d)",
            ),
            ("[]", "f:4:98 empty-list: `generate` names no rule (leave it out, or write `false`)"),
            ("yes", "f:4:98 wrong-type: `generate` must be `true` or `false`, this is a text ()"),
            ("{a-b: true}", "f:4:98 wrong-type: `generate` must be `true`, `false` or a list of rules, this is a map ()"),
        ] {
            let found: Vec<String> = with(generate)
                .diagnostics
                .iter()
                .map(|found| {
                    let (at, hint) = (found.span.at, found.hint.as_deref().unwrap_or_default());
                    format!("{}:{}:{} {}: {} ({hint})", found.file, at.line, at.column, found.code, found.message)
                })
                .collect();
            assert_eq!(found, [expected], "{generate}");
        }
        let over = "id: above\ntitle: A\nlevel: low\ncorrelation: {type: temporal, rules: [over, a-b], timespan: 5m, generate: [over]}\n";
        let found = codes(&[("e", over), ("f", OVER), ("g", GOOD)]);
        assert_eq!(found, ["e:4:76 correlation"], "a correlation is reported in any case");
    }

    #[test]
    fn correlations_are_checked_against_their_rules() {
        for (change, with, expected) in [
            ("[a-b]", "[a-c]", "f:4:42 unknown-policy"),
            ("[a-b]", "[over]", "f:4:42 correlation"),
            ("[a-b]", "[a-b, a-b]", "f:4:47 correlation"),
            ("event_count", "temporal", "f:4:70 correlation"),
            ("gte: 2", "atleast: 2", "f:4:73 missing-key"),
        ] {
            let found = codes(&[("f", &OVER.replace(change, with)), ("g", GOOD)]);
            assert!(found.contains(&expected.to_owned()), "{with}: {found:?}");
        }
    }

    #[test]
    fn the_same_rule_twice_is_one_and_another_of_its_id_is_a_mistake() {
        let moved = format!("# a line more\n{GOOD}");
        let loaded = load([("f", GOOD), ("g", moved.as_str())]);
        assert_eq!(loaded.policies.len(), 1);
        assert_eq!(codes(&[("f", GOOD), ("g", &moved)]), ["g:2:5 repeated-rule"]);
        assert_eq!(codes(&[("f", GOOD), ("g", &GOOD.replace("eventName: X", "eventName: Y"))]), ["g:1:5 duplicate-id"]);
    }

    const FILTER: &str = "title: F\nlogsource: {product: aws, service: cloudtrail}\n\
        filter: {rules: [a-b], ours: {userAgent: ours}, condition: not ours}\n";

    #[test]
    fn a_filter_is_joined_to_its_rules_and_nobody_elses() {
        let other = GOOD.replace("a-b", "c-d");
        let loaded = load([("f", FILTER), ("g", GOOD), ("h", other.as_str())]);
        assert_eq!(loaded.diagnostics, []);
        let selections: Vec<usize> = loaded.policies.iter().map(|policy| policy.detection.selections.len()).collect();
        assert_eq!((selections, loaded.filters), (vec![2, 1], 1));
        assert_eq!(codes(&[("f", FILTER)]), ["f:3:18 unknown-policy"]);
    }

    #[test]
    fn a_placeholder_that_is_not_set_silences_its_policy_and_says_so() {
        let asking = GOOD.replace("eventName: X", "sourceIPAddress|expand|cidr: '%networks%'");
        let loaded = load([("f", asking.as_str())]);
        assert_eq!(loaded.policies[0].unconfigured, ["networks"]);
        assert_eq!(loaded.policies[0].detection.condition, Condition::Or(Vec::new()));
        let with = |values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            load_with([("f", asking.as_str())], &Placeholders::from([("networks".to_owned(), values)]))
        };
        let filled = with(&["10.0.0.0/8", "192.0.2.0/24"]);
        assert_eq!(filled.policies[0].unconfigured, Vec::<String>::new());
        let wrong = with(&["10.0.0.0/99"]);
        assert_eq!(wrong.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["bad-cidr"]);
    }

    #[test]
    fn sigma_rules_may_carry_keys_of_their_own() {
        let sigma = GOOD.replace("id: a-b", "id: 4db60cc0-36fb-42b7-9b58-a5b53019fb74\nmy_key: 1").replace("level: low\n", "");
        let loaded = load([("f", sigma.as_str())]);
        assert!(!loaded.has_errors());
        assert_eq!(loaded.diagnostics[0].code, "unknown-key");
        assert_eq!(loaded.policies[0].level, Level::Medium);
    }
}
