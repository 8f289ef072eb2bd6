//! Organisations over scripted answers: what emulators do not give.

use serde_json::{Value, json};

use super::*;
use crate::ask::script::{Script, denied, service_error};

const MANAGEMENT: &str = "111111111111";

fn about() -> Value {
    json!({"Organization": {
        "Id": "o-exampleorg1", "Arn": "arn:aws:organizations::111111111111:organization/o-exampleorg1",
        "FeatureSet": "ALL", "MasterAccountId": MANAGEMENT,
        "MasterAccountArn": "arn:aws:organizations::111111111111:account/o-exampleorg1/111111111111",
        "MasterAccountEmail": "root@example.invalid"
    }})
}

fn account(id: &str, state: &str) -> Value {
    json!({"Id": id, "Name": format!("name of {id}"), "Email": format!("{id}@example.invalid"), "State": state,
           "JoinedTimestamp": 1_700_000_000.5})
}

/// Root with accounts 111 and 222; units `prod` (333) and, under it, `eu` (444).
fn organization() -> Script {
    Script::default()
        .on("DescribeOrganization", json!({}), about())
        .on(
            "ListAccounts",
            json!({"NextToken": null}),
            json!({"NextToken": "t", "Accounts": [
            account("222222222222", "ACTIVE"), account(MANAGEMENT, "ACTIVE")]}),
        )
        .on(
            "ListAccounts",
            json!({"NextToken": "t"}),
            json!({"Accounts": [
            account("444444444444", "SUSPENDED"), account("333333333333", "ACTIVE")]}),
        )
}

fn tree(script: Script) -> Script {
    let units = "ListOrganizationalUnitsForParent";
    script
        .on("ListRoots", json!({}), json!({"Roots": [{"Id": "r-exam", "Name": "Root"}]}))
        .on(units, json!({"ParentId": "r-exam"}), json!({"OrganizationalUnits": [{"Id": "ou-exam-prod", "Name": "prod"}]}))
        .on(units, json!({"ParentId": "ou-exam-prod"}), json!({"OrganizationalUnits": [{"Id": "ou-exam-eu", "Name": "eu"}]}))
        .on(units, json!({"ParentId": "ou-exam-eu"}), json!({"OrganizationalUnits": []}))
        .on(
            "ListAccountsForParent",
            json!({"ParentId": "r-exam"}),
            json!({"Accounts": [
            account(MANAGEMENT, "ACTIVE"), account("222222222222", "ACTIVE")]}),
        )
        .on(
            "ListAccountsForParent",
            json!({"ParentId": "ou-exam-prod"}),
            json!({"Accounts": [account("333333333333", "ACTIVE")]}),
        )
        .on("ListAccountsForParent", json!({"ParentId": "ou-exam-eu"}), json!({"Accounts": [account("444444444444", "ACTIVE")]}))
}

fn options(tags: bool) -> OrganizationOptions {
    OrganizationOptions { region: "eu-central-1".to_owned(), tags }
}

async fn member(script: &Script, tags: bool) -> Organization {
    match read(script, &options(tags)).await.unwrap() {
        Membership::Member(organization) => organization,
        Membership::Standalone => panic!("it is in an organisation"),
    }
}

fn path(account: &Account) -> Option<String> {
    let step = |unit: &OrganizationalUnit| unit.name.clone().unwrap_or_else(|| unit.id.clone());
    account.path.as_ref().map(|path| path.iter().map(step).collect::<Vec<_>>().join("/"))
}

#[tokio::test]
async fn accounts_have_states_and_paths() {
    let organization = member(&tree(organization()), false).await;
    assert_eq!((organization.id.as_str(), organization.management_account.as_str()), ("o-exampleorg1", MANAGEMENT));
    assert!(organization.gaps.is_empty(), "{:?}", organization.gaps);
    let accounts = organization.accounts.unwrap();
    let seen: Vec<_> = accounts.iter().map(|a| (a.id.as_str(), path(a).unwrap(), a.state.active())).collect();
    assert_eq!(
        seen,
        [
            ("111111111111", "Root".to_owned(), true),
            ("222222222222", "Root".to_owned(), true),
            ("333333333333", "Root/prod".to_owned(), true),
            ("444444444444", "Root/prod/eu".to_owned(), false),
        ]
    );
    assert_eq!(accounts[0].joined, Some(1_700_000_000));
    assert_eq!(accounts[0].tags, None);
}

