//! `notifications`: a queue that names new objects.

use assize_engine::yaml::Node;

use super::context::{Context, Text};
use super::model::Notifications;
use super::syntax::{self, Refusal};

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Option<Notifications> {
    let node = context.value(root, "notifications")?;
    if !context.keys(node, "notifications", &["queue", "region", "account"]) {
        return None;
    }
    context.require(node, "queue", "the queue's URL, such as `https://sqs.eu-west-1.amazonaws.com/111122223333/assize`");
    let account = context.account(node, "account").map(|text| text.value);
    let said = context.region(node, "region");
    let queue = context.substituted(node, "queue")?;
    context.passes(&queue, ("bad-queue", "the URL of an SQS queue"), queue_url)?;
    let region = match (said, region_of(&queue.value)) {
        (Some(said), Some(of_url)) if said != of_url => {
            let message = format!("the region `{said}` is not the one in the queue's URL");
            context.report.error(queue.span, "wrong-region", message).hint("remove `region`: the URL says it");
            return None;
        }
        (Some(said), _) => said,
        (None, Some(of_url)) => {
            let text = Text { value: of_url.to_owned(), written: queue.written.clone(), span: queue.span };
            context.region_name(&text).then(|| of_url.to_owned())?
        }
        (None, None) if node.get("region").is_some() => return None,
        (None, None) => {
            let message = "the queue's URL does not say its region";
            context.report.error(queue.span, "missing-key", message).hint("add `region`");
            return None;
        }
    };
    Some(Notifications { queue: queue.value, region, account })
}

/// `https://host/account/name`. Plain HTTP is for emulators and private endpoints.
fn queue_url(text: &str) -> Result<(), Refusal> {
    if text.starts_with("arn:") {
        return Err("write its URL, not its ARN: `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`".to_owned());
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let parts: Vec<&str> = rest.ok_or("it must begin with `https://`")?.split('/').collect();
    let [host, .., account, name] = parts.as_slice() else {
        return Err("after the host must come the account and the queue's name".to_owned());
    };
    if host.is_empty() || host.contains('@') {
        return Err("it must name a host, without a user or password".to_owned());
    }
    syntax::account_id(account).map_err(|why| format!("its account is wrong: {why}"))?;
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let bare = name.strip_suffix(".fifo").unwrap_or(name);
    if bare.is_empty() || name.len() > 80 || !bare.chars().all(plain) {
        return Err("the queue's name must have 1 to 80 letters, digits, hyphens and underscores".to_owned());
    }
    Ok(())
}

/// The region in `https://sqs.eu-west-1.amazonaws.com/…`.
fn region_of(url: &str) -> Option<&str> {
    let host = url.strip_prefix("https://")?.split('/').next()?;
    let region = host.strip_prefix("sqs.")?.split_once(".amazonaws.com")?.0;
    syntax::region_shape(region).is_ok().then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_urls() {
        let good = "https://sqs.eu-west-1.amazonaws.com/111122223333/assize";
        assert_eq!((queue_url(good), region_of(good)), (Ok(()), Some("eu-west-1")));
        let china = "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/assize.fifo";
        assert_eq!((queue_url(china), region_of(china)), (Ok(()), Some("cn-north-1")));
        let local = "http://localhost:4566/000000000000/assize";
        assert_eq!((queue_url(local), region_of(local)), (Ok(()), None));
        for bad in ["", "assize", "https://sqs", "https://u:p@h/111122223333/q", "https://h/1/q", "https://h/111122223333/a b"] {
            assert!(queue_url(bad).is_err(), "{bad}");
        }
    }
}
