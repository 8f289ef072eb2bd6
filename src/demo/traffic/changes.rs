//! Ordinary changes that somebody should look at: permissions, security groups, routes, bucket policies, refused calls.
//!
//! They follow the calendar and not the amount of traffic, so that a busier organisation does not have more to review.
//! None of them opens anything to the world.

use crate::demo::calendar::{Place, october};
use crate::demo::calls::{Maker, access, compute, network, oversight, storage};
use crate::demo::cast::{Cast, Person, find};
use crate::demo::estate::{MEMBERS, Member, Region, WORKLOADS};
use crate::demo::json::{Json, object};
use crate::demo::record::Failure;
use crate::demo::session::Session;
use crate::demo::stage::Stage;
use crate::demo::traffic::machines::ci_session;

/// The month's ordinary changes. `share` is how many of them happen, in thousandths.
pub(crate) fn plan(stage: &mut Stage<'_>, cast: &mut Cast, share: u64) {
    for day in 1..=30 {
        for member in WORKLOADS {
            let often = if member.env() == "dev" { 2 } else { 1 };
            let mut happens = |per_mille: u64| stage.random.chance(per_mille * often * share / 1000);
            let (permissions, groups, buckets) = (happens(180), happens(160), happens(90));
            let (lists, routes) = (happens(25), happens(35));
            let person = owner(member);
            if is_quiet(person.place, day) {
                continue;
            }
            if permissions {
                change_permissions(stage, cast, member, day);
            }
            if groups {
                change_groups(stage, cast, member, day);
            }
            if buckets {
                change_bucket(stage, cast, member, day);
            }
            if lists {
                change_access_list(stage, cast, member, day);
            }
            if routes {
                change_route(stage, cast, member, day);
            }
        }
        for member in MEMBERS {
            if stage.random.chance(420 * share / 1000) && !is_quiet(owner(member).place, day) {
                refused(stage, cast, member, day);
            }
        }
        if stage.random.chance(share) {
            appointed(stage, cast, day);
        }
    }
}

/// Who changes things in an account by hand.
fn owner(member: Member) -> &'static Person {
    find(match member {
        Member::Management | Member::LogArchive => "watanabe.ren",
        Member::WebDev => "suzuki.kenta",
        Member::DataDev => "sophie.martin",
        Member::WebProd => "yamamoto.daiki",
        Member::DataProd => "lukas.schmidt",
    })
}

fn is_quiet(place: Place, day: i64) -> bool {
    // Three in the morning UTC is noon in Tokyo; ten is morning in Dublin.
    place.busy(october(day, if place == Place::Tokyo { 3 } else { 10 }, 0)) < 100
}

/// The owner of an account sits down at some minute of their working day, and looks before they touch.
fn sit_down(stage: &mut Stage<'_>, cast: &mut Cast, member: Member, day: i64) -> (Session, Region) {
    let person = owner(member);
    let hour = if person.place == Place::Tokyo { 1 } else { 8 };
    stage.now = october(day, hour, 0) + stage.random.between(0, 7 * 3600);
    let session = cast.sign_in(stage, person, member);
    let region = person.region();
    stage.sample(&session, region, &[access::get_caller_identity], 1);
    stage.wait(10, 90);
    (session, region)
}

fn change_permissions(stage: &mut Stage<'_>, cast: &mut Cast, member: Member, day: i64) {
    let region = owner(member).region();
    stage.now = october(day, 2, 0) + stage.random.between(0, 6 * 3600);
    let session = ci_session(stage, cast, member, region, "github-actions-deploy");
    let site = stage.site(member, region);
    stage.sample(&session, region, &[access::get_role, access::list_attached_role_policies], 3);
    let call = match stage.random.below(3) {
        0 => access::put_role_policy(site),
        1 => access::create_policy_version(site, stage.now, stage.random),
        _ => access::attach_role_policy(site, "AmazonSSMManagedInstanceCore"),
    };
    stage.call(&session, region, &call);
    stage.sample(&session, region, &[access::get_role, access::list_attached_role_policies], 2);
}

