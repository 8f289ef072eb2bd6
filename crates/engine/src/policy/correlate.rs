//! Reads `correlation` documents (Sigma specification 2.1, "Correlation") against the rules that they refer to.

use std::collections::BTreeMap;

use super::correlation::{Bound, Correlation, Leg, Operator, Source, SourceOf, Window, WindowKind, place};
use super::read::{self, Looks};
use super::{Condition, Detection, FieldPath, Needs, Policy, Selection, reader};
use crate::diagnostic::{Report, Span, closest};
use crate::yaml::{Node, Yaml};

/// Keys of a correlation document besides those of a policy.
const KEYS: [&str; 2] = ["correlation", "generate"];

/// Keys of a policy that a correlation cannot have.
const NOT_HERE: [&str; 4] = ["detection", "group-by", "threshold", "resource"];

/// Keys under `correlation`.
pub(super) const WINDOW_KEYS: [&str; 8] =
    ["aliases", "condition", "generate", "group-by", "rules", "timeframe", "timespan", "type"];

/// Most correlations over one another.
const MAX_DEPTH: usize = 8;

/// Most rules that one correlation may look at, those of correlations below it counted.
const MAX_LEGS: usize = 64;

/// A correlation that was not read yet: what it refers to may stand in another file.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) node: Node,
    pub(super) file: String,
}

impl Draft {
    fn names(&self) -> [Option<&str>; 3] {
        ["id", "name", "title"].map(|key| self.node.get(key).and_then(Node::text))
    }
}

/// A correlation that was read.
pub(super) struct Read {
    pub(super) policy: Policy,
    /// Rules, by index, that it refers to.
    pub(super) rules: Vec<usize>,
    /// Those of them that are reported for themselves as well.
    pub(super) generated: Vec<usize>,
}

/// Reads a correlation. `rules` are all policies with a detection, `drafts` all correlations.
pub(super) fn read(draft: &Draft, rules: &[Policy], drafts: &[Draft], report: &mut Report<'_>) -> Option<Read> {
    let node = &draft.node;
    let known: Vec<&str> = read::KEYS.iter().chain(&KEYS).copied().filter(|key| !NOT_HERE.contains(key)).collect();
    read::check_head(node, &known, report);
    read::check_logsource(node, false, report);
    let mut builder = Builder { rules, drafts, parts: Parts::default(), stack: Vec::new() };
    let window = builder.window(draft, report);
    let generated = builder.generated(node, report);
    let Parts { selections, legs, fields, needs, used, .. } = builder.parts;
    let looks = window.zip(needs).map(|(window, needs)| {
        let condition = Condition::Or(legs.iter().map(|leg| leg.condition.clone()).collect());
        let correlation = Correlation { legs, fields, window };
        Looks { detection: Detection { selections, condition }, correlation: Some(correlation), needs }
    });
    let policy = read::finish(node, &draft.file, looks, report)?;
    Some(Read { policy, rules: used, generated })
}

/// What the rules of a correlation come to together.
#[derive(Default)]
struct Parts {
    selections: Vec<(String, Selection)>,
    legs: Vec<Leg>,
    fields: Vec<FieldPath>,
    needs: Option<Needs>,
    /// Rules by index.
    used: Vec<usize>,
    /// The first leg of each rule.
    first_leg: BTreeMap<usize, usize>,
}

struct Builder<'a> {
    rules: &'a [Policy],
    drafts: &'a [Draft],
    parts: Parts,
    /// The correlations that are being read, outermost first, by their place.
    stack: Vec<(&'a str, Span)>,
}

/// What a reference means.
enum Target<'a> {
    Rule(usize),
    Draft(&'a Draft),
}

