//! `notify`: who is told what a run found, through an SNS topic, a Slack channel or a webhook.

use std::fmt;

use assize_engine::policy::{Level, reader};
use assize_engine::yaml::{Node, Yaml};

use super::context::{Context, Text};
use super::model::AccountSelector;
use super::policies::{LEVELS, patterns};
use super::syntax::{self, Arn, Refusal};

const KEYS: &[&str] = &["name", "sns", "slack", "webhook", "when", "group", "at-most", "link", "coverage"];

/// The longest name of a receiver.
const MAX_NAME: usize = 64;

/// The fewest characters of the secret that signs.
const MIN_SECRET: usize = 16;

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receiver {
    /// Its name, of its own in the file.
    pub(crate) name: String,
    /// How it is reached.
    pub(crate) to: Channel,
    /// What it is told of.
    pub(crate) when: When,
    /// What one message is about.
    pub(crate) group: Grouping,
    /// Messages in one run; the rest is one more, which says how many.
    pub(crate) at_most: u32,
    /// What the id of a run and `/report.html` are put after, so that a message leads to its report.
    pub(crate) link: Option<String>,
    /// Whether it is told of coverage that became incomplete, and of tampering.
    pub(crate) coverage: bool,
}

/// How somebody is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// An SNS topic.
    Sns {
        /// ARN.
        topic: String,
        /// Its region.
        region: String,
        /// The account whose role publishes; none is the run's own credentials.
        account: Option<String>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Whoever has it may write into the channel.
        url: Secret,
    },
    /// A server that takes JSON.
    Webhook {
        /// Where.
        url: Secret,
        /// What signs.
        secret: Secret,
    },
}

/// What a receiver is told of; each part that is not empty must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// Of this level and above.
    pub(crate) level: Level,
    /// In these accounts.
    pub(crate) accounts: AccountSelector,
    /// Patterns of policy ids.
    pub(crate) policies: Vec<String>,
    /// Of these changes.
    pub(crate) states: Vec<Change>,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// No run reported it before.
    New,
    /// The same happened before and had ended.
    Reopened,
    /// It is over.
    Recovered,
}

impl Change {
    /// All of them.
    pub(crate) const ALL: [Change; 3] = [Change::New, Change::Reopened, Change::Recovered];

    /// As the configuration writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Reopened => "reopened",
            Change::Recovered => "recovered",
        }
    }
}

/// What one message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// All of a run.
    Run,
    /// One account.
    Account,
    /// One policy.
    Policy,
}

impl Grouping {
    const ALL: [Grouping; 3] = [Grouping::Run, Grouping::Account, Grouping::Policy];

    /// As the configuration writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Grouping::Run => "run",
            Grouping::Account => "account",
            Grouping::Policy => "policy",
        }
    }
}

/// A text that nobody may see. It does not show in debug output.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub(crate) fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for the request and its signature and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(****)")
    }
}

pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Vec<Receiver> {
    let mut receivers: Vec<Receiver> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for item in context.items(root, "notify") {
        if !matches!(item.value, Yaml::Map(_)) {
            reader::wrong_kind(item, "notify", "a list of maps", &mut context.report);
            continue;
        }
        receivers.extend(receiver(item, &mut names, context));
    }
    receivers
}

