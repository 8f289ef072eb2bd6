//! The tree of organisational units, and where each account stands in it.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ADVICE, CONCURRENCY, LIST_ACCOUNTS_FOR_PARENT, LIST_ROOTS, LIST_UNITS, Listed};
use crate::answer::text;
use crate::ask::{Ask, list_all};
use crate::gap::Gap;

/// AWS allows five levels under the root; a tree that goes far deeper is not one.
const MAX_DEPTH: usize = 32;

/// An organisational unit, or the root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrganizationalUnit {
    /// `r-…` for the root, `ou-…` for a unit.
    pub id: String,
    /// Its name. `None` if it could not be read.
    pub name: Option<String>,
}

type Path = Vec<OrganizationalUnit>;

/// Gives each account its path. What cannot be read becomes a gap; an account keeps `None` if its place is not known.
pub(super) async fn place(ask: &impl Ask, region: &str, accounts: &mut [Listed], gaps: &mut Vec<Gap>) {
    let tree = walk(ask, region, gaps).await;
    let mut lost = Vec::new();
    for listed in accounts {
        let found = tree.accounts.get(&listed.account.id).cloned();
        listed.account.path = found.or_else(|| written(listed, &tree.names));
        if listed.account.path.is_none() {
            lost.push(listed.account.id.as_str());
        }
    }
    if !lost.is_empty() && !tree.incomplete {
        let message =
            format!("no organisational unit lists {}; the account may have moved while the tree was read", lost.join(", "));
        gaps.push(Gap::implausible("organisational units of accounts", message));
    }
}

/// What a walk through the tree found.
#[derive(Default)]
struct Tree {
    /// Where each account is.
    accounts: BTreeMap<String, Path>,
    /// The names of units and of the root, by id.
    names: BTreeMap<String, String>,
    /// A part could not be read.
    incomplete: bool,
}

/// Walks the tree level by level.
async fn walk(ask: &impl Ask, region: &str, gaps: &mut Vec<Gap>) -> Tree {
    let mut tree = Tree::default();
    let mut level: Vec<Path> = match list_all(ask, &LIST_ROOTS, region, json!({}), "Roots").await {
        Ok(roots) => children(&[], &roots),
        Err(error) => {
            gaps.push(Gap::new("organisational units", &error).advise(ADVICE));
            tree.incomplete = true;
            return tree;
        }
    };
    let mut seen = BTreeSet::new();
    for _ in 0..MAX_DEPTH {
        let mut next = Vec::new();
        level.retain(|path| path.last().is_some_and(|unit| seen.insert(unit.id.clone())));
        for few in level.chunks(CONCURRENCY) {
            for (path, (units, accounts)) in few.iter().zip(join_all(few.iter().map(|path| look(ask, region, path))).await) {
                let Some(unit) = path.last() else { continue };
                tree.names.extend(unit.name.clone().map(|name| (unit.id.clone(), name)));
                match units {
                    Ok(units) => next.extend(children(path, &units)),
                    Err(error) => {
                        gaps.push(Gap::new(format!("organisational units under {}", unit.id), &error));
                        tree.incomplete = true;
                    }
                }
                match accounts {
                    Ok(accounts) => {
                        let ids = accounts.iter().filter_map(|account| text(account, "Id"));
                        tree.accounts.extend(ids.map(|id| (id, path.clone())));
                    }
                    Err(error) => {
                        gaps.push(Gap::new(format!("accounts in {}", unit.id), &error));
                        tree.incomplete = true;
                    }
                }
            }
        }
        if next.is_empty() {
            return tree;
        }
        level = next;
    }
    gaps.push(Gap::implausible("organisational units", format!("the tree is more than {MAX_DEPTH} levels deep")));
    tree.incomplete = true;
    tree
}

type Listing = Result<Vec<Value>, crate::CloudError>;

/// The units and the accounts directly under the last unit of a path.
async fn look(ask: &impl Ask, region: &str, path: &[OrganizationalUnit]) -> (Listing, Listing) {
    let input = json!({"ParentId": path.last().map(|unit| unit.id.as_str())});
    join(
        list_all(ask, &LIST_UNITS, region, input.clone(), "OrganizationalUnits"),
        list_all(ask, &LIST_ACCOUNTS_FOR_PARENT, region, input, "Accounts"),
    )
    .await
}

/// The paths of the units that were listed under `path`.
fn children(path: &[OrganizationalUnit], units: &[Value]) -> Vec<Path> {
    let unit = |unit: &Value| Some(OrganizationalUnit { id: text(unit, "Id")?, name: text(unit, "Name") });
    units.iter().filter_map(unit).map(|unit| [path, &[unit]].concat()).collect()
}

/// The path that Organizations wrote into the account itself: `o-…/r-…/ou-…/123456789012/`. It holds ids only.
fn written(listed: &Listed, names: &BTreeMap<String, String>) -> Option<Path> {
    let mut steps = listed.written_path.as_deref()?.trim_end_matches('/').split('/');
    let organization = steps.next()?;
    let mut steps: Vec<&str> = steps.collect();
    if steps.last() == Some(&listed.account.id.as_str()) {
        steps.pop();
    }
    let (root, units) = steps.split_first()?;
    let well_formed =
        organization.starts_with("o-") && root.starts_with("r-") && units.iter().all(|unit| unit.starts_with("ou-"));
    let unit = |id: &&str| OrganizationalUnit { id: (*id).to_owned(), name: names.get(*id).cloned() };
    well_formed.then(|| steps.iter().map(unit).collect())
}
