//! Eyes closed: trails stopped or narrowed, the recorder switched off, a key to be destroyed, an account that wants out.

use super::Script;
use crate::demo::DENIED;
use crate::demo::calendar::october;
use crate::demo::calls::{access, oversight, storage};
use crate::demo::cast::{BOTO, find};
use crate::demo::estate::{Member, Region};
use crate::demo::record::Failure;
use crate::demo::session::{Session, Who};

/// A trail in production is stopped for forty minutes while its bucket is moved.
pub(super) fn stopped_trail(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::DataProd, Region::Oregon);
    script.stage.now = october(15, 22, 5) + script.stage.random.between(0, 600);
    let session = script.cast.sign_in(&mut script.stage, find("noah.patel"), member);
    let site = script.stage.site(member, region);
    script.stage.sample(&session, region, &[oversight::describe_trails, oversight::get_trail_status], 4);
    let title = "A trail in production is stopped for forty minutes";
    let call = oversight::switch_trail(site, "StopLogging");
    script.strike(&session, region, &call, (title, "trail-stopped-or-narrowed"));
    let stopped = script.stage.now;
    script.stage.sample(&session, region, &[storage::list_buckets, storage::read_bucket], 8);
    script.stage.wait(2340, 2400);
    script.stage.call(&session, region, &oversight::switch_trail(site, "StartLogging"));
    script.stopped = Some((member, region, stopped, script.stage.now));
    script.stage.sample(&session, region, &[oversight::get_trail_status], 2);
}

/// To save money, a trail in production records writes only.
pub(super) fn narrowed_trail(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::WebProd, Region::Tokyo);
    script.stage.now = october(23, 6, 12) + script.stage.random.between(0, 900);
    let session = script.cast.sign_in(&mut script.stage, find("yamamoto.daiki"), member);
    let site = script.stage.site(member, region);
    script.stage.sample(&session, region, &[oversight::describe_trails, oversight::get_event_selectors], 4);
    let call = oversight::put_event_selectors(site, "WriteOnly", true);
    let title = "A trail in production no longer records reads";
    script.strike(&session, region, &call, (title, "trail-stopped-or-narrowed"));
    script.stage.sample(&session, region, &[oversight::get_event_selectors], 1);
}

/// A key is scheduled for deletion and saved five hours later.
pub(super) fn key_to_be_deleted(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::DataDev, Region::Ireland);
    script.stage.now = october(22, 9, 33) + script.stage.random.between(0, 900);
    let session = script.cast.sign_in(&mut script.stage, find("sophie.martin"), member);
    let site = script.stage.site(member, region);
    script.stage.sample(&session, region, &[access::describe_key], 3);
    let call = access::schedule_key_deletion(site, script.stage.now);
    let title = "The key of the data is scheduled for deletion";
    script.strike(&session, region, &call, (title, "kms-key-disabled-or-scheduled-for-deletion"));
    script.stage.wait(5 * 3600, 5 * 3600 + 900);
    script.stage.call(&session, region, &access::switch_key(site, "CancelKeyDeletion"));
    script.stage.call(&session, region, &access::switch_key(site, "EnableKey"));
}

/// The configuration recorder of a region is stopped and stays so for two days.
pub(super) fn stopped_recorder(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::DataDev, Region::Oregon);
    script.stage.now = october(26, 16, 20) + script.stage.random.between(0, 900);
    let session = from_the_unseen(script, member, region);
    script.stage.sample(&session, region, &[oversight::describe_recorder_status, oversight::get_cost], 4);
    let call = oversight::switch_recorder("StopConfigurationRecorder");
    let title = "The configuration recorder of a region is stopped for two days";
    script.strike(&session, region, &call, (title, "config-recorder-changed"));
    script.stage.now = october(28, 18, 2);
    let session = script.cast.sign_in(&mut script.stage, find("noah.patel"), member);
    script.stage.call(&session, region, &oversight::switch_recorder("StartConfigurationRecorder"));
}

/// A session of a role of `member`, taken from the account that nobody may look into. Who that was, only its own records say.
fn from_the_unseen(script: &mut Script<'_, '_>, member: Member, region: Region) -> Session {
    let (address, now) = ("198.51.100.77", script.stage.now);
    let session = script.cast.role(member, "kaigan-baseline", &access::stamped("lab", now), now, script.stage.random);
    let mut outside = Session::role(member, "", "").from(address, BOTO);
    let id = format!("{}:lab", script.cast.unique_id("AROA", Member::Management, DENIED.1));
    outside.who = Who::Stranger { id, account: DENIED.0.to_owned() };
    let call = access::assume_role(&session, now, script.stage.random).shared(&script.stage.random.uuid());
    script.stage.call_now(&outside, region, &call);
    session.from(address, BOTO)
}

/// An administrator of an account tries to leave the organisation, and is refused by its policy.
pub(super) fn account_tries_to_leave(script: &mut Script<'_, '_>) {
    let (member, region) = (Member::DataDev, Region::Ireland);
    script.stage.now = october(30, 10, 44) + script.stage.random.between(0, 900);
    let session = script.cast.sign_in(&mut script.stage, find("sophie.martin"), member);
    script.stage.sample(&session, region, &[oversight::describe_organization], 2);
    let call = oversight::leave_organization();
    let failure = Failure {
        code: "AccessDeniedException",
        message: format!(
            "User: {} is not authorized to perform: organizations:LeaveOrganization on resource: * with an explicit \
             deny in a service control policy",
            session.arn()
        ),
    };
    let id = script.stage.fail(&session, region, &call, &failure);
    let title = "An account tries to leave the organisation and is refused";
    script.note(&session, Region::Virginia, id, (title, "unauthorized-api-calls"));
    script.stage.sample(&session, region, &[oversight::describe_organization], 1);
}
