//! What a record does not say and policies may ask: the account list, and the calendar of those who work in the accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::calendar::Calendar;

/// What the user's configuration says about accounts, by account id, and about the time in which people work in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountList {
    accounts: BTreeMap<String, AccountFacts>,
    others: BTreeSet<String>,
    complete: bool,
    /// Shared: the list is cloned for each batch, and a century of holidays is long.
    calendar: Option<Arc<Calendar>>,
}

/// What the account list says about one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// Name, for `account.name` and `caller.name`.
    pub name: String,
    /// Environment, for `account.env` and `caller.env`.
    pub env: String,
    /// Tags, for `account.tags.<key>` and `caller.tags.<key>`.
    pub tags: BTreeMap<String, String>,
}

impl AccountList {
    /// No list at all: nothing is known of any account, and there is no calendar.
    pub fn new() -> AccountList {
        AccountList::default()
    }

    /// Whether no account is in it.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// What is known of an account; `None` if it is not in the list.
    pub fn get(&self, id: &str) -> Option<&AccountFacts> {
        self.accounts.get(id)
    }

    /// Whether an account is one of the user's; `None` if that cannot be told, because the list may lack accounts.
    pub fn knows(&self, id: &str) -> Option<bool> {
        let listed = self.accounts.contains_key(id) || self.others.contains(id);
        (listed || self.complete).then_some(listed)
    }

    /// The calendar, if there is one.
    pub fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_deref()
    }

    /// Adds accounts that are the user's and of which nothing else is known.
    #[must_use]
    pub fn with_others(mut self, ids: impl IntoIterator<Item = String>) -> AccountList {
        self.others.extend(ids);
        self
    }

    /// Says that the list may lack accounts: an account that is not in it may be the user's all the same.
    #[must_use]
    pub fn incomplete(mut self) -> AccountList {
        self.complete = false;
        self
    }

    /// Sets the calendar, or takes it away.
    #[must_use]
    pub fn with_calendar(mut self, calendar: Option<Calendar>) -> AccountList {
        self.calendar = calendar.map(Arc::new);
        self
    }

    /// Everything but the calendar, as text that differs when it does.
    pub(crate) fn written(&self) -> String {
        format!("{:?} {:?} {:?}", self.accounts, self.others, self.complete)
    }
}

/// A list that lacks no account.
impl FromIterator<(String, AccountFacts)> for AccountList {
    fn from_iter<I: IntoIterator<Item = (String, AccountFacts)>>(accounts: I) -> AccountList {
        AccountList { accounts: accounts.into_iter().collect(), complete: true, ..AccountList::default() }
    }
}

impl<const N: usize> From<[(String, AccountFacts); N]> for AccountList {
    fn from(accounts: [(String, AccountFacts); N]) -> AccountList {
        accounts.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_an_account_is_ours_is_known_of_a_whole_list_only() {
        let list = AccountList::from([("1".to_owned(), AccountFacts::default())]).with_others(["2".to_owned()]);
        assert_eq!(["1", "2", "3"].map(|id| list.knows(id)), [Some(true), Some(true), Some(false)]);
        assert!(list.get("2").is_none());
        let list = list.incomplete();
        assert_eq!(["1", "2", "3"].map(|id| list.knows(id)), [Some(true), Some(true), None]);
        assert_eq!(AccountList::new().knows("1"), None);
    }
}
