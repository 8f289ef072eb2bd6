//! `signing`: where the key is that signs the manifests of runs.

use assize_engine::yaml::Node;

use super::context::Context;
use super::model::SigningKeyPlace;
use super::syntax::{self, Refusal};

const KEYS: [&str; 3] = ["key-file", "key-env", "kms"];

const HINT: &str = "`key-file: PATH`, `key-env: NAME` or `kms: ARN`; `openssl genpkey -algorithm ed25519` makes a key";

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Option<SigningKeyPlace> {
    let node = context.value(root, "signing")?;
    if !context.keys(node, "signing", &KEYS) {
        return None;
    }
    let said: Vec<(&str, &Node)> = KEYS.iter().filter_map(|key| Some((*key, node.get(key)?))).collect();
    match said.as_slice() {
        [] => {
            context.report.error(node.span, "missing-key", "`signing` names no key").hint(HINT);
            None
        }
        [("key-file", _)] => {
            let text = context.text(node, "key-file")?;
            Some(SigningKeyPlace::File(context.path(&text)))
        }
        [("key-env", _)] => variable(node, context).map(SigningKeyPlace::Variable),
        [_] => kms(node, context).map(SigningKeyPlace::Kms),
        [(first, _), (second, value), ..] => {
            let message = format!("`{first}` and `{second}` both name the key");
            context.report.error(value.span, "two-keys", message).hint("a run has one signing key: remove one of them");
            None
        }
    }
}

fn variable(node: &Node, context: &mut Context<'_>) -> Option<String> {
    let text = context.text(node, "key-env")?;
    if syntax::variable_name(&text.value) {
        return Some(text.value);
    }
    // A key that was pasted here by mistake must not be shown again.
    let message = "`key-env` is not the name of an environment variable";
    let hint = "write its name alone: letters, digits and `_`, such as ASSIZE_SIGNING_KEY; never the key itself";
    context.report.error(text.span, "bad-variable", message).hint(hint);
    None
}

fn kms(node: &Node, context: &mut Context<'_>) -> Option<String> {
    let text = context.substituted(node, "kms")?;
    context.passes(&text, ("bad-kms-key", "the ARN of a KMS key"), |text| {
        syntax::kms_arn(text)?;
        let of_alias = text.contains(":alias/");
        let why = "an alias may lead to another key tomorrow, and a signature rests on one: write the ARN of the key itself";
        if of_alias { Err(Refusal::from(why)) } else { Ok(()) }
    })?;
    context.arn_in_partition(&text).then_some(text.value)
}