fn receiver(node: &Node, names: &mut Vec<String>, context: &mut Context<'_>) -> Option<Receiver> {
    context.keys(node, "notify", KEYS);
    context.require(node, "name", "a name of its own, such as `on-call`; what was told is remembered under it");
    let name = name(node, names, context);
    // All three are read in any case: what is wrong in one is said even if there is another.
    let read = [("sns", sns(node, context)), ("slack", slack(node, context)), ("webhook", webhook(node, context))];
    let given: Vec<&str> = read.iter().map(|(key, _)| *key).filter(|key| node.get(key).is_some()).collect();
    if given.len() != 1 {
        let message = match given.as_slice() {
            [] => "the receiver has no way to be reached".to_owned(),
            several => format!("the receiver has several ways to be reached: {}", several.join(", ")),
        };
        context.report.error(node.span, "bad-receiver", message).hint("give it one of `sns`, `slack` and `webhook`");
    }
    let when = when(node, context);
    let group = context.choice(node, "group", &Grouping::ALL.map(|group| (group.name(), group)));
    let at_most = context.small_number(node, "at-most", 1..=1_000);
    let link = context.text(node, "link").and_then(|text| context.passes(&text, ("bad-link", "the beginning of a URL"), link));
    let coverage = yes_or_no(node, "coverage", context);
    let to = read.into_iter().find_map(|(_, channel)| channel);
    Some(Receiver {
        name: name?,
        to: to?,
        when,
        group: group.unwrap_or(Grouping::Account),
        at_most: at_most.unwrap_or(20),
        link,
        coverage: coverage.unwrap_or(true),
    })
}

fn name(node: &Node, names: &mut Vec<String>, context: &mut Context<'_>) -> Option<String> {
    let text = context.text(node, "name")?;
    context.passes(&text, ("bad-name", "a name of a receiver"), receiver_name)?;
    if names.contains(&text.value) {
        let message = format!("there are two receivers called `{}`", text.written);
        context.report.error(text.span, "duplicate-name", message).hint("what was told is remembered by name: give each its own");
        return None;
    }
    names.push(text.value.clone());
    Some(text.value)
}

fn receiver_name(text: &str) -> Result<(), Refusal> {
    let plain = text.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char));
    if plain && !text.is_empty() && text.len() <= MAX_NAME {
        return Ok(());
    }
    Err(format!("1 to {MAX_NAME} letters, digits, hyphens, underscores and dots"))
}

fn sns(node: &Node, context: &mut Context<'_>) -> Option<Channel> {
    let node = context.value(node, "sns")?;
    if !context.keys(node, "sns", &["topic", "region", "account"]) {
        return None;
    }
    context.require(node, "topic", "the topic's ARN, such as `arn:aws:sns:eu-west-1:111122223333:alarms`");
    let account = context.account(node, "account").map(|text| text.value);
    let said = context.region(node, "region");
    let topic = context.substituted(node, "topic")?;
    context.passes(&topic, ("bad-topic", "the ARN of an SNS topic"), topic_arn)?;
    let in_partition = context.arn_in_partition(&topic);
    let region = Arn::parse(&topic.value)?.region.to_owned();
    if said.is_some_and(|said| said != region) {
        let message = "`region` is not the one in the topic's ARN";
        context.report.error(topic.span, "wrong-region", message).hint("remove `region`: the ARN says it");
        return None;
    }
    in_partition.then_some(Channel::Sns { topic: topic.value, region, account })
}

fn topic_arn(text: &str) -> Result<(), Refusal> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "sns");
    let arn = arn.ok_or("write `arn:aws:sns:REGION:ACCOUNT:NAME`, with the partition that is yours")?;
    syntax::region_shape(arn.region).map_err(|why| format!("its region is wrong: {why}"))?;
    syntax::account_id(arn.account).map_err(|why| format!("its account is wrong: {why}"))?;
    let bare = arn.resource.strip_suffix(".fifo").unwrap_or(arn.resource);
    let plain = bare.chars().all(|char| char.is_ascii_alphanumeric() || "-_".contains(char));
    if bare.is_empty() || arn.resource.len() > 256 || !plain {
        return Err("the topic's name must have 1 to 256 letters, digits, hyphens and underscores".to_owned());
    }
    Ok(())
}

fn slack(node: &Node, context: &mut Context<'_>) -> Option<Channel> {
    let node = context.value(node, "slack")?;
    if !context.keys(node, "slack", &["url", "allow-http"]) {
        return None;
    }
    context.require(node, "url", "the URL of the incoming webhook: `\"${env:NAME}\"`, with the variable that holds it");
    let allowed = yes_or_no(node, "allow-http", context).unwrap_or(false);
    Some(Channel::Slack { url: url(node, allowed, context)? })
}

