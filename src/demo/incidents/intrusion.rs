//! Strangers with credentials: a leaked key, a guessed password, an instance's role, and the root user.

use super::Script;
use crate::demo::calendar::october;
use crate::demo::calls::{Maker, access, compute, network, oversight, storage};
use crate::demo::cast::{BOTO, COMMAND_LINE, find};
use crate::demo::estate::{Member, Region};
use crate::demo::record::Insight;
use crate::demo::session::Session;
use crate::demo::traffic::failed_login;

/// What somebody tries who does not know what a key may do.
const PROBED: &[Maker] = &[
    access::list_users,
    access::list_roles,
    access::get_account_summary,
    access::get_secret_value,
    access::get_parameter,
    compute::list_functions,
    compute::describe_instances,
    compute::describe_snapshots,
    network::describe_security_groups,
    oversight::list_detectors,
    oversight::describe_trails,
    oversight::list_accounts,
    oversight::get_cost,
    storage::list_buckets,
    storage::describe_databases,
];

/// A developer's key, pushed to a public repository, is found: enumeration, then a user of their own.
pub(super) fn leaked_key(script: &mut Script<'_, '_>) {
    let start = october(7, 18, 12) + script.stage.random.between(0, 1200);
    script.stage.now = start - 5400;
    let honest = script.cast.user(Member::WebDev, "ci-legacy-uploader").from("203.0.113.10", BOTO);
    script.stage.sample(&honest, Region::Tokyo, &[storage::list_buckets, storage::read_bucket], 5);
    let thief = honest.clone().from(
        "198.51.100.77",
        "Boto3/1.34.12 md/Botocore#1.34.12 ua/2.0 os/linux#5.15.0 lang/python#3.10.12 <script>alert(1)</script>",
    );
    script.stage.now = start;
    script.stage.sample(&thief, Region::Virginia, &[access::get_caller_identity], 1);
    let mut first = None;
    for attempt in 0..44 {
        let region = if attempt % 3 == 2 { Region::Tokyo } else { Region::Virginia };
        let make = *script.stage.random.pick(PROBED);
        let call = make(script.stage.site(Member::WebDev, region), script.stage.random);
        let id = script.stage.denied(&thief, region, &call, "*");
        if first.is_none() {
            first = Some(());
            let title = "A leaked key is tried out from an unknown address";
            script.note(&thief, call.recorded_in(region), id, (title, "unauthorized-api-calls"));
        }
    }
    burst_insight(script, &thief, start);
    settle_in(script, &thief);
    clean_up(script);
}

fn burst_insight(script: &mut Script<'_, '_>, thief: &Session, start: i64) {
    let shared = script.stage.random.uuid();
    for (state, time) in [("Start", start + 60), ("End", start + 780)] {
        script.stage.insight(&Insight {
            time,
            member: Member::WebDev,
            region: Region::Virginia,
            shared: shared.clone(),
            state,
            source: "iam",
            name: "ListUsers",
            error: Some("AccessDenied"),
            averages: (2, 3400),
            arn: thief.arn(),
        });
    }
}

/// The thief finds what the key may do: make users.
fn settle_in(script: &mut Script<'_, '_>, thief: &Session) {
    let region = Region::Virginia;
    script.stage.wait(120, 400);
    let call = access::create_user(Member::WebDev, "support-sync", script.stage.now, script.stage.random);
    script.stage.call(thief, region, &call);
    let own = script.cast.user(Member::WebDev, "support-sync").from("198.51.100.77", COMMAND_LINE);
    let call = access::create_access_key("support-sync", &own.key, script.stage.now);
    script.stage.call(thief, region, &call);
    let call = access::user_policy("AttachUserPolicy", "support-sync", "AdministratorAccess");
    let title = "An intruder makes a user and gives it every permission";
    script.strike(thief, region, &call, (title, "iam-policy-changed"));
    script.stage.wait(30, 120);
    script.stage.sample(&own, region, &[access::get_caller_identity], 1);
    script.stage.sample(&own, Region::Tokyo, PROBED, 18);
}

/// Next morning somebody in Tokyo takes the keys away.
fn clean_up(script: &mut Script<'_, '_>) {
    script.stage.now = october(8, 0, 40);
    let rescuer = script.cast.user(Member::WebDev, "ci-legacy-uploader").key;
    let person = find("sato.haruka");
    let session = script.cast.sign_in(&mut script.stage, person, Member::WebDev);
    let region = Region::Tokyo;
    script.stage.sample(&session, region, &[oversight::lookup_events, access::list_users], 8);
    script.stage.call(&session, region, &access::list_access_keys("support-sync"));
    script.stage.call(&session, region, &access::disable_access_key("ci-legacy-uploader", &rescuer));
    script.stage.call(&session, region, &access::user_policy("DetachUserPolicy", "support-sync", "AdministratorAccess"));
    script.stage.call(&session, region, &access::delete_user("support-sync"));
}

