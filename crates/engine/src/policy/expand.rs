//! Fills `%placeholders%` of the modifier `expand` from the configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::detection::check_value;
use super::{Condition, FieldPath, Item, Literal, Modifier, Policy, Population, Selection};
use crate::diagnostic::Report;

/// The values of placeholders, by name without the percent signs. Wildcards in them work as in a policy.
pub type Placeholders = BTreeMap<String, Vec<String>>;

/// The placeholders in a text, in the order written. A name is letters, digits, `_`, `-` and `.`.
pub(super) fn placeholders(text: &str) -> Vec<&str> {
    let parts: Vec<&str> = text.split('%').collect();
    let named = |part: &&str| !part.is_empty() && part.chars().all(|char| char.is_alphanumeric() || "_-.".contains(char));
    // Every second part stands between two percent signs.
    let inside = parts.iter().skip(1).step_by(2).take(parts.len().saturating_sub(1) / 2);
    inside.copied().filter(|part| named(part)).collect()
}

/// Fills in what is known. A policy of which something is not known can never match, and says what it misses.
pub(super) fn fill(policy: &mut Policy, known: &Placeholders) -> Vec<crate::diagnostic::Diagnostic> {
    let file = policy.file.clone();
    let mut filling = Filling { known, missing: BTreeSet::new(), report: Report::new(&file) };
    for (_, selection) in &mut policy.detection.selections {
        filling.selection(selection);
    }
    if let Population::Own(selection) = &mut policy.population {
        filling.selection(selection);
    }
    let Filling { missing, report, .. } = filling;
    lack(policy, missing);
    report.finish()
}

/// Whether the policy looks at a field below this key, in its detection or its population.
pub(super) fn looks_below(policy: &Policy, key: &str) -> bool {
    let selections = policy.detection.selections.iter().map(|(_, selection)| selection);
    let own = if let Population::Own(selection) = &policy.population { Some(selection) } else { None };
    selections.chain(own).any(|selection| selection_looks_below(selection, key))
}

fn selection_looks_below(selection: &Selection, key: &str) -> bool {
    match selection {
        Selection::All(items) => items.iter().any(|item| {
            let refers = |value: &Literal| item.has(Modifier::FieldRef) && is_below(&FieldPath::new(&value.written()), key);
            is_below(&item.field, key) || item.values.iter().any(refers)
        }),
        Selection::Any(parts) => parts.iter().any(|part| selection_looks_below(part, key)),
        Selection::Keywords { .. } => false,
    }
}

/// Whether what is kept of the policy's matches depends on a field below this key.
pub(super) fn keeps_or_looks_below(policy: &Policy, key: &str) -> bool {
    let kept = policy.correlation.iter().flat_map(|correlation| &correlation.fields).chain(&policy.group_by);
    looks_below(policy, key) || kept.into_iter().any(|field| is_below(field, key))
}

fn is_below(field: &FieldPath, key: &str) -> bool {
    field.keys.first().is_some_and(|first| first == key)
}

/// Notes what the configuration does not say. A policy that lacks anything cannot be judged and matches nothing; its cells are
/// not known, whatever was read.
pub(super) fn lack(policy: &mut Policy, what: impl IntoIterator<Item = String>) {
    for name in what {
        if !policy.unconfigured.contains(&name) {
            policy.unconfigured.push(name);
        }
    }
    if policy.unconfigured.is_empty() {
        return;
    }
    policy.detection.condition = Condition::Or(Vec::new());
    if let Some(correlation) = &mut policy.correlation {
        correlation.legs.iter_mut().for_each(|leg| leg.condition = Condition::Or(Vec::new()));
    }
}

struct Filling<'a, 'f> {
    known: &'a Placeholders,
    missing: BTreeSet<String>,
    report: Report<'f>,
}

impl Filling<'_, '_> {
    fn selection(&mut self, selection: &mut Selection) {
        match selection {
            Selection::All(items) => items.iter_mut().for_each(|item| self.item(item)),
            Selection::Any(parts) => parts.iter_mut().for_each(|part| self.selection(part)),
            Selection::Keywords { .. } => {}
        }
    }

