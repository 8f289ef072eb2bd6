//! Where `rsigma-eval` and Assize disagree, and what decides it.
//!
//! "Rules" and "modifiers" are the Sigma specification 2.1.0: `sigma-rules-specification.md` and
//! `sigma-appendix-modifiers.md`.

use assize_engine::policy::{Item, Literal, Modifier, Truth};
use serde_json::Value;

/// A difference: when it is the reason, and who is right by what.
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    /// What decides it. For the reader.
    #[expect(dead_code, reason = "a list without reasons would be a list of excuses")]
    clause: &'static str,
    /// Whether it explains that the two disagree on this item: the item, what stands at its path, what we say.
    applies: fn(&Item, &Reached<'_>, Truth) -> bool,
}

/// What stands at a path.
#[derive(Default)]
pub(crate) struct Reached<'v> {
    /// Scalars, nulls and objects; arrays are taken apart.
    leaves: Vec<&'v Value>,
    present: bool,
    /// An array was met on the way or at the end.
    array: bool,
}

pub(crate) const LISTED: &[Difference] = &[
    Difference {
        name: "the text of an object",
        clause: "Rules, `Maps`, speak of values that are strings or integers, and leave objects open. SigmaHQ's own rules \
                 (aws_disable_bucket_versioning, aws_iam_s3browser_templated_s3_bucket_policy_creation) search the JSON of an \
                 object; they never match any other way.",
        applies: |item, reached, ours| {
            ours == Truth::True && !is_special(item) && reached.leaves.iter().any(|leaf| leaf.is_object())
        },
    },
    Difference {
        name: "a field that is null exists",
        clause: "Modifiers, `exists`: the check verifies the presence of a field, not its value, be it empty or null.",
        applies: |item, reached, _| item.has(Modifier::Exists) && reached.present,
    },
    Difference {
        name: "null in an array",
        clause: "Rules, `Special Field Values`, leave null to the target. Any member of an array may fit an item, here as for any \
                 other value (docs/policy-language.md, sections 3 and 4).",
        applies: |item, reached, ours| {
            ours == Truth::True
                && item.values.contains(&Literal::Null)
                && reached.array
                && reached.leaves.iter().any(|leaf| leaf.is_null())
        },
    },
    Difference {
        name: "a reference from an array",
        clause: "Modifiers, `fieldref`: the reference is used to compare fields of the event. Any member of an array may be the \
                 equal one, here as for any other value (docs/policy-language.md, section 3).",
        applies: |item, reached, ours| ours == Truth::True && item.has(Modifier::FieldRef) && reached.array,
    },
];

/// The listed difference that explains a disagreement on an item.
pub(crate) fn reason(item: &Item, event: &Value, ours: Truth) -> Option<&'static str> {
    let mut reached = Reached::default();
    reach(event, &item.field.keys, &mut reached);
    LISTED.iter().find(|difference| (difference.applies)(item, &reached, ours)).map(|difference| difference.name)
}

fn reach<'v>(value: &'v Value, keys: &[String], out: &mut Reached<'v>) {
    match (value, keys.split_first()) {
        (Value::Array(items), rest) => {
            out.array = true;
            out.present |= rest.is_none();
            items.iter().for_each(|item| reach(item, keys, out));
        }
        (leaf, None) => {
            out.present = true;
            out.leaves.push(leaf);
        }
        (Value::Object(object), Some((key, rest))) => {
            if let Some(member) = object.get(key) {
                reach(member, rest, out);
            }
        }
        _ => {}
    }
}

fn is_special(item: &Item) -> bool {
    item.has(Modifier::Exists) || item.values.iter().all(|value| *value == Literal::Null)
}