impl<'a> Builder<'a> {
    fn window(&mut self, draft: &'a Draft, report: &mut Report<'_>) -> Option<Window> {
        let node = draft.node.get("correlation")?;
        if !matches!(node.value, Yaml::Map(_)) {
            reader::wrong_kind(node, "correlation", "a map", report);
            return None;
        }
        let place = (draft.file.as_str(), draft.node.span);
        if self.stack.contains(&place) || self.stack.len() >= MAX_DEPTH {
            report
                .error(node.span, "correlation", "the correlation refers to itself, or over too many others")
                .hint(format!("at most {MAX_DEPTH} correlations may stand over one another"));
            return None;
        }
        self.stack.push(place);
        let window = self.read_window(draft, node, report);
        self.stack.pop();
        window
    }

    fn read_window(&mut self, draft: &'a Draft, node: &'a Node, report: &mut Report<'_>) -> Option<Window> {
        reader::check_keys(node, &WINDOW_KEYS, false, report);
        if node.get("type").is_none() {
            report.error(node.span, "missing-key", "`type` is missing").hint("for example `type: event_count`");
        }
        let kind = reader::choice(node, "type", &WindowKind::ALL, report);
        let key = if node.get("timespan").is_none() && node.get("timeframe").is_some() { "timeframe" } else { "timespan" };
        let timespan = reader::timespan(node, key, report);
        let group_by = reader::texts(node, "group-by", report);
        let aliases = aliases(node, report);
        let references = references(node, report);
        let asked = kind.map(|kind| asked(node, kind, report));
        let references = references?;
        let mut sources = Vec::new();
        for (reference, span) in &references {
            let source = self.source(reference, *span, report);
            sources.push((reference, *span, source));
        }
        let asked = asked??;
        let kind = asked.kind;
        if kind == WindowKind::FirstSeen && self.stack.len() > 1 {
            report
                .error(node.span, "correlation", "`first_seen` cannot be part of another correlation")
                .hint("what is new is known for single records; let the other correlation look at its rules");
            return None;
        }
        if kind == WindowKind::NotFollowedBy && references.len() != 2 {
            let span = node.get("rules").map_or(node.span, |rules| rules.span);
            report
                .error(span, "wrong-value", "`not_followed_by` looks at two rules")
                .hint("first what happens, then what should follow it");
            return None;
        }
        let mut read = Vec::new();
        for (reference, span, of) in sources {
            let of = of?;
            let mut places = |names: &[String], report: &mut Report<'_>| {
                let found: Vec<Option<usize>> =
                    names.iter().map(|name| self.place(&of, (reference, span), name, &aliases, report)).collect();
                found.into_iter().collect::<Option<Vec<usize>>>()
            };
            let (grouped, values) = (places(&group_by, report)?, places(&asked.fields, report)?);
            read.push(Source { of, grouped, values });
        }
        let name = draft.names().into_iter().flatten().next().unwrap_or_default().to_owned();
        Some(Window { name, kind, sources: read, group_by, timespan: timespan?, bounds: asked.bounds })
    }

    /// What a reference stands for, made part of the correlation.
    fn source(&mut self, reference: &str, span: Span, report: &mut Report<'_>) -> Option<SourceOf> {
        match self.find(reference, span, report)? {
            Target::Rule(index) => self.rule(index, reference, span, report),
            Target::Draft(draft) => {
                // Its mistakes are reported where it is read for itself.
                let mut quiet = Report::new(&draft.file);
                let window = self.window(draft, &mut quiet);
                if window.is_none() {
                    report
                        .error(span, "correlation", format!("the correlation `{reference}` cannot be used here"))
                        .hint("either it has mistakes of its own, or it refers back to this one");
                }
                window.map(|window| SourceOf::Window(Box::new(window)))
            }
        }
    }

    fn find(&self, reference: &str, span: Span, report: &mut Report<'_>) -> Option<Target<'a>> {
        let drafts = self.drafts;
        for which in 0..3 {
            let rule = |policy: &Policy| {
                let names = [Some(&policy.id), policy.name.as_ref(), Some(&policy.title)];
                names.get(which).copied().flatten().is_some_and(|name| name == reference)
            };
            let draft = |draft: &&Draft| draft.names().get(which).copied().flatten() == Some(reference);
            let found = self.rules.iter().enumerate().filter(|(_, policy)| rule(policy)).map(|(index, _)| Target::Rule(index));
            let mut found: Vec<Target<'a>> = found.chain(drafts.iter().filter(draft).map(Target::Draft)).collect();
            if found.len() > 1 {
                report
                    .error(span, "ambiguous-rule", format!("`{reference}` names {} rules", found.len()))
                    .hint("refer to the rule by its id");
                return None;
            }
            if let Some(target) = found.pop() {
                return Some(target);
            }
        }
        let names: Vec<&str> =
            self.rules.iter().flat_map(|policy| [Some(policy.id.as_str()), policy.name.as_deref()]).flatten().collect();
        let found = report.error(span, "unknown-policy", format!("there is no rule `{reference}`"));
        match closest(reference, &names) {
            Some(meant) => found.hint(format!("did you mean `{meant}`?")),
            None => found.hint("a rule is referred to by its `id` or `name`, and must be among the files that are loaded"),
        }
        None
    }

    /// The rules, by index, that are reported for themselves as well: Sigma's `true` means all, a list names some (Assize's own).
    fn generated(&self, node: &Node, report: &mut Report<'_>) -> Vec<usize> {
        let mut generated = Vec::new();
        for holder in [node.get("correlation"), Some(node)].into_iter().flatten() {
            match holder.get("generate") {
                None => {}
                Some(Node { value: Yaml::List(names), span }) => {
                    if names.is_empty() {
                        report.error(*span, "empty-list", "`generate` names no rule").hint("leave it out, or write `false`");
                    }
                    // Mistakes in the list of rules are reported where it is read.
                    let rules = node.get("correlation").and_then(|node| references(node, &mut Report::new("")));
                    let rules: Vec<String> = rules.unwrap_or_default().into_iter().map(|(rule, _)| rule).collect();
                    generated.extend(names.iter().filter_map(|name| self.generated_rule(name, &rules, report)));
                }
                Some(map @ Node { value: Yaml::Map(_), .. }) => {
                    reader::wrong_kind(map, "generate", "`true`, `false` or a list of rules", report);
                }
                Some(_) => {
                    let all = reader::boolean(holder, "generate", report) == Some(true);
                    generated.extend(self.parts.used.iter().filter(|_| all));
                }
            }
        }
        generated
    }

    /// A rule that is named to be reported for itself.
    fn generated_rule(&self, name: &Node, rules: &[String], report: &mut Report<'_>) -> Option<usize> {
        let Some(text) = name.text().map(str::trim) else {
            reader::wrong_kind(name, "generate", "a list of rules", report);
            return None;
        };
        if !rules.iter().any(|rule| rule == text) {
            let known: Vec<&str> = rules.iter().map(String::as_str).collect();
            let found = report.error(name.span, "correlation", format!("`{text}` is not one of the `rules` of this correlation"));
            match closest(text, &known) {
                Some(meant) => found.hint(format!("did you mean `{meant}`?")),
                None => found.hint(format!("`generate` names rules as `rules` does: {}", known.join(", "))),
            }
            return None;
        }
        // That it is unknown was reported where `rules` names it.
        match self.find(text, name.span, &mut Report::new(""))? {
            Target::Rule(index) => Some(index),
            Target::Draft(_) => {
                report
                    .error(name.span, "correlation", format!("`{text}` is a correlation, which is reported in any case"))
                    .hint("name only rules that look at single records");
                None
            }
        }
    }

    /// Makes a rule part of the correlation; once, however often it is referred to.
    fn rule(&mut self, index: usize, reference: &str, span: Span, report: &mut Report<'_>) -> Option<SourceOf> {
        let rules = self.rules;
        let policy = rules.get(index)?;
        let first = match self.parts.first_leg.get(&index) {
            Some(first) => *first,
            None => self.add(index, policy),
        };
        if self.parts.legs.len() > MAX_LEGS {
            report.error(span, "correlation", format!("the correlation looks at more than {MAX_LEGS} rules"));
            return None;
        }
        let Some(inner) = &policy.correlation else { return Some(SourceOf::Leg(first)) };
        let fields: Vec<usize> = inner.fields.iter().map(|field| place(&mut self.parts.fields, &field.written)).collect();
        let mut window = moved(&inner.window, first, &fields)?;
        reference.clone_into(&mut window.name);
        Some(SourceOf::Window(Box::new(window)))
    }

    fn add(&mut self, index: usize, policy: &Policy) -> usize {
        let parts = &mut self.parts;
        let (by, first) = (parts.selections.len(), parts.legs.len());
        let name = policy.name.as_deref().unwrap_or(&policy.id);
        for (selection, content) in &policy.detection.selections {
            parts.selections.push((format!("{name}: {selection}"), content.clone()));
        }
        match &policy.correlation {
            None => {
                let condition = policy.detection.condition.shifted(by);
                parts.legs.push(Leg { rule: name.to_owned(), condition });
            }
            Some(inner) => {
                let moved = |leg: &Leg| Leg { rule: leg.rule.clone(), condition: leg.condition.shifted(by) };
                parts.legs.extend(inner.legs.iter().map(moved));
            }
        }
        parts.needs = Some(parts.needs.take().map_or_else(|| policy.needs.clone(), |needs| needs.and(&policy.needs)));
        parts.used.push(index);
        parts.first_leg.insert(index, first);
        first
    }

    /// Where the value of a name is in a source.
    fn place(
        &mut self,
        of: &SourceOf,
        (reference, span): (&str, Span),
        name: &str,
        aliases: &Aliases,
        report: &mut Report<'_>,
    ) -> Option<usize> {
        let field = match aliases.get(name) {
            None => name,
            Some(by_rule) => {
                let Some(field) = by_rule.get(reference) else {
                    report
                        .error(span, "correlation", format!("the alias `{name}` says nothing of `{reference}`"))
                        .hint("name the field of each rule under the alias");
                    return None;
                };
                field
            }
        };
        match of {
            SourceOf::Leg(_) => {
                super::detection::check_field(&FieldPath::new(field), span, report);
                Some(place(&mut self.parts.fields, field))
            }
            SourceOf::Window(window) => {
                let found = window.group_by.iter().position(|known| known == field);
                if found.is_none() {
                    report
                        .error(span, "correlation", format!("`{reference}` does not group by `{field}`"))
                        .hint("what a correlation found has only the values that it groups by");
                }
                found
            }
        }
    }
}

