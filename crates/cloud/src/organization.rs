//! The organisation as AWS Organizations tells it: its accounts, their states, organisational units and tags.
//!
//! The management account and any delegated administrator may ask; other members learn only which organisation they
//! are in. What could not be read is a named [`Gap`] and an `Option` that is `None`, never an empty list.
//! E-mail addresses are left out on purpose.

mod units;

use std::collections::BTreeMap;

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{malformed, seconds, text};
use crate::ask::{Ask, list_all};
use crate::gap::Gap;
use crate::{CloudError, Operation, Protocol, Service, Session};

pub use units::OrganizationalUnit;

const ORGANIZATIONS: Service = Service {
    id: "Organizations",
    signing_name: "organizations",
    endpoint_prefix: "organizations",
    protocol: Protocol::Json11 { target: "AWSOrganizationsV20161128" },
    global: true,
};

/// Tells which organisation the caller's account is in. Any account may ask.
pub const DESCRIBE_ORGANIZATION: Operation = operation("DescribeOrganization", "organizations:DescribeOrganization");
/// Lists all accounts.
pub const LIST_ACCOUNTS: Operation = operation("ListAccounts", "organizations:ListAccounts");
/// Lists the roots; there is one.
pub const LIST_ROOTS: Operation = operation("ListRoots", "organizations:ListRoots");
/// Lists the organisational units directly under a parent.
pub const LIST_UNITS: Operation = operation("ListOrganizationalUnitsForParent", "organizations:ListOrganizationalUnitsForParent");
/// Lists the accounts directly under a parent.
pub const LIST_ACCOUNTS_FOR_PARENT: Operation = operation("ListAccountsForParent", "organizations:ListAccountsForParent");
/// Lists the tags of an account.
pub const LIST_TAGS: Operation = operation("ListTagsForResource", "organizations:ListTagsForResource");

const fn operation(name: &'static str, action: &'static str) -> Operation {
    Operation { service: ORGANIZATIONS, name, action }
}

/// What may be asked at once; the service's own limits are kept by the session.
const CONCURRENCY: usize = 4;

const ADVICE: &str = "ask with a role in the management account or in a delegated administrator, or list the accounts \
                      in the configuration";

/// How to read an organisation.
#[derive(Clone, Debug)]
pub struct OrganizationOptions {
    /// Any region of the partition; Organizations has one endpoint in each partition.
    pub region: String,
    /// Whether to read the tags of every account, one call each.
    pub tags: bool,
}

/// Whether the caller's account is in an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// It is.
    Member(Organization),
    /// It stands alone.
    Standalone,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id: `o-` and letters.
    pub id: String,
    /// The id of its management account.
    pub management_account: String,
    /// `ALL` or `CONSOLIDATED_BILLING`. Without all features there are no service control policies.
    pub feature_set: Option<String>,
    /// All accounts, the management account among them, sorted by id. `None` if the caller may not list them.
    pub accounts: Option<Vec<Account>>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// An account of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Its name. Anybody who may rename the account may write anything here.
    pub name: String,
    /// Where it is in its life.
    pub state: AccountState,
    /// When it joined the organisation: seconds since 1970 UTC.
    pub joined: Option<i64>,
    /// The root and the units the account is in, outermost first. `None` if not known.
    pub path: Option<Vec<OrganizationalUnit>>,
    /// Its tags. `None` if they were not asked for or could not be read.
    pub tags: Option<BTreeMap<String, String>>,
}

/// Where an account is in its life, as Organizations says in `State`, or in `Status` where only that is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// Signing up is not finished; nothing can be done in it.
    PendingActivation,
    /// In use.
    Active,
    /// Suspended by AWS; under the older `Status` also: closed.
    Suspended,
    /// Being closed.
    PendingClosure,
    /// Closed, and deleted after 90 days.
    Closed,
    /// What AWS said instead, or nothing.
    Other(String),
}

impl AccountState {
    /// Whether things happen in the account. A state that is not understood counts as active, so that the account is
    /// not forgotten.
    pub fn active(&self) -> bool {
        matches!(self, Self::Active | Self::Other(_))
    }
}

/// Reads the organisation that the session's account is in.
///
/// # Errors
/// DescribeOrganization failed, or ListAccounts failed otherwise than by a denial. Everything else that fails is a
/// gap.
pub async fn read_organization(session: &Session, options: &OrganizationOptions) -> Result<Membership, CloudError> {
    read(session, options).await
}

