//! `signing`: where the key is that signs the manifests of runs.

use assize_engine::yaml::Node;

use super::context::Context;
use super::model::SigningKeyPlace;
use super::syntax;

const HINT: &str = "`key-file: PATH` or `key-env: NAME`; `openssl genpkey -algorithm ed25519` makes a key";

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Option<SigningKeyPlace> {
    let node = context.value(root, "signing")?;
    if !context.keys(node, "signing", &["key-file", "key-env"]) {
        return None;
    }
    match (node.get("key-file"), node.get("key-env")) {
        (Some(_), Some(second)) => {
            let message = "`key-file` and `key-env` both name the key";
            context.report.error(second.span, "two-keys", message).hint("a run has one signing key: remove one of them");
            None
        }
        (None, None) => {
            context.report.error(node.span, "missing-key", "`signing` names no key").hint(HINT);
            None
        }
        (Some(_), None) => {
            let text = context.text(node, "key-file")?;
            Some(SigningKeyPlace::File(context.path(&text)))
        }
        (None, Some(_)) => {
            let text = context.text(node, "key-env")?;
            let check = |name: &str| {
                let why = "write its name alone: letters, digits and `_`, such as ASSIZE_SIGNING_KEY; never the key itself";
                if syntax::variable_name(name) { Ok(()) } else { Err(why.to_owned()) }
            };
            // A key that was pasted here by mistake must not be shown again.
            if check(&text.value).is_err() {
                let message = "`key-env` is not the name of an environment variable";
                context.report.error(text.span, "bad-variable", message).hint(check("").err().unwrap_or_default());
                return None;
            }
            Some(SigningKeyPlace::Variable(text.value))
        }
    }
}