/// The window of a rule, over legs that begin at `first` and fields that stand elsewhere.
fn moved(window: &Window, first: usize, fields: &[usize]) -> Option<Window> {
    let mut sources = Vec::new();
    for source in &window.sources {
        let at = |places: &[usize]| places.iter().map(|place| fields.get(*place).copied()).collect::<Option<Vec<usize>>>();
        sources.push(match &source.of {
            SourceOf::Leg(leg) => {
                Source { of: SourceOf::Leg(leg + first), grouped: at(&source.grouped)?, values: at(&source.values)? }
            }
            // Places in the group of a window do not move with the fields.
            SourceOf::Window(inner) => Source { of: SourceOf::Window(Box::new(moved(inner, first, fields)?)), ..source.clone() },
        });
    }
    Some(Window { sources, ..window.clone() })
}

/// Fields by rule, by alias.
type Aliases = BTreeMap<String, BTreeMap<String, String>>;

fn aliases(node: &Node, report: &mut Report<'_>) -> Aliases {
    let mut aliases = Aliases::new();
    let Some(written) = node.get("aliases") else { return aliases };
    let Yaml::Map(entries) = &written.value else {
        reader::wrong_kind(written, "aliases", "a map", report);
        return aliases;
    };
    for (alias, by_rule) in entries {
        let Yaml::Map(fields) = &by_rule.value else {
            reader::wrong_kind(by_rule, "aliases", "a map from rules to their fields", report);
            continue;
        };
        let field = |(rule, field): &(Node, Node)| Some((rule.text()?.to_owned(), field.text()?.to_owned()));
        aliases.insert(alias.text().unwrap_or_default().to_owned(), fields.iter().filter_map(field).collect());
    }
    aliases
}

