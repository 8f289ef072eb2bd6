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

/// Rows of the language reference of which they say something else, or which they refuse: detection, record, what decides it.
pub(crate) const EXAMPLES: &[(&str, &str, &str)] = &[
    (
        r#"{'|all': [alice, DeleteTrail]}"#,
        r#"{"eventName":"DeleteTrail","userIdentity":{"userName":"alice"}}"#,
        "Rules, `Keywords search`: keywords are searched for across an entire event; theirs must all stand in one value.",
    ),
    (
        r#"{awsRegion|neq: eu-west-1}"#,
        r#"{"eventName":"X"}"#,
        "Modifiers, `neq`, leave a missing field open. Here it is what `not` with the same item says, which the rules define.",
    ),
    (
        r#"{errorCode: [null, Success]}"#,
        r#"{"eventName":"X"}"#,
        "Modifiers, `all`: lists of values are linked with OR, and `null` alone is true of this record to both.",
    ),
    (r#"{errorCode|exists: true}"#, r#"{"errorCode":null}"#, "Modifiers, `exists`: not its value, be it empty or null."),
    (
        r#"{eventTime|hour|gte: 20}"#,
        r#"{"eventTime":"2026-11-22T23:15:00Z"}"#,
        "Modifiers, `Time Modifiers`: they extract a number; `Value Modifiers` can be chained. Theirs refuses the rule.",
    ),
    (r#"{eventTime|minute|lt: 15}"#, r#"{"eventTime":"2026-11-22T23:15:00Z"}"#, "The same."),
    (
        r#"{requestParameters.commands|windash|contains: foo-bar}"#,
        r#"{"requestParameters":{"commands":["foo/bar"]}}"#,
        "Modifiers, `windash`, speak of flags of a command line and of all permutations. Like pySigma, the project's own implementation, only a dash that begins a word is taken for one; section 12 of the reference says so.",
    ),
    (
        r#"{requestParameters.groups: {id: null}}"#,
        r#"{"requestParameters":{"groups":[{"id":"a"},{"name":"b"}]}}"#,
        "A map as a value is no Sigma.",
    ),
    (
        r#"{requestParameters.rules: {port: 443, from: any}}"#,
        r#"{"requestParameters":{"rules":[{"port":22,"from":"office"},{"port":443,"from":"any"}]}}"#,
        "The same.",
    ),
    (
        r#"{requestParameters.rules: {port|lte: 22, to|gte: 22, nets.cidr: 0.0.0.0/0}}"#,
        r#"{"requestParameters":{"rules":[{"port":20,"to":30,"nets":[{"cidr":"10.0.0.0/8"},{"cidr":"0.0.0.0/0"}]}]}}"#,
        "The same.",
    ),
    (
        r#"{requestParameters.rules: [{port: 22}, {port: 3389}]}"#,
        r#"{"requestParameters":{"rules":[{"port":3389}]}}"#,
        "The same.",
    ),
    (r#"{requestParameters.rule: {port: 22}}"#, r#"{"requestParameters":{"rule":{"port":22}}}"#, "The same."),
    (
        r#"{requestParameters.rules: {nets: {cidr: 0.0.0.0/0, note: null}}}"#,
        r#"{"requestParameters":{"rules":[{"nets":[{"cidr":"0.0.0.0/0"}]}]}}"#,
        "The same.",
    ),
    (
        r#"{requestParameters.id: 9007199254740993}"#,
        r#"{"requestParameters":{"id":9007199254740992}}"#,
        "Rules, `Maps`: the value is a string or integer value, and these are two integers; theirs are binary fractions.",
    ),
    (
        r#"{requestParameters.size|gt: 9007199254740992}"#,
        r#"{"requestParameters":{"size":9007199254740993}}"#,
        "Modifiers, `gt`: the field is greater.",
    ),
    (
        r#"{requestParameters.port: '22'}"#,
        r#"{"requestParameters":{"port":22.0}}"#,
        "Rules, `General`: values are strings. A value in quotes is one, and 22.0 is written differently.",
    ),
    (
        r#"{requestParameters.tags.aws\.owner: alice}"#,
        r#"{"requestParameters":{"tags":{"aws.owner":"alice"}}}"#,
        "Rules, `Field Usage`, know no dots in names. `\\.` is Assize's own.",
    ),
    (
        r#"{requestParameters.userData|base64offset|contains: curl http}"#,
        r#"{"requestParameters":{"userData":"IyEvYmluL3NoCmN1cmwgaHR0cDovL3g="}}"#,
        "Modifiers, `base64offset`: only the part that does not depend on the last byte is static; theirs keeps a digit that does.",
    ),
    (r#"{requestParameters: '{"a":1}'}"#, r#"{"requestParameters":{"a": 1}}"#, "The text of an object: see above."),
    (
        r#"{requestParameters|contains: '"Principal":"*"'}"#,
        r#"{"requestParameters":{"policy":"{\"Principal\":\"*\"}"}}"#,
        "The same.",
    ),
    (
        r#"{requestParameters|contains: '"Status":"Suspended"'}"#,
        r#"{"requestParameters":{"v":{"Status" : "Suspended"}}}"#,
        "The same.",
    ),
    (r#"{requestParameters|contains: '["a","b"]'}"#, r#"{"requestParameters":{"x":["a","b"]}}"#, "The same."),
    (
        r#"{sourceIPAddress|cidr: 10.0.0.0/8}"#,
        r#"{"sourceIPAddress":"::ffff:10.0.0.1"}"#,
        "Modifiers, `cidr`, support both notations, and this address is in that network however it is written (RFC 4291, 2.5.5.2).",
    ),
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