fn change_groups(stage: &mut Stage<'_>, cast: &mut Cast, member: Member, day: i64) {
    let (session, region) = sit_down(stage, cast, member, day);
    let site = stage.site(member, region);
    stage.sample(&session, region, &[network::describe_security_groups, network::describe_security_group_rules], 4);
    let inside = format!("{}.0.0/16", member.network());
    let (group, port, from, why) = *stage.random.pick(&[
        (1, 8443, inside.as_str(), "社内の管理画面"),
        (2, 5432, inside.as_str(), "batch workers"),
        (1, 22, "203.0.113.10/32", "東京オフィスから"),
        (0, 443, "0.0.0.0/0", "public HTTPS"),
    ]);
    let rule = network::Rule { group: &site.security_groups[group], port, from, why };
    let call = rule.authorize(site, stage.random);
    stage.call(&session, region, &call);
    if stage.random.chance(400) {
        stage.wait(120, 3000);
        stage.call(&session, region, &rule.revoke());
    }
    stage.sample(&session, region, &[network::describe_security_group_rules], 1);
}

fn change_bucket(stage: &mut Stage<'_>, cast: &mut Cast, member: Member, day: i64) {
    let (session, region) = sit_down(stage, cast, member, day);
    let site = stage.site(member, region);
    let bucket = site.bucket("uploads");
    stage.sample(&session, region, &[storage::read_bucket], 3);
    let call = match stage.random.below(3) {
        0 => storage::put_bucket_lifecycle(site, &bucket, 90, stage.random),
        1 => storage::put_public_access_block(site, &bucket, true, stage.random),
        _ => {
            let reader = format!("arn:aws:iam::{}:role/{}-task", member.id(), site.service());
            storage::put_bucket_policy(site, &bucket, object! {"AWS": reader}, stage.random)
        }
    };
    stage.call(&session, region, &call);
    stage.sample(&session, region, &[storage::read_bucket], 2);
}

fn change_access_list(stage: &mut Stage<'_>, cast: &mut Cast, member: Member, day: i64) {
    let (session, region) = sit_down(stage, cast, member, day);
    let site = stage.site(member, region);
    stage.sample(&session, region, &[network::describe_network_acls], 2);
    let number = stage.random.between(110, 190);
    stage.call(&session, region, &network::delete_network_acl_entry(site, number));
    stage.call(&session, region, &network::create_network_acl_entry(site, number, "198.51.100.0/24", "deny"));
}

fn change_route(stage: &mut Stage<'_>, cast: &mut Cast, member: Member, day: i64) {
    let (session, region) = sit_down(stage, cast, member, day);
    let site = stage.site(member, region);
    stage.sample(&session, region, &[network::describe_route_tables], 2);
    let call = network::change_route(site, "CreateRoute", "10.40.0.0/16", &site.transit_gateway);
    stage.call(&session, region, &call);
    stage.sample(&session, region, &[network::describe_route_tables], 1);
}

/// Somebody, or something, tries what it has no permission for, and gives up.
fn refused(stage: &mut Stage<'_>, cast: &mut Cast, member: Member, day: i64) {
    const TRIED: [Maker; 5] =
        [access::get_secret_value, access::list_users, access::decrypt, compute::get_function, oversight::get_cost];
    let (session, region) = if stage.random.chance(500) {
        let (mut session, region) = sit_down(stage, cast, member, day);
        session.agent = crate::demo::cast::COMMAND_LINE.to_owned();
        (session, region)
    } else {
        stage.now = october(day, 0, 0) + stage.random.between(0, 85_000);
        let region = owner(member).region();
        let session = ci_session(stage, cast, member, region, "terraform-plan");
        (session, region)
    };
    let site = stage.site(member, region);
    for _ in 0..stage.random.between(1, 3) {
        let make = *stage.random.pick(&TRIED);
        let call = make(site, stage.random);
        let resource = call.resources.first().map_or_else(|| "*".to_owned(), |resource| resource.2.clone());
        stage.denied(&session, region, &call, &resource);
        stage.wait(2, 30);
    }
    stage.sample(&session, region, &[access::get_caller_identity], 1);
}

