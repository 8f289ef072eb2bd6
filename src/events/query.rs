//! What is asked for, and whether a record is it: a pure function over a record.

use assize_engine::cidr::Cidr;
use assize_engine::evaluate::Period;
use assize_engine::layout;
use assize_engine::policy::matches_glob;

use super::record::{Record, any_text, service_of};

/// What was typed for each option.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Event times.
    pub(crate) period: Period,
    /// Ids or names.
    pub(crate) accounts: Vec<String>,
    /// Regions.
    pub(crate) regions: Vec<String>,
    /// Texts of the caller.
    pub(crate) actors: Vec<String>,
    /// Values of `via`.
    pub(crate) via: Vec<&'static str>,
    /// Services, with or without `.amazonaws.com`.
    pub(crate) services: Vec<String>,
    /// Names of events, with wildcards.
    pub(crate) apis: Vec<String>,
    /// Texts of resources and parameters.
    pub(crate) resources: Vec<String>,
    /// Addresses and networks.
    pub(crate) addresses: Vec<String>,
    /// Values of `outcome`.
    pub(crate) outcomes: Vec<&'static str>,
    /// Ids of events.
    pub(crate) event_ids: Vec<String>,
    /// Texts anywhere.
    pub(crate) texts: Vec<String>,
}

/// Why something cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mistake {
    /// An account.
    #[error("`{text}` is no account: write twelve digits{}", names(known))]
    Account {
        /// What was typed.
        text: String,
        /// The names that are known.
        known: Vec<String>,
    },
    /// A region.
    #[error("`{0}` is no region: write one as eu-west-1 or us-gov-west-1")]
    Region(String),
    /// A service.
    #[error("`{0}` is no service: write cloudtrail or cloudtrail.amazonaws.com, as eventSource has it")]
    Service(String),
    /// A name of an event.
    #[error("`{0}` is no name of an event: write letters and digits, and * for any text, such as StopLogging or Delete*")]
    Api(String),
    /// An address.
    #[error("`{text}` is no address: {why}; write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32")]
    Address {
        /// What was typed.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing.
    #[error("{0} needs a text to look for: an empty one would match everything")]
    Empty(&'static str),
    /// `--bom` without CSV.
    #[error("--bom is for --format csv")]
    Bom,
}

fn names(known: &[String]) -> String {
    if known.is_empty() {
        return "; names are known with a configuration (--config)".to_owned();
    }
    format!(", or one of the names {}", known.join(", "))
}

/// All that is wrong with a question.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub(crate) struct QueryError(pub(crate) Vec<Mistake>);

/// A question: every part that says something must be true of a record.
#[derive(Debug)]
pub(crate) struct Query {
    /// Event times.
    pub(crate) period: Period,
    /// Ids; empty for all.
    pub(crate) accounts: Vec<String>,
    /// In lower case; empty for all.
    pub(crate) regions: Vec<String>,
    actors: Vec<Text>,
    via: Vec<&'static str>,
    services: Vec<String>,
    apis: Vec<String>,
    resources: Vec<Text>,
    addresses: Vec<Cidr>,
    outcomes: Vec<&'static str>,
    event_ids: Vec<String>,
    texts: Vec<Text>,
}

impl Query {
    /// Reads a question. `names` are the accounts that are known, as id and name.
    ///
    /// # Errors
    /// Every mistake at once.
    pub(crate) fn new(asked: &Asked, names: &[(String, String)]) -> Result<Query, QueryError> {
        let mut mistakes = Vec::new();
        let accounts = each(&asked.accounts, &mut mistakes, |text| account(text, names)).concat();
        let regions = each(&asked.regions, &mut mistakes, region);
        let services = each(&asked.services, &mut mistakes, service);
        let apis = each(&asked.apis, &mut mistakes, api);
        let addresses = each(&asked.addresses, &mut mistakes, |text| {
            Cidr::parse(text).map_err(|why| Mistake::Address { text: text.to_owned(), why })
        });
        let mut texts = |typed: &[String], option| each(typed, &mut mistakes, |text| Text::of(text, option));
        let actors = texts(&asked.actors, "--actor");
        let resources = texts(&asked.resources, "--resource");
        let event_ids = texts(&asked.event_ids, "--event-id").into_iter().map(|id| id.0).collect();
        let texts = texts(&asked.texts, "--text");
        if !mistakes.is_empty() {
            return Err(QueryError(mistakes));
        }
        let (period, via, outcomes) = (asked.period, asked.via.clone(), asked.outcomes.clone());
        Ok(Query { period, accounts, regions, actors, via, services, apis, resources, addresses, outcomes, event_ids, texts })
    }

    /// Whether the record is asked for.
    pub(crate) fn matches(&self, record: &Record<'_>) -> bool {
        self.matches_place(record) && self.matches_call(record) && self.matches_caller(record) && self.matches_content(record)
    }

    fn matches_place(&self, record: &Record<'_>) -> bool {
        self.period.contains(record.time)
            && (self.accounts.is_empty() || self.accounts.iter().any(|id| *id == record.account()))
            && (self.regions.is_empty() || self.regions.contains(&folded(&record.region())))
    }

    fn matches_call(&self, record: &Record<'_>) -> bool {
        let is_service = |source: &str| self.services.contains(&folded(service_of(source)));
        let is_api = |name: &str| {
            let name = folded(name);
            self.apis.iter().any(|glob| matches_glob(glob, &name))
        };
        (self.services.is_empty() || record.any(&["eventSource"], is_service))
            && (self.apis.is_empty() || is_api(&record.api()) || record.any(&["eventName"], is_api))
            && (self.event_ids.is_empty() || record.any(&["eventID"], |id| self.event_ids.contains(&folded(id))))
            && (self.outcomes.is_empty() || self.outcomes.contains(&record.outcome().as_str()))
    }

    fn matches_caller(&self, record: &Record<'_>) -> bool {
        let is_actor = |text: &str| any_in(&self.actors, text);
        let inside = |address: &str| self.addresses.iter().any(|network| network.contains(address));
        (self.via.is_empty() || self.via.contains(&record.via().as_str()))
            && (self.addresses.is_empty() || record.any(&["sourceIPAddress"], inside))
            && (self.actors.is_empty() || CALLER.iter().any(|path| record.any(path, is_actor)))
    }

    fn matches_content(&self, record: &Record<'_>) -> bool {
        let is_named = |text: &str| any_in(&self.resources, text);
        let is_resource = || {
            record.any(&["resources", "ARN"], is_named)
                || ["requestParameters", "responseElements"].iter().any(|part| record.any_below(part, is_named))
        };
        (self.resources.is_empty() || is_resource()) && (self.texts.is_empty() || self.stands_anywhere(record))
    }

    /// Whether one of the texts stands in the record: as it is written, or in a key or a value without its escapes.
    fn stands_anywhere(&self, record: &Record<'_>) -> bool {
        any_in(&self.texts, &String::from_utf8_lossy(record.bytes))
            || (record.bytes.contains(&b'\\') && any_text(record.subject.root, &mut |text| any_in(&self.texts, text)))
    }
}

/// Whether one of them is in the text, whose characters are put into lower case once for all.
fn any_in(wanted: &[Text], text: &str) -> bool {
    let text = folded(text);
    wanted.iter().any(|wanted| text.contains(&wanted.0))
}

/// Where a caller is named.
const CALLER: [&[&str]; 8] = [
    &["userIdentity", "arn"],
    &["userIdentity", "userName"],
    &["userIdentity", "principalId"],
    &["userIdentity", "invokedBy"],
    &["userIdentity", "sessionContext", "sessionIssuer", "arn"],
    &["userIdentity", "sessionContext", "sessionIssuer", "userName"],
    &["userIdentity", "sessionContext", "sessionIssuer", "principalId"],
    &["userIdentity", "sessionContext", "sourceIdentity"],
];

/// Reads each of the texts, and notes what is wrong.
fn each<T>(typed: &[String], mistakes: &mut Vec<Mistake>, read: impl Fn(&str) -> Result<T, Mistake>) -> Vec<T> {
    let read = |text: &String| read(text.trim()).map_err(|mistake| mistakes.push(mistake)).ok();
    typed.iter().filter_map(read).collect()
}

/// The ids that an id or a name stands for: names need not be unique.
fn account(text: &str, names: &[(String, String)]) -> Result<Vec<String>, Mistake> {
    if layout::is_account(text) {
        return Ok(vec![text.to_owned()]);
    }
    let named = names.iter().filter(|(_, name)| !text.is_empty() && folded(name) == folded(text));
    let ids: Vec<String> = named.map(|(id, _)| id.clone()).collect();
    if ids.is_empty() {
        let known = names.iter().map(|(_, name)| name.clone()).collect();
        return Err(Mistake::Account { text: text.to_owned(), known });
    }
    Ok(ids)
}

fn region(text: &str) -> Result<String, Mistake> {
    let parts: Vec<&str> = text.split('-').collect();
    let plain = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let numbered = parts.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if plain && numbered && parts.len() >= 3 { Ok(folded(text)) } else { Err(Mistake::Region(text.to_owned())) }
}

fn service(text: &str) -> Result<String, Mistake> {
    let name = service_of(text);
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if plain && !name.is_empty() { Ok(folded(name)) } else { Err(Mistake::Service(text.to_owned())) }
}

fn api(text: &str) -> Result<String, Mistake> {
    let plain = text.chars().all(|char| char.is_alphanumeric() || matches!(char, '*' | '_' | '-' | '.' | ':' | ' '));
    if plain && !text.is_empty() { Ok(folded(text)) } else { Err(Mistake::Api(text.to_owned())) }
}

/// The characters in lower case, one by one, as policies compare them.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A text to look for, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text(String);

impl Text {
    fn of(text: &str, option: &'static str) -> Result<Text, Mistake> {
        if text.is_empty() { Err(Mistake::Empty(option)) } else { Ok(Text(folded(text))) }
    }
}

#[cfg(test)]
mod tests;