async fn read(ask: &impl Ask, options: &OrganizationOptions) -> Result<Membership, CloudError> {
    let region = options.region.as_str();
    let answer = match ask.ask(&DESCRIBE_ORGANIZATION, region, json!({})).await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("AWSOrganizationsNotInUseException") => return Ok(Membership::Standalone),
        Err(error) => return Err(error),
    };
    let about = answer.get("Organization").unwrap_or(&Value::Null);
    let (Some(id), Some(management_account)) = (text(about, "Id"), text(about, "MasterAccountId")) else {
        return Err(malformed(&DESCRIBE_ORGANIZATION, region, "an organisation without id or management account"));
    };
    let feature_set = text(about, "FeatureSet");
    let mut organization = Organization { id, management_account, feature_set, accounts: None, gaps: Vec::new() };
    if let Some(mut accounts) = list_accounts(ask, region, &mut organization).await? {
        units::place(ask, region, &mut accounts, &mut organization.gaps).await;
        let mut accounts: Vec<Account> = accounts.into_iter().map(|listed| listed.account).collect();
        if options.tags {
            tag(ask, region, &mut accounts, &mut organization.gaps).await;
        }
        organization.accounts = Some(accounts);
    }
    Ok(Membership::Member(organization))
}

/// An account as it is being put together.
struct Listed {
    account: Account,
    /// `o-…/r-…/ou-…/123456789012/`, where Organizations gives it.
    written_path: Option<String>,
}

/// The accounts sorted by id, or `None` and a gap.
async fn list_accounts(ask: &impl Ask, region: &str, organization: &mut Organization) -> Result<Option<Vec<Listed>>, CloudError> {
    let listed = match list_all(ask, &LIST_ACCOUNTS, region, json!({}), "Accounts").await {
        Ok(listed) => listed,
        Err(error @ CloudError::Denied(_)) => {
            organization.gaps.push(Gap::new("accounts", &error).advise(ADVICE));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut accounts: BTreeMap<String, Listed> = BTreeMap::new();
    for account in &listed {
        let listed = read_account(account)
            .ok_or_else(|| malformed(&LIST_ACCOUNTS, region, "an account without an id; none of the list can be relied on"))?;
        accounts.insert(listed.account.id.clone(), listed);
    }
    // Every organisation holds its management account: a list without it was not made for this caller's eyes.
    if !accounts.contains_key(&organization.management_account) {
        let message = format!(
            "ListAccounts answered with {} accounts, without the management account {}, so the list is not whole; \
             {ADVICE}",
            accounts.len(),
            organization.management_account
        );
        organization.gaps.push(Gap::implausible("accounts", message));
        return Ok(None);
    }
    Ok(Some(accounts.into_values().collect()))
}

fn read_account(account: &Value) -> Option<Listed> {
    let state = text(account, "State").or_else(|| text(account, "Status")).unwrap_or_default();
    let state = match state.as_str() {
        "PENDING_ACTIVATION" => AccountState::PendingActivation,
        "ACTIVE" => AccountState::Active,
        "SUSPENDED" => AccountState::Suspended,
        "PENDING_CLOSURE" => AccountState::PendingClosure,
        "CLOSED" => AccountState::Closed,
        _ => AccountState::Other(state),
    };
    let written_path = account.get("Paths").and_then(|paths| paths.get(0)).and_then(Value::as_str).map(str::to_owned);
    let account = Account {
        id: text(account, "Id")?,
        name: text(account, "Name").unwrap_or_default(),
        state,
        joined: seconds(account, "JoinedTimestamp"),
        path: None,
        tags: None,
    };
    Some(Listed { account, written_path })
}

/// Reads the tags of the accounts. A denial is the same for all of them and asked for once.
async fn tag(ask: &impl Ask, region: &str, accounts: &mut [Account], gaps: &mut Vec<Gap>) {
    for few in accounts.chunks_mut(CONCURRENCY) {
        let asked = few.iter().map(|account| list_all(ask, &LIST_TAGS, region, json!({"ResourceId": account.id}), "Tags"));
        for (answer, account) in join_all(asked).await.into_iter().zip(few) {
            match answer {
                Ok(tags) => account.tags = Some(read_tags(&tags)),
                Err(error @ CloudError::Denied(_)) => {
                    gaps.push(Gap::new("account tags", &error).advise(ADVICE));
                    return;
                }
                Err(error) => gaps.push(Gap::new(format!("tags of account {}", account.id), &error)),
            }
        }
    }
}

fn read_tags(tags: &[Value]) -> BTreeMap<String, String> {
    let pair = |tag: &Value| Some((text(tag, "Key")?, text(tag, "Value").unwrap_or_default()));
    tags.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests;