    fn item(&mut self, item: &mut Item) {
        for value in &mut item.values {
            if let Literal::Map(items) = value {
                items.iter_mut().for_each(|item| self.item(item));
            }
        }
        if !item.has(Modifier::Expand) {
            return;
        }
        let mut filled = Vec::new();
        for value in &item.values {
            match self.values(&value.written()) {
                Some(values) => filled.extend(values),
                None => return,
            }
        }
        item.modifiers.retain(|modifier| *modifier != Modifier::Expand);
        item.values = filled.into_iter().map(Literal::Text).collect();
        for value in &item.values {
            if let Err((code, message)) = check_value(value, &item.modifiers) {
                self.report.error(item.span, code, message).hint("the value comes from a placeholder in the configuration");
            }
        }
    }

    /// The texts that a text stands for; `None` if a placeholder in it is not set, or set to nothing.
    fn values(&mut self, text: &str) -> Option<Vec<String>> {
        let mut texts = vec![text.to_owned()];
        let mut complete = true;
        for name in placeholders(text) {
            match self.known.get(name).filter(|values| !values.is_empty()) {
                None => {
                    self.missing.insert(name.to_owned());
                    complete = false;
                }
                Some(values) => {
                    let mark = format!("%{name}%");
                    let one = |text: &String| values.iter().map(|value| text.replacen(&mark, value, 1)).collect::<Vec<_>>();
                    texts = texts.iter().flat_map(one).collect();
                }
            }
        }
        complete.then_some(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendar;
    use crate::record::{AccountFacts, AccountList};

    #[test]
    fn placeholders_stand_between_percent_signs() {
        assert_eq!(placeholders("%a%"), ["a"]);
        assert_eq!(placeholders("x-%a_1%-%b.c%"), ["a_1", "b.c"]);
        assert_eq!(placeholders("100%"), Vec::<&str>::new());
        assert_eq!(placeholders("%a b%"), Vec::<&str>::new());
        assert_eq!(placeholders("%a%b%"), ["a"]);
    }

    fn policy(item: &str) -> Policy {
        let head = "id: a-b, title: T, level: low, logsource: {product: aws, service: cloudtrail}";
        let source = format!("{{{head}, detection: {{s: [{{eventName: X}}, {{{item}}}], condition: s}}}}");
        let mut loaded = crate::policy::load([("f", source.as_str())]);
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        loaded.policies.remove(0)
    }

    #[test]
    fn without_a_calendar_a_policy_that_asks_for_it_looks_for_nothing() {
        for item in ["calendar.day: holiday", "eventName|fieldref: calendar.holiday", "calendar.working-time|neq: true"] {
            let mut policy = policy(item);
            policy.without_calendar();
            assert_eq!(policy.lacking(), ["`calendar`"], "{item}");
            assert_eq!(policy.detection.condition, Condition::Or(Vec::new()));
        }
        let mut other = policy("eventName: calendar.day");
        other.without_calendar();
        assert!(other.lacking().is_empty());
    }

    /// What was evaluated before stands unless something changes that the policy asks for.
    #[test]
    fn the_name_of_an_evaluation_changes_with_what_the_policy_asks_for() {
        let list =
            |env: &str| AccountList::from([("1".to_owned(), AccountFacts { env: env.to_owned(), ..AccountFacts::default() })]);
        let own = Calendar { hours: 0..60, ..Calendar::of_japan() };
        let changed = |item: &str| {
            let hash = |list: AccountList| policy(item).evaluation_hash(&list);
            let base = hash(list("dev"));
            let lists = [
                list("prod"),
                list("dev").with_others(["2".to_owned()]),
                list("dev").incomplete(),
                list("dev").with_calendar(Some(Calendar::of_japan())),
            ];
            let calendars = hash(lists[3].clone()) != hash(list("dev").with_calendar(Some(own.clone())));
            (lists.map(|list| hash(list) != base), calendars)
        };
        assert_eq!(changed("awsRegion: x"), ([false; 4], false));
        assert_eq!(changed("account.env: prod"), ([true, true, true, false], false));
        assert_eq!(changed("caller.known: false"), ([true, true, true, false], false));
        assert_eq!(changed("calendar.day: holiday"), ([false, false, false, true], true));
    }
}