#[tokio::test]
async fn addresses_are_not_kept() {
    let organization = member(&tree(organization()), false).await;
    assert!(!serde_json::to_string(&organization).unwrap().contains('@'));
}

#[tokio::test]
async fn what_is_stored_is_read_back() {
    let membership = read(&tree(organization()), &options(false)).await.unwrap();
    let stored = serde_json::to_string(&membership).unwrap();
    assert_eq!(serde_json::from_str::<Membership>(&stored).unwrap(), membership);
}

#[test]
fn state_goes_before_the_retired_status() {
    for (account, expected) in [
        (json!({"Id": "1", "State": "CLOSED", "Status": "SUSPENDED"}), AccountState::Closed),
        (json!({"Id": "1", "State": "PENDING_ACTIVATION"}), AccountState::PendingActivation),
        (json!({"Id": "1", "Status": "PENDING_CLOSURE"}), AccountState::PendingClosure),
        (json!({"Id": "1", "Status": "SUSPENDED"}), AccountState::Suspended),
        (json!({"Id": "1", "State": "ACTIVE"}), AccountState::Active),
        (json!({"Id": "1", "State": "HIBERNATING"}), AccountState::Other("HIBERNATING".to_owned())),
        (json!({"Id": "1"}), AccountState::Other(String::new())),
    ] {
        assert_eq!(read_account(&account).unwrap().account.state, expected, "{account}");
    }
    assert!(read_account(&json!({"Name": "nobody"})).is_none());
}

#[tokio::test]
async fn an_account_alone_is_no_error() {
    let error = service_error("DescribeOrganization", "AWSOrganizationsNotInUseException");
    let script = Script::default().fail("DescribeOrganization", json!({}), error);
    assert_eq!(read(&script, &options(true)).await.unwrap(), Membership::Standalone);
}

#[tokio::test]
async fn a_member_that_may_not_list_says_so() {
    let script = Script::default().on("DescribeOrganization", json!({}), about()).deny("ListAccounts", json!({}));
    let organization = member(&script, true).await;
    assert_eq!(organization.accounts, None);
    assert_eq!(organization.gaps.len(), 1);
    assert_eq!(organization.gaps[0].what, "accounts");
    assert!(organization.gaps[0].message.contains("delegated administrator"), "{}", organization.gaps[0].message);
}

#[tokio::test]
async fn a_list_without_the_management_account_is_not_believed() {
    for accounts in [json!([]), json!([account("222222222222", "ACTIVE")])] {
        let script = Script::default().on("DescribeOrganization", json!({}), about()).on(
            "ListAccounts",
            json!({}),
            json!({"Accounts": accounts}),
        );
        let organization = member(&script, false).await;
        assert_eq!(organization.accounts, None);
        assert_eq!(organization.gaps[0].what, "accounts");
        assert!(organization.gaps[0].message.contains(MANAGEMENT), "{}", organization.gaps[0].message);
    }
}

#[tokio::test]
async fn what_else_goes_wrong_with_the_list_is_an_error() {
    let script = Script::default().on("DescribeOrganization", json!({}), about()).fail(
        "ListAccounts",
        json!({}),
        service_error("ListAccounts", "ServiceException"),
    );
    assert!(read(&script, &options(false)).await.is_err());
    let denied_outright = Script::default().deny("DescribeOrganization", json!({}));
    assert_eq!(read(&denied_outright, &options(false)).await.unwrap_err(), denied("DescribeOrganization"));
    let empty = Script::default().on("DescribeOrganization", json!({}), json!({}));
    assert!(matches!(read(&empty, &options(false)).await, Err(CloudError::Malformed { .. })));
}

#[tokio::test]
async fn a_tree_that_may_not_be_read_leaves_places_unknown() {
    let organization = member(&organization().deny("ListRoots", json!({})), false).await;
    assert_eq!(organization.gaps.len(), 1);
    assert_eq!(organization.gaps[0].what, "organisational units");
    assert!(organization.accounts.unwrap().iter().all(|account| account.path.is_none()));
}

#[tokio::test]
async fn a_unit_that_may_not_be_read_is_named_and_the_others_are_known() {
    let script = organization()
        .deny("ListOrganizationalUnitsForParent", json!({"ParentId": "ou-exam-prod"}))
        .deny("ListAccountsForParent", json!({"ParentId": "ou-exam-prod"}));
    let organization = member(&tree(script), false).await;
    let gaps: Vec<&str> = organization.gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(gaps, ["organisational units under ou-exam-prod", "accounts in ou-exam-prod"]);
    let places: Vec<Option<String>> = organization.accounts.unwrap().iter().map(path).collect();
    assert_eq!(places, [Some("Root".to_owned()), Some("Root".to_owned()), None, None]);
}