/// What has its day: an organisation's policy, a sandbox network, a key that is tried out, a mistyped password.
fn appointed(stage: &mut Stage<'_>, cast: &mut Cast, day: i64) {
    match day {
        6 | 20 => organisation_policy(stage, cast, day),
        8 => delivery_channel(stage, cast, day),
        9 | 23 => mistyped_password(stage, cast, day),
        14 => sandbox(stage, cast, day),
        21 => key_drill(stage, cast, day),
        29 => padded_rules(stage, cast, day),
        _ => {}
    }
}

fn organisation_policy(stage: &mut Stage<'_>, cast: &mut Cast, day: i64) {
    let (session, region) = sit_down(stage, cast, Member::Management, day);
    stage.sample(&session, region, &[oversight::describe_organization, oversight::list_accounts], 4);
    stage.call(&session, region, &oversight::update_control_policy());
    let call = oversight::attach_control_policy(Member::DataDev.id());
    stage.call(&session, region, &call);
}

fn delivery_channel(stage: &mut Stage<'_>, cast: &mut Cast, day: i64) {
    let (session, region) = sit_down(stage, cast, Member::WebProd, day);
    let site = stage.site(Member::WebProd, region);
    stage.sample(&session, region, &[oversight::describe_recorder_status], 2);
    stage.call(&session, region, &oversight::put_delivery_channel(site));
    stage.call(&session, region, &oversight::put_recorder(site));
}

/// The old transfer user's owner signs in, with a second factor, at the second try.
fn mistyped_password(stage: &mut Stage<'_>, cast: &mut Cast, day: i64) {
    stage.now = october(day, 1, 20) + stage.random.between(0, 3600);
    let mut user = cast.user(Member::WebProd, "legacy-sftp-sync").from("203.0.113.10", find("sato.haruka").browser());
    user.key = String::new();
    failed_login(stage, &user);
    stage.wait(8, 30);
    stage.call(&user, Region::Virginia, &access::console_login(true, true));
}

/// A console sign-in with a wrong password.
pub(crate) fn failed_login(stage: &mut Stage<'_>, user: &Session) {
    let failure = Failure { code: "", message: "Failed authentication".to_owned() };
    stage.fail(user, Region::Virginia, &access::console_login(false, false), &failure);
}

fn sandbox(stage: &mut Stage<'_>, cast: &mut Cast, day: i64) {
    let (session, region) = sit_down(stage, cast, Member::DataDev, day);
    let vpc = stage.random.resource_id("vpc");
    let call = network::create_vpc(&vpc, "10.99.0.0/16");
    stage.call(&session, region, &call);
    stage.call(&session, region, &compute::create_tags(&vpc, "用途", "検証用サンドボックス"));
    stage.sample(&session, region, &[network::describe_vpcs, network::describe_subnets], 4);
    stage.wait(1800, 9000);
    stage.call(&session, region, &network::delete_vpc(&vpc));
}

fn key_drill(stage: &mut Stage<'_>, cast: &mut Cast, day: i64) {
    let (session, region) = sit_down(stage, cast, Member::DataDev, day);
    let site = stage.site(Member::DataDev, region);
    stage.sample(&session, region, &[access::describe_key], 1);
    stage.call(&session, region, &access::switch_key(site, "DisableKey"));
    stage.wait(600, 1800);
    stage.call(&session, region, &access::switch_key(site, "EnableKey"));
}

/// A change with so many rules that CloudTrail leaves its parameters out: nobody can tell what it opened.
fn padded_rules(stage: &mut Stage<'_>, cast: &mut Cast, day: i64) {
    let region = Region::Tokyo;
    stage.now = october(day, 4, 10) + stage.random.between(0, 1800);
    let session = ci_session(stage, cast, Member::WebProd, region, "github-actions-deploy");
    let site = stage.site(Member::WebProd, region);
    stage.sample(&session, region, &[network::describe_security_groups, network::describe_security_group_rules], 3);
    let rule = network::Rule { group: &site.security_groups[0], port: 443, from: "203.0.113.0/24", why: "" };
    let call = rule
        .authorize(site, stage.random)
        .request(object! {"omitted": true, "originalSize": 131_402, "reason": "requestParameters too large"})
        .response(Json::Null);
    stage.call(&session, region, &call);
}