/// On a Saturday somebody signs in as root, without a second factor, and then uses a key of root.
pub(super) fn root_at_the_weekend(script: &mut Script<'_, '_>) {
    script.stage.now = october(10, 4, 5) + script.stage.random.between(0, 900);
    let mut root = script.cast.user(Member::WebDev, "root").from("192.0.2.55", find("sato.haruka").browser());
    let key = root.key.clone();
    root.who = crate::demo::session::Who::Root;
    root.key = String::new();
    let call = access::console_login(false, true);
    let title = "The root user signs in to the console without a second factor";
    script.strike(&root, Region::Virginia, &call, (title, "console-login-without-mfa"));
    let mut browser = root.clone();
    browser.key = script.stage.random.unique_id("ASIA");
    browser.created = Some(script.stage.now);
    browser.console = true;
    script.stage.sample(&browser, Region::Virginia, &[access::get_account_summary, oversight::get_cost, access::list_users], 6);
    script.stage.wait(200, 600);
    root.key = key;
    root.agent = COMMAND_LINE.to_owned();
    let call = access::get_caller_identity(script.stage.site(Member::WebDev, Region::Virginia), script.stage.random);
    let title = "An access key of the root user is used";
    script.strike(&root, Region::Virginia, &call, (title, "root-user-used"));
    script.stage.sample(&root, Region::Tokyo, &[storage::list_buckets, storage::read_bucket, compute::describe_instances], 9);
}

/// Fourteen wrong passwords for an old user, then the right one, without a second factor.
pub(super) fn guessed_password(script: &mut Script<'_, '_>) {
    script.stage.now = october(12, 20, 31) + script.stage.random.between(0, 600);
    let mut user = script.cast.user(Member::WebProd, "backup-operator").from(
        "198.51.100.140",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/128.0.0.0 Safari/537.36",
    );
    user.key = String::new();
    for _ in 0..14 {
        failed_login(&mut script.stage, &user);
        script.stage.wait(4, 25);
    }
    let id = {
        let failure = crate::demo::record::Failure { code: "", message: "Failed authentication".to_owned() };
        script.stage.fail(&user, Region::Virginia, &access::console_login(false, false), &failure)
    };
    let title = "Many wrong passwords for one user from one address";
    script.note(&user, Region::Virginia, id, (title, "console-login-failed"));
    script.stage.wait(4, 25);
    let title = "The guessed password works, without a second factor";
    script.strike(&user, Region::Virginia, &access::console_login(false, true), (title, "console-login-without-mfa"));
    let mut browser = user.clone();
    browser.key = script.stage.random.unique_id("ASIA");
    browser.created = Some(script.stage.now);
    browser.console = true;
    script.stage.sample(
        &browser,
        Region::Tokyo,
        &[compute::describe_instances, storage::list_buckets, compute::describe_snapshots],
        7,
    );
    let call = access::get_secret_value(script.stage.site(Member::WebProd, Region::Tokyo), script.stage.random);
    script.stage.denied(&browser, Region::Tokyo, &call, "*");
}

/// The credentials of a production instance are used from outside; a snapshot goes to a stranger.
pub(super) fn stolen_instance_credentials(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::DataProd, Region::Ireland);
    script.stage.now = october(19, 2, 14) + script.stage.random.between(0, 900);
    let honest = script.cast.instance(&mut script.stage, member, region, 2);
    script.stage.sample(&honest, region, &[access::get_parameter, access::decrypt], 4);
    script.stage.wait(600, 1800);
    let thief = honest.from("198.51.100.203", COMMAND_LINE);
    script.stage.sample(&thief, region, &[access::get_caller_identity], 1);
    let site = script.stage.site(member, region);
    script.stage.sample(
        &thief,
        region,
        &[compute::describe_volumes, compute::describe_snapshots, storage::describe_databases],
        9,
    );
    let call = access::list_users(site, script.stage.random);
    script.stage.denied(&thief, region, &call, "*");
    let call = compute::create_snapshot(site, script.stage.random);
    script.stage.call(&thief, region, &call);
    script.stage.wait(200, 500);
    let title = "A snapshot of production data is shared with a foreign account";
    script.strike(&thief, region, &storage::share_snapshot(site, true), (title, "snapshot-or-image-shared"));
    script.stage.now = october(19, 9, 50);
    let session = script.cast.sign_in(&mut script.stage, find("lukas.schmidt"), member);
    script.stage.sample(&session, region, &[oversight::lookup_events, compute::describe_snapshots], 6);
    script.stage.call(&session, region, &storage::share_snapshot(site, false));
}