/// The rules that are referred to, each once.
fn references(node: &Node, report: &mut Report<'_>) -> Option<Vec<(String, Span)>> {
    let Some(rules) = node.get("rules") else {
        report.error(node.span, "missing-key", "`rules` is missing").hint("a list of rules, by id or name");
        return None;
    };
    let nodes: Vec<&Node> = match &rules.value {
        Yaml::List(items) => items.iter().collect(),
        _ => vec![rules],
    };
    let mut references: Vec<(String, Span)> = Vec::new();
    for node in nodes {
        let Some(text) = node.text() else {
            reader::wrong_kind(node, "rules", "a list of texts", report);
            return None;
        };
        if references.iter().any(|(known, _)| known == text) {
            report.error(node.span, "correlation", format!("the rule `{text}` is listed twice"));
            return None;
        }
        references.push((text.trim().to_owned(), node.span));
    }
    if references.is_empty() {
        report.error(rules.span, "empty-list", "an empty list can never match");
        return None;
    }
    Some(references)
}

/// What `condition` asks.
struct Asked {
    kind: WindowKind,
    bounds: Vec<Bound>,
    fields: Vec<String>,
}

fn asked(node: &Node, kind: WindowKind, report: &mut Report<'_>) -> Option<Asked> {
    let Some(condition) = node.get("condition").filter(|condition| !condition.is_null()) else {
        if kind.is_counted() || kind.has_field() {
            let example = if kind.is_counted() {
                "for example `condition: {gte: 10}`"
            } else {
                "for example `condition: {field: awsRegion}`"
            };
            report.error(node.span, "missing-key", "`condition` is missing").hint(example);
            return None;
        }
        return Some(Asked { kind, bounds: Vec::new(), fields: Vec::new() });
    };
    if !kind.is_counted() && !kind.has_field() {
        report
            .error(condition.span, "correlation", "this type of correlation takes no condition")
            .hint("every rule in `rules` must have a match; Sigma 2.1 has no expression over them");
        return None;
    }
    if !matches!(condition.value, Yaml::Map(_)) {
        reader::wrong_kind(condition, "condition", "a map such as `{gte: 10}`", report);
        return None;
    }
    let operators = Operator::ALL.iter().filter(|_| kind.is_counted());
    let mut known: Vec<&str> = operators.map(|(name, ..)| *name).collect();
    known.extend(kind.has_field().then_some("field"));
    known.extend(matches!(kind, WindowKind::ValuePercentile(_)).then_some("percentile"));
    reader::check_keys(condition, &known, false, report);
    let mut bounds = Vec::new();
    for (name, _, operator) in Operator::ALL.into_iter().filter(|_| kind.is_counted()) {
        if condition.get(name).is_some() {
            bounds.push(Bound { operator, than: reader::number(condition, name, report)? });
        }
    }
    if bounds.is_empty() && kind.is_counted() {
        report.error(condition.span, "missing-key", "the condition compares nothing").hint("for example `gte: 10`");
        return None;
    }
    let fields = reader::texts(condition, "field", report);
    let enough = match kind {
        WindowKind::EventCount => true,
        WindowKind::ValueCount | WindowKind::FirstSeen => !fields.is_empty(),
        _ => fields.len() == 1,
    };
    if !enough {
        report.error(condition.span, "missing-key", "`field` is missing, or names more than one").hint("`field: eventName`");
        return None;
    }
    let kind = match kind {
        WindowKind::ValuePercentile(_) => WindowKind::ValuePercentile(percentile(condition, report)?),
        other => other,
    };
    Some(Asked { kind, bounds, fields })
}

fn percentile(condition: &Node, report: &mut Report<'_>) -> Option<u8> {
    let text = reader::required_text(condition, "percentile", report)?;
    let found = text.parse::<u8>().ok().filter(|percentile| *percentile <= 100);
    if found.is_none() {
        let span = condition.get("percentile").map_or(condition.span, |node| node.span);
        report.error(span, "wrong-value", format!("`{text}` is not a percentile")).hint("a whole number from 0 to 100");
    }
    found
}