fn webhook(node: &Node, context: &mut Context<'_>) -> Option<Channel> {
    let node = context.value(node, "webhook")?;
    if !context.keys(node, "webhook", &["url", "secret", "allow-http"]) {
        return None;
    }
    context.require(node, "url", "where to send: `\"${env:NAME}\"`, with the variable that holds it");
    context.require(node, "secret", "what signs: `\"${env:NAME}\"`, with the variable that holds it");
    let allowed = yes_or_no(node, "allow-http", context).unwrap_or(false);
    let url = url(node, allowed, context);
    let secret = secret(node, "secret", context).and_then(|text| {
        if text.value.chars().count() >= MIN_SECRET {
            return Some(Secret::new(text.value));
        }
        let message = format!("`secret` has fewer than {MIN_SECRET} characters");
        context.report.error(text.span, "weak-secret", message).hint("make one with `openssl rand -hex 32`");
        None
    });
    Some(Channel::Webhook { url: url?, secret: secret? })
}

/// A value that comes from the environment. No message quotes it, not even as the file writes it.
fn secret(node: &Node, key: &str, context: &mut Context<'_>) -> Option<Text> {
    let text = context.substituted(node, key)?;
    if text.written.contains("${env:") {
        return Some(text);
    }
    let message = format!("`{key}` is a secret and stands in the file");
    let hint =
        "put it into an environment variable and write `\"${env:NAME}\"`; and make a new one, for this one has been written down";
    context.report.error(text.span, "secret-in-file", message).hint(hint);
    None
}

fn url(node: &Node, allow_http: bool, context: &mut Context<'_>) -> Option<Secret> {
    let text = secret(node, "url", context)?;
    match web_address(&text.value, allow_http) {
        Ok(()) => Some(Secret::new(text.value)),
        Err(why) => {
            context.report.error(text.span, "bad-url", "the value of `url` is not a URL that is sent to").hint(why);
            None
        }
    }
}