#[tokio::test]
async fn the_path_in_the_account_serves_where_the_tree_does_not() {
    let mut third = account("333333333333", "ACTIVE");
    third["Paths"] = json!(["o-exampleorg1/r-exam/ou-exam-prod/333333333333/"]);
    let mut fourth = account("444444444444", "ACTIVE");
    fourth["Paths"] = json!(["../../etc/444444444444/"]);
    let script = Script::default()
        .on("DescribeOrganization", json!({}), about())
        .on("ListAccounts", json!({}), json!({"Accounts": [account(MANAGEMENT, "ACTIVE"), third, fourth]}))
        .deny("ListRoots", json!({}));
    let accounts = member(&script, false).await.accounts.unwrap();
    assert_eq!(accounts.iter().map(path).collect::<Vec<_>>(), [None, Some("r-exam/ou-exam-prod".to_owned()), None]);
}

#[tokio::test]
async fn an_account_that_no_unit_lists_is_named() {
    let script = Script::default().on("DescribeOrganization", json!({}), about()).on(
        "ListAccounts",
        json!({}),
        json!({"Accounts": [account(MANAGEMENT, "ACTIVE"), account("555555555555", "ACTIVE")]}),
    );
    let organization = member(&tree(script), false).await;
    assert_eq!(organization.gaps.len(), 1);
    assert!(organization.gaps[0].message.contains("555555555555"), "{}", organization.gaps[0].message);
}

#[tokio::test]
async fn a_unit_that_contains_itself_ends() {
    let script = Script::default()
        .on("DescribeOrganization", json!({}), about())
        .on("ListAccounts", json!({}), json!({"Accounts": [account(MANAGEMENT, "ACTIVE")]}))
        .on("ListRoots", json!({}), json!({"Roots": [{"Id": "r-exam", "Name": "Root"}]}))
        .on("ListOrganizationalUnitsForParent", json!({}), json!({"OrganizationalUnits": [{"Id": "r-exam", "Name": "Root"}]}))
        .on("ListAccountsForParent", json!({}), json!({"Accounts": [account(MANAGEMENT, "ACTIVE")]}));
    let organization = member(&script, false).await;
    assert_eq!(path(&organization.accounts.unwrap()[0]), Some("Root".to_owned()));
    assert_eq!(script.count("ListAccountsForParent"), 1);
}

#[tokio::test]
async fn tags_are_read_when_asked_for() {
    let script = tree(organization())
        .on(
            "ListTagsForResource",
            json!({"ResourceId": MANAGEMENT, "NextToken": null}),
            json!({"Tags": [{"Key": "env", "Value": "prod"}], "NextToken": "more"}),
        )
        .on(
            "ListTagsForResource",
            json!({"ResourceId": MANAGEMENT, "NextToken": "more"}),
            json!({"Tags": [{"Key": "empty", "Value": ""}]}),
        )
        .on("ListTagsForResource", json!({}), json!({"Tags": []}));
    let accounts = member(&script, true).await.accounts.unwrap();
    let tags = accounts[0].tags.clone().unwrap();
    assert_eq!(
        tags.into_iter().collect::<Vec<_>>(),
        [("empty".to_owned(), String::new()), ("env".to_owned(), "prod".to_owned())]
    );
    assert_eq!(accounts[1].tags, Some(BTreeMap::new()));
}

#[tokio::test]
async fn denied_tags_are_one_gap_and_one_failed_account_is_its_own() {
    let organization_denied = member(&tree(organization()).deny("ListTagsForResource", json!({})), true).await;
    assert_eq!(organization_denied.gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), ["account tags"]);

    let script = tree(organization())
        .fail(
            "ListTagsForResource",
            json!({"ResourceId": "222222222222"}),
            service_error("ListTagsForResource", "ServiceException"),
        )
        .on("ListTagsForResource", json!({}), json!({"Tags": []}));
    let organization = member(&script, true).await;
    assert_eq!(organization.gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), ["tags of account 222222222222"]);
    let known: Vec<bool> = organization.accounts.unwrap().iter().map(|account| account.tags.is_some()).collect();
    assert_eq!(known, [true, false, true, true]);
}
