//! Whose logs are audited: accounts, listed or from AWS Organizations, and what became of those that are left out.

use std::collections::{BTreeMap, BTreeSet};

use assize_cloud::organization::{self, Membership, Organization, OrganizationOptions};
use assize_cloud::{CloudError, Session};
use assize_engine::policy::matches_glob;
use assize_engine::record::{AccountFacts, AccountList};
use serde::{Deserialize, Serialize};

use crate::config::{AccountSelector, Config, Exclusion, ExclusionTarget, OrganizationConfig, TagFilter};

/// Accounts in scope, and the denominator beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Estate {
    /// In scope, by id.
    pub(crate) accounts: Vec<Account>,
    /// In the organisation or the list, and left out.
    pub(crate) left_out: Vec<LeftOut>,
    /// The organisation's id, if it was read.
    pub(crate) organization: Option<String>,
    /// How many accounts the organisation has in all, if it was read.
    pub(crate) organization_accounts: Option<u64>,
    /// What could not be read of the organisation: what, and why.
    pub(crate) gaps: Vec<(String, String)>,
}

/// An account in scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Twelve digits.
    pub(crate) id: String,
    /// Name; the id if none is known.
    pub(crate) name: String,
    /// Environment.
    pub(crate) env: String,
    /// Tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// Whether the organisation says that it is a member.
    pub(crate) member: bool,
    /// Suspended or closing: it is reported, and what a central trail has of it is read.
    pub(crate) suspended: bool,
    /// Names of the root and the organisational units that it is in, outermost first; empty if they are not known.
    #[serde(default)]
    pub(crate) units: Vec<String>,
}

/// An account that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// Twelve digits.
    pub(crate) id: String,
    /// Name.
    pub(crate) name: String,
    /// Why.
    pub(crate) reason: String,
}

/// Reads the accounts in scope.
///
/// # Errors
/// The configuration names an organisation, and it cannot be read at all: without its accounts there is no scope.
pub(crate) async fn read(config: &Config, session: Option<&Session>) -> Result<Estate, CloudError> {
    let organization = match (&config.accounts.organization, session) {
        (Some(asked), Some(session)) => {
            let tags = asked.env_from_tag.is_some() || !asked.include_tags.is_empty() || excludes_by_tag(&asked.exclude);
            let options = OrganizationOptions { region: config.partition.global_region().to_owned(), tags };
            match organization::read_organization(session, &options).await? {
                Membership::Member(organization) => Some((asked, organization)),
                Membership::Standalone => return Err(CloudError::NotFound {
                    call: assize_cloud::Call {
                        service: "Organizations",
                        operation: "DescribeOrganization",
                        region: config.partition.global_region().to_owned(),
                    },
                    code: "AWSOrganizationsNotInUseException".to_owned(),
                    message:
                        "the account whose credentials read the organisation is in none; name a role in the management account \
                              or a delegated administrator (`accounts.organization.role`), or list the accounts"
                            .to_owned(),
                }),
            }
        }
        _ => None,
    };
    Ok(of(config, organization))
}

/// The accounts that the configuration itself lists: all that can be told without asking AWS.
pub(crate) fn listed(config: &Config) -> Estate {
    of(config, None)
}

fn excludes_by_tag(exclusions: &[Exclusion]) -> bool {
    exclusions.iter().any(|exclusion| matches!(exclusion.target, ExclusionTarget::Tag(_)))
}

/// Puts together what the configuration lists and what the organisation says.
fn of(config: &Config, organization: Option<(&OrganizationConfig, Organization)>) -> Estate {
    let mut estate = Estate::default();
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    if let Some((asked, organization)) = organization {
        estate.organization = Some(organization.id.clone());
        estate.organization_accounts = organization.accounts.as_ref().map(|accounts| accounts.len() as u64);
        estate.gaps = organization.gaps.iter().map(|gap| (gap.what.clone(), gap.message.clone())).collect();
        for account in organization.accounts.unwrap_or_default() {
            match selected(asked, &account) {
                Ok(()) => drop(accounts.insert(account.id.clone(), from_organization(asked, account))),
                Err(reason) => estate.left_out.push(LeftOut { id: account.id, name: account.name, reason }),
            }
        }
    }
    for listed in &config.accounts.listed {
        estate.left_out.retain(|account| account.id != listed.id);
        let account =
            accounts.entry(listed.id.clone()).or_insert_with(|| Account { id: listed.id.clone(), ..Account::default() });
        account.tags.extend(listed.tags.clone());
        if let Some(name) = &listed.name {
            account.name.clone_from(name);
        }
        if let Some(env) = &listed.env {
            account.env.clone_from(env);
        }
    }
    for account in accounts.values_mut().filter(|account| account.name.is_empty()) {
        account.name.clone_from(&account.id);
    }
    estate.accounts = accounts.into_values().collect();
    estate
}

fn from_organization(asked: &OrganizationConfig, account: organization::Account) -> Account {
    let tags = account.tags.unwrap_or_default();
    let env = asked.env_from_tag.as_ref().and_then(|key| tags.get(key)).cloned().unwrap_or_default();
    let units = account.path.into_iter().flatten().map(|unit| unit.name.unwrap_or(unit.id)).collect();
    let suspended = !account.state.active();
    Account { id: account.id, name: account.name, env, member: true, suspended, tags, units }
}

