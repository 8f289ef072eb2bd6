//! What went wrong in October 2026, hidden in the ordinary traffic, and the policy that should notice each.
//!
//! Each incident has somebody who does it, something before it and something after it. They are the same whatever the
//! amount of traffic.

mod exposure;
mod intrusion;
mod oversight;

use crate::demo::Incident;
use crate::demo::calendar::rfc3339;
use crate::demo::cast::Cast;
use crate::demo::estate::{Member, Region};
use crate::demo::record::Call;
use crate::demo::session::Session;
use crate::demo::stage::Stage;

/// What scripts of incidents work with.
#[derive(Debug)]
struct Script<'a, 'b> {
    stage: Stage<'a>,
    cast: &'b mut Cast,
    incidents: Vec<Incident>,
    /// A stop of logging: whose, where, from and until which second.
    stopped: Option<(Member, Region, i64, i64)>,
}

impl Script<'_, '_> {
    /// Makes a call that is the incident itself, and notes it.
    fn strike(&mut self, session: &Session, region: Region, call: &Call, what: (&'static str, &'static str)) {
        let id = self.stage.call(session, region, call);
        self.note(session, call.recorded_in(region), id, what);
    }

    /// Notes the record `event_id`, which was just made, as an incident: title and policy.
    fn note(&mut self, session: &Session, region: Region, event_id: String, what: (&'static str, &'static str)) {
        self.incidents.push(Incident {
            title: what.0,
            account: session.member.id().to_owned(),
            region: region.name().to_owned(),
            time: rfc3339(self.stage.now),
            policy: what.1,
            actor: session.arn(),
            event_id,
        });
    }
}

/// What was played.
#[derive(Debug)]
pub(crate) struct Played {
    /// By time.
    pub(crate) incidents: Vec<Incident>,
    /// The stop of logging: whose, where, from and until which second.
    pub(crate) stopped: Option<(Member, Region, i64, i64)>,
}

/// Plays all incidents on `stage`.
pub(crate) fn play(stage: Stage<'_>, cast: &mut Cast) -> Played {
    let mut script = Script { stage, cast, incidents: Vec::new(), stopped: None };
    intrusion::leaked_key(&mut script);
    intrusion::root_at_the_weekend(&mut script);
    intrusion::guessed_password(&mut script);
    intrusion::stolen_instance_credentials(&mut script);
    exposure::open_shell(&mut script);
    exposure::public_bucket(&mut script);
    exposure::public_image(&mut script);
    exposure::way_out_of_production(&mut script);
    oversight::stopped_trail(&mut script);
    oversight::narrowed_trail(&mut script);
    oversight::key_to_be_deleted(&mut script);
    oversight::stopped_recorder(&mut script);
    oversight::account_tries_to_leave(&mut script);
    let mut incidents = script.incidents;
    incidents.sort_by(|a, b| (&a.time, &a.event_id).cmp(&(&b.time, &b.event_id)));
    Played { incidents, stopped: script.stopped }
}
