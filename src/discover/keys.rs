//! Asks CloudTrail for its public keys: once for each region that has evidence, in an account that answers there. They are
//! AWS's own and the same for every account.

use std::collections::BTreeMap;
use std::ops::Range;

use assize_cloud::public_key::{PublicKey, list_public_keys};
use assize_cloud::{CloudError, Sessions};
use assize_engine::coverage::Reason;
use futures::{StreamExt, stream};

use super::Trouble;
use super::accounts::Seen;
use crate::aws;
use crate::collect::meter::Requests;
use crate::collect::plan::Place;
use crate::config::Config;

/// Regions asked at once.
const REGIONS: usize = 8;
/// Accounts asked in a region before it is given up: roles may be of different ages.
const ACCOUNTS: usize = 3;

/// What CloudTrail said in one region.
pub(crate) struct Answered {
    /// The region.
    pub(crate) region: String,
    /// The account that was asked first, or whose evidence is there.
    pub(crate) account: String,
    /// The keys, or why there are none.
    pub(crate) keys: Result<Vec<PublicKey>, Refused>,
}

/// Why the keys of a region are not known.
pub(crate) struct Refused {
    /// As a reason, with what to do.
    pub(crate) trouble: Trouble,
    /// The error behind it, for advice.
    pub(crate) error: Option<CloudError>,
}

/// Asks for the keys that were valid at any time of `span`, seconds since 1970; regions in order of their names.
pub(crate) async fn ask(
    config: &Config,
    sessions: &Sessions,
    (places, seen): (&[Place], &[Seen]),
    span: Range<i64>,
    requests: &Requests,
) -> Vec<Answered> {
    let asking = stream::iter(regions(places)).map(|(region, owner)| {
        let accounts = answering(seen, region);
        let span = span.clone();
        async move {
            let keys = in_region(config, sessions, (region, &accounts), span, requests).await;
            let account = accounts.first().copied().unwrap_or(owner).to_owned();
            Answered { region: region.to_owned(), account, keys }
        }
    });
    asking.buffered(REGIONS).collect().await
}

/// The regions with evidence, each with an account that has some.
fn regions(places: &[Place]) -> BTreeMap<&str, &str> {
    let all = places.iter().flat_map(|place| place.regions.iter().map(|region| (region.as_str(), place.account.as_str())));
    all.collect()
}

/// Accounts that told their trails in a region, as many as are asked.
fn answering<'s>(seen: &'s [Seen], region: &str) -> Vec<&'s str> {
    let answers = |seen: &&Seen| {
        seen.trouble.is_none()
            && seen.regions.iter().any(|enabled| enabled == region)
            && !seen.region_trouble.contains_key(region)
    };
    seen.iter().filter(answers).map(|seen| seen.account.as_str()).take(ACCOUNTS).collect()
}

async fn in_region(
    config: &Config,
    sessions: &Sessions,
    (region, accounts): (&str, &[&str]),
    span: Range<i64>,
    requests: &Requests,
) -> Result<Vec<PublicKey>, Refused> {
    let mut first = None;
    for account in accounts {
        requests.api(1);
        match list_public_keys(&aws::account_session(sessions, config, account), region, span.clone()).await {
            Ok(keys) => return Ok(keys),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(match first {
        Some(error) => {
            Refused { trouble: Trouble { reason: aws::reason(&error), message: error.to_string() }, error: Some(error) }
        }
        None => {
            let message = format!("no account in scope can be asked in {region}: none that has it enabled told its trails there");
            Refused { trouble: Trouble { reason: Reason::Unreachable, message }, error: None }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(account: &str, regions: &[&str]) -> Seen {
        Seen {
            account: account.to_owned(),
            assumed: true,
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
            disabled: Vec::new(),
            trails: Vec::new(),
            trouble: None,
            region_trouble: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    #[test]
    fn who_did_not_answer_in_a_region_is_not_asked_there_again() {
        let trouble = Trouble { reason: Reason::Denied, message: "no".to_owned() };
        let mut denied = seen("111111111111", &["eu-west-1", "us-east-1"]);
        denied.region_trouble.insert("eu-west-1".to_owned(), trouble.clone());
        let mut closed = seen("222222222222", &["eu-west-1"]);
        closed.trouble = Some(trouble);
        let others = ["3", "4", "5", "6"].map(|number| seen(&number.repeat(12), &["eu-west-1"]));
        let all: Vec<Seen> = [denied, closed].into_iter().chain(others).collect();
        assert_eq!(answering(&all, "eu-west-1"), ["333333333333", "444444444444", "555555555555"]);
        assert_eq!(answering(&all, "us-east-1"), ["111111111111"]);
        assert_eq!(answering(&all, "eu-south-1"), [""; 0]);
    }
}