/// Whether an account of the organisation is in scope, or why not.
fn selected(asked: &OrganizationConfig, account: &organization::Account) -> Result<(), String> {
    let within = |unit: &String| account.path.iter().flatten().any(|above| above.id == *unit);
    for exclusion in &asked.exclude {
        let excluded = match &exclusion.target {
            ExclusionTarget::Account(id) => *id == account.id,
            ExclusionTarget::Ou(unit) => within(unit),
            ExclusionTarget::Tag(filter) => tagged(filter, account.tags.as_ref()),
        };
        if excluded {
            return Err(exclusion.reason.clone());
        }
    }
    if !asked.include_ous.is_empty() && !asked.include_ous.iter().any(within) {
        return Err("not below an organisational unit that is included".to_owned());
    }
    if !asked.include_tags.is_empty() && !tagged(&asked.include_tags, account.tags.as_ref()) {
        return Err("not tagged as included accounts are".to_owned());
    }
    Ok(())
}

/// Each key of the filter with one of its values. Tags that could not be read match nothing.
pub(crate) fn tagged(filter: &TagFilter, tags: Option<&BTreeMap<String, String>>) -> bool {
    filter.iter().all(|(key, values)| {
        let value = tags.and_then(|tags| tags.get(key));
        value.is_some_and(|value| values.iter().any(|pattern| matches_glob(pattern, value)))
    })
}

/// Whether a selector means an account. Of one that is not in scope nothing but the id is known.
pub(crate) fn selects(selector: &AccountSelector, id: &str, known: Option<&Account>) -> bool {
    (selector.ids.is_empty() || selector.ids.iter().any(|selected| selected == id))
        && (selector.envs.is_empty() || known.is_some_and(|known| selector.envs.contains(&known.env)))
        && tagged(&selector.tags, known.map(|known| &known.tags))
}

impl Estate {
    /// An account in scope.
    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    /// Whether a selector means an account, in scope or not.
    pub(crate) fn selects(&self, selector: &AccountSelector, id: &str) -> bool {
        selects(selector, id, self.account(id))
    }

    /// What policies can ask of accounts, and of the time in which people work.
    pub(crate) fn facts(&self, config: &Config) -> AccountList {
        let facts =
            |account: &Account| AccountFacts { name: account.name.clone(), env: account.env.clone(), tags: account.tags.clone() };
        let in_scope = self.accounts.iter().map(|account| (account.id.clone(), facts(account)));
        let list = in_scope.collect::<AccountList>().with_others(self.left_out.iter().map(|account| account.id.clone()));
        let unread = config.accounts.organization.is_some() && self.organization_accounts.is_none();
        if unread { list.incomplete() } else { list }.with_calendar(config.calendar.clone())
    }

    /// Keeps only some accounts; the others are left out, and say so.
    pub(crate) fn restrict(&mut self, patterns: &[String]) {
        if patterns.is_empty() {
            return;
        }
        let chosen = |account: &Account| {
            patterns.iter().any(|pattern| matches_glob(pattern, &account.id) || matches_glob(pattern, &account.name))
        };
        let (kept, others): (Vec<Account>, Vec<Account>) = std::mem::take(&mut self.accounts).into_iter().partition(chosen);
        self.accounts = kept;
        let reason = "not asked for (--accounts)".to_owned();
        self.left_out.extend(others.into_iter().map(|account| LeftOut {
            id: account.id,
            name: account.name,
            reason: reason.clone(),
        }));
    }

    /// Keeps the accounts of one shard: every account is in exactly one, whatever the others are.
    pub(crate) fn shard(&mut self, number: u32, of: u32) {
        self.accounts.retain(|account| {
            let sum = account.id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
            sum % u64::from(of.max(1)) == u64::from(number.saturating_sub(1))
        });
    }

    /// Ids of the accounts in scope.
    pub(crate) fn ids(&self) -> BTreeSet<&str> {
        self.accounts.iter().map(|account| account.id.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(accounts: &str) -> Config {
        let text = format!("name: x\naudit: {{bucket: 'file://audit'}}\naccounts: {accounts}\ncalendar: {{zone: UTC}}\n");
        Config::parse("assize.yaml", &text, &|_| None).unwrap()
    }

    #[test]
    fn policies_know_a_stranger_only_where_all_accounts_are_known() {
        let account = |id: &str| Account { id: id.to_owned(), env: "prod".to_owned(), ..Account::default() };
        let left_out = LeftOut { id: "2".to_owned(), name: "x".to_owned(), reason: "closed".to_owned() };
        let mut estate = Estate { accounts: vec![account("1")], left_out: vec![left_out], ..Estate::default() };
        let asked = |estate: &Estate, accounts: &str| {
            let list = estate.facts(&config(accounts));
            assert!(list.calendar().is_some() && list.get("1").is_some_and(|one| one.env == "prod") && list.get("2").is_none());
            ["1", "2", "3"].map(|id| list.knows(id))
        };
        assert_eq!(asked(&estate, "{list: [111122223333]}"), [Some(true), Some(true), Some(false)]);
        assert_eq!(asked(&estate, "{organization: {}}"), [Some(true), Some(true), None], "the organisation was not read");
        estate.organization_accounts = Some(3);
        assert_eq!(asked(&estate, "{organization: {}}"), [Some(true), Some(true), Some(false)]);
    }
}