/// `https://host…`. Without TLS only to this machine, unless that is allowed.
pub(super) fn web_address(text: &str, allow_http: bool) -> Result<(), Refusal> {
    let (rest, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        _ => return Err("it must begin with `https://`".to_owned()),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if name.is_empty() || host.contains('@') {
        return Err("it must name a host, without a user or password".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it must be printable ASCII without spaces".to_owned());
    }
    if plain && !allow_http && !["localhost", "127.0.0.1", "::1"].contains(&name) {
        return Err("without TLS anybody on the way reads it: write `https://`, or `allow-http: true` beside it".to_owned());
    }
    Ok(())
}

/// The beginning of an address that people click on; ends with a slash.
fn link(text: &str) -> Result<String, Refusal> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or("it must begin with `https://`")?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"<>|\"`\\".contains(&byte);
    if rest.is_empty() || !text.bytes().all(plain) {
        return Err("it must be printable ASCII without spaces, quotes, `<`, `>`, `|` and backslashes".to_owned());
    }
    Ok(if text.ends_with('/') { text.to_owned() } else { format!("{text}/") })
}

fn when(node: &Node, context: &mut Context<'_>) -> When {
    let mut when =
        When { level: Level::High, accounts: AccountSelector::default(), policies: Vec::new(), states: Change::ALL.to_vec() };
    let Some(node) = context.value(node, "when") else { return when };
    if !context.keys(node, "when", &["level", "envs", "accounts", "tags", "policies", "states"]) {
        return when;
    }
    when.level = context.choice(node, "level", &LEVELS).unwrap_or(when.level);
    let mut ids = context.texts(node, "accounts");
    ids.retain(|id| context.account_id(id));
    let envs = context.texts(node, "envs");
    let values = |texts: Vec<Text>| texts.into_iter().map(|text| text.value).collect();
    when.accounts = AccountSelector { ids: values(ids), envs: values(envs), tags: context.tag_filter(node, "tags") };
    when.policies = patterns(node, "policies", context);
    if let Some(list) = context.value(node, "states") {
        when.states = states(node, context);
        if matches!(&list.value, Yaml::List(items) if items.is_empty()) {
            let message = "the list of states is empty, so nobody would be told anything";
            context.report.error(list.span, "no-states", message).hint("name at least one of new, reopened, recovered");
        }
    }
    when
}

fn states(node: &Node, context: &mut Context<'_>) -> Vec<Change> {
    let mut states = Vec::new();
    for text in context.texts(node, "states") {
        match Change::ALL.into_iter().find(|change| change.name() == text.value) {
            Some(change) => states.push(change),
            None => {
                let message = format!("`{}` is not a state that is told", text.written);
                context.report.error(text.span, "wrong-value", message).hint("one of new, reopened, recovered");
            }
        }
    }
    states
}

fn yes_or_no(node: &Node, key: &str, context: &mut Context<'_>) -> Option<bool> {
    context.choice(node, key, &[("true", true), ("false", false)])
}

#[cfg(test)]
mod tests {
    use super::super::tests::SMALL;
    use super::super::{Config, ConfigError};
    use super::*;
    use crate::diagnostics;

    fn variables(name: &str) -> Option<String> {
        let value = match name {
            "SLACK" => "https://hooks.slack.com/services/canary-slack",
            "URL" => "https://alarms.example.com/canary-url",
            "SECRET" => "canary-secret-0123456789",
            "WEAK" => "canary-weak",
            "PLAIN" => "http://alarms.example.com/canary-url",
            "LOCAL" => "http://127.0.0.1:8080/canary-url",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn parsed(more: &str) -> Result<Config, ConfigError> {
        Config::parse("assize.yaml", &format!("{SMALL}notify:\n{more}"), &variables)
    }

    fn good(more: &str) -> Vec<Receiver> {
        match parsed(more) {
            Ok(config) => config.notify,
            Err(ConfigError::Mistakes { diagnostics, file }) => panic!("{}", diagnostics::render(&diagnostics, &[file])),
            Err(error) => panic!("{error}"),
        }
    }

    fn shown(more: &str) -> String {
        match parsed(more) {
            Err(ConfigError::Mistakes { diagnostics, file }) => diagnostics::render(&diagnostics, &[file]),
            other => panic!("{more}\nmust be refused, got {other:?}"),
        }
    }

    #[test]
    fn receivers_are_read_with_their_defaults() {
        let read = good(
            "  - {name: a, sns: {topic: 'arn:aws:sns:eu-west-1:111122223333:alarms'}}\n  \
             - {name: b, slack: {url: '${env:SLACK}'}, group: policy, at-most: 3, link: 'https://x.example/r', coverage: false,\n     \
                when: {level: low, envs: prod, accounts: 111122223333, tags: {team: a}, policies: 'root-*', states: recovered}}\n  \
             - {name: c, webhook: {url: '${env:LOCAL}', secret: '${env:SECRET}'}}\n",
        );
        let [a, b, c] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!((a.group, a.at_most, a.coverage, a.when.level), (Grouping::Account, 20, true, Level::High));
        assert!(matches!(&a.to, Channel::Sns { region, account: None, .. } if region == "eu-west-1"));
        assert_eq!((a.when.states.as_slice(), &a.when.accounts), (&Change::ALL[..], &AccountSelector::default()));
        assert_eq!(
            (b.group, b.at_most, b.coverage, b.link.as_deref()),
            (Grouping::Policy, 3, false, Some("https://x.example/r/"))
        );
        assert_eq!((b.when.level, b.when.states.as_slice()), (Level::Low, &[Change::Recovered][..]));
        assert_eq!((b.when.accounts.ids.len(), b.when.accounts.envs.len(), b.when.accounts.tags.len()), (1, 1, 1));
        assert!(matches!(&c.to, Channel::Webhook { secret, .. } if secret.expose() == "canary-secret-0123456789"));
        assert!(!format!("{read:?}").contains("canary"), "{read:?}");
    }

    #[test]
    fn every_mistake_is_told_and_no_secret() {
        let literal = "https://hooks.slack.com/services/canary-literal";
        for (more, code) in [
            (format!("  - {{name: a, slack: {{url: '{literal}'}}}}\n"), "secret-in-file"),
            (format!("  - {{name: a, slack: {literal}}}\n"), "wrong-type"),
            (format!("  - name: a\n    slack:\n      url: {literal}\n      ur: x\n"), "unknown-key"),
            ("  - {name: a, webhook: {url: '${env:URL}', secret: '${env:WEAK}'}}\n".to_owned(), "weak-secret"),
            ("  - {name: a, webhook: {url: '${env:URL}', secret: canary-in-the-file}}\n".to_owned(), "secret-in-file"),
            ("  - {name: a, webhook: {url: '${env:PLAIN}', secret: '${env:SECRET}'}}\n".to_owned(), "bad-url"),
            ("  - {name: a, webhook: {url: '${env:SECRET}', secret: '${env:SECRET}'}}\n".to_owned(), "bad-url"),
            ("  - {name: a, webhook: {url: '${env:URL}'}}\n".to_owned(), "missing-key"),
            ("  - {name: a, slack: {url: '${env:NONE}'}}\n".to_owned(), "unset-variable"),
            ("  - {name: a}\n".to_owned(), "bad-receiver"),
            (
                "  - {name: a, slack: {url: '${env:SLACK}'}, sns: {topic: 'arn:aws:sns:eu-west-1:111122223333:a'}}\n".to_owned(),
                "bad-receiver",
            ),
            ("  - {name: a, sns: {topic: 'arn:aws:sqs:eu-west-1:111122223333:a'}}\n".to_owned(), "bad-topic"),
            ("  - {name: a, sns: {topic: 'arn:aws-cn:sns:cn-north-1:111122223333:a'}}\n".to_owned(), "wrong-partition"),
            (
                "  - {name: a, sns: {topic: 'arn:aws:sns:eu-west-1:111122223333:a', region: us-east-1}}\n".to_owned(),
                "wrong-region",
            ),
            ("  - {name: a b, slack: {url: '${env:SLACK}'}}\n".to_owned(), "bad-name"),
            (
                "  - {name: a, slack: {url: '${env:SLACK}'}}\n  - {name: a, slack: {url: '${env:SLACK}'}}\n".to_owned(),
                "duplicate-name",
            ),
            ("  - {name: a, slack: {url: '${env:SLACK}'}, link: 'ftp://x'}\n".to_owned(), "bad-link"),
            ("  - {name: a, slack: {url: '${env:SLACK}'}, when: {states: []}}\n".to_owned(), "no-states"),
            ("  - {name: a, slack: {url: '${env:SLACK}'}, when: {states: ongoing}}\n".to_owned(), "wrong-value"),
            ("  - {name: a, slack: {url: '${env:SLACK}'}, at-most: 0}\n".to_owned(), "bad-number"),
        ] {
            let shown = shown(&more);
            assert!(shown.contains(&format!("error[{code}]")), "{code}: {shown}");
            assert!(!shown.contains("canary"), "{shown}");
        }
        let all = shown("  - {slack: {url: '${env:PLAIN}'}, group: hour}\n  - {name: b, at-most: x}\n");
        for code in ["missing-key", "bad-url", "wrong-value", "bad-receiver", "bad-number"] {
            assert!(all.contains(&format!("error[{code}]")), "{all}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_unless_it_is_allowed() {
        for good in ["https://a.example/x", "http://localhost/x", "http://127.0.0.1:80", "http://[::1]:80/x"] {
            assert_eq!(web_address(good, false), Ok(()), "{good}");
        }
        assert_eq!(web_address("http://a.example", true), Ok(()));
        for bad in [
            "",
            "a.example",
            "http://a.example",
            "https://",
            "https://u:p@a.example",
            "http://localhost.evil.example",
            "https://a b",
        ] {
            assert!(web_address(bad, false).is_err(), "{bad}");
        }
        for bad in ["https://x/<a>", "https://", "javascript:alert(1)", "https://x/a|b"] {
            assert!(link(bad).is_err(), "{bad}");
        }
    }
}
