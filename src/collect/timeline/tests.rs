//! Timelines from looks and changes. Times in hours unless said otherwise.

use super::*;

const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";

fn trail(logging: bool, started: i64, stopped: Option<i64>, recording: &Recording) -> TrailLook {
    TrailLook {
        arn: ARN.to_owned(),
        logging: Some(logging),
        started: Some(started * 3600),
        stopped: stopped.map(|hour| hour * 3600),
        recording: Some(recording.clone().into()),
        validating: Some(true),
    }
}

fn writes() -> Recording {
    Recording { writes: Recorded::All, ..Recording::default() }
}

fn unknown() -> Recording {
    Recording { reads: Recorded::Unknown, writes: Recorded::Unknown, ..Recording::default() }
}

/// Looks at these hours.
fn looks(all: &[(i64, &[TrailLook])]) -> Vec<Look> {
    let mut looks = Vec::new();
    all.iter().for_each(|(hour, trails)| add(&mut looks, trails.to_vec(), hour * 3600));
    looks
}

/// A change so many seconds into an hour, seen by a look later.
fn change(kind: ChangeKind, hour: i64, seconds: i64, looked: i64) -> Change {
    Change {
        time: hour * 3600 + seconds,
        looked: looked * 3600,
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        trail: "main".to_owned(),
        kind,
    }
}

fn by_looks(all: &[(i64, &[TrailLook])]) -> Vec<Entry> {
    recorded(&looks(all), &[])
}

#[test]
fn a_trail_covers_from_when_it_began_to_log() {
    let all = Recording::management();
    let on = trail(true, 10, None, &all);
    assert_eq!(by_looks(&[(100, std::slice::from_ref(&on)), (124, std::slice::from_ref(&on))]), [(10, Some(all.clone()))]);
    assert_eq!(by_looks(&[(100, &[trail(false, 10, Some(20), &all)])]), []);
}

#[test]
fn a_stop_and_a_restart_leave_a_hole() {
    let all = Recording::management();
    let (on, off) = (trail(true, 10, None, &all), trail(false, 10, Some(110), &all));
    let again = trail(true, 130, Some(110), &all);
    let hole = [(10, Some(all.clone())), (110, None), (130, Some(all.clone()))];
    assert_eq!(by_looks(&[(100, std::slice::from_ref(&on)), (124, std::slice::from_ref(&off))]), hole[..2]);
    assert_eq!(by_looks(&[(100, std::slice::from_ref(&on)), (124, &[off]), (148, &[again])]), hole);
    let unseen = by_looks(&[(100, &[on]), (124, &[trail(true, 115, Some(110), &all)])]);
    assert_eq!(unseen, [(10, Some(all.clone())), (110, None), (115, Some(all))]);
}

#[test]
fn between_two_looks_counts_what_both_agree_on() {
    let all = Recording::management();
    let (wide, narrow) = ([trail(true, 10, None, &all)], [trail(true, 10, None, &writes())]);
    let narrowed = by_looks(&[(100, &wide), (124, &narrow)]);
    assert_eq!(narrowed, [(10, Some(all.clone())), (100, Some(writes()))]);
    let widened = by_looks(&[(100, &wide), (124, &narrow), (148, &wide)]);
    assert_eq!(widened, [(10, Some(all.clone())), (100, Some(writes())), (149, Some(all))]);
}

#[test]
fn two_trails_record_what_either_does() {
    let reads = Recording { reads: Recorded::All, ..Recording::default() };
    let two = [trail(true, 10, None, &writes()), TrailLook { arn: "other".to_owned(), ..trail(true, 12, None, &reads) }];
    assert_eq!(by_looks(&[(100, &two)]), [(12, Some(Recording::management()))]);
}

#[test]
fn the_time_of_a_change_splits_the_interval() {
    let all = Recording::management();
    let (wide, narrow) = ([trail(true, 10, None, &all)], [trail(true, 10, None, &writes())]);
    let looks = looks(&[(100, &wide), (124, &narrow), (148, &wide)]);
    let changes = [change(ChangeKind::Settings, 110, 60, 124), change(ChangeKind::Settings, 140, 60, 148)];
    // The hour of a change has what was recorded before and after it.
    let expected = [(10, Some(all.clone())), (110, Some(writes())), (141, Some(all.clone()))];
    assert_eq!(recorded(&looks, &changes), expected);
    let half = [(10, Some(all.clone())), (110, Some(writes())), (149, Some(all))];
    assert_eq!(recorded(&looks, &changes[..1]), half, "where the logs do not say it, the caution stays");
}

#[test]
fn a_gap_between_two_looks_that_agree_is_found_from_the_logs() {
    let all = Recording::management();
    let on = [trail(true, 10, None, &all)];
    let stop = change(ChangeKind::Stopped, 105, 600, 124);
    let start = change(ChangeKind::Started, 109, 600, 124);
    let expected = [(10, Some(all.clone())), (105, None), (110, Some(all.clone()))];
    for hours in [&[100, 124][..], &[100, 124, 148], &[90, 100, 124, 148, 172], &[124]] {
        let all: Vec<(i64, &[TrailLook])> = hours.iter().map(|hour| (*hour, &on[..])).collect();
        assert_eq!(recorded(&looks(&all), &[stop.clone(), start.clone()]), expected, "{hours:?}");
    }
    // A stop without a start is not what the look found: nothing counts from then on until it was found so.
    let half = recorded(&looks(&[(100, &on), (124, &on)]), &[stop]);
    assert_eq!(half, [(10, Some(all)), (105, None)]);
}

#[test]
fn a_stop_that_one_look_found_has_the_time_of_its_event() {
    let all = Recording::management();
    let bare = |logging| TrailLook { stopped: None, started: Some(36_000), ..trail(logging, 10, None, &all) };
    let looks = looks(&[(100, &[bare(true)]), (124, &[bare(false)]), (148, &[bare(true)])]);
    assert_eq!(recorded(&looks, &[]), [(10, Some(all.clone())), (100, None), (149, Some(all.clone()))]);
    let changes = [change(ChangeKind::Stopped, 110, 0, 124), change(ChangeKind::Started, 130, 60, 148)];
    assert_eq!(recorded(&looks, &changes), [(10, Some(all.clone())), (110, None), (131, Some(all))]);
}

#[test]
fn of_two_changes_at_once_what_was_between_them_is_not_known() {
    let all = Recording::management();
    let wide = [trail(true, 10, None, &all)];
    let changes = [change(ChangeKind::Settings, 105, 60, 124), change(ChangeKind::Settings, 109, 60, 124)];
    let expected = [(10, Some(all.clone())), (105, Some(unknown())), (110, Some(all.clone()))];
    assert_eq!(recorded(&looks(&[(100, &wide), (124, &wide)]), &changes), expected);
    // Looked at in between, each is a change by itself.
    let apart = [change(ChangeKind::Settings, 105, 60, 106), change(ChangeKind::Settings, 209, 60, 210)];
    let often: Vec<(i64, &[TrailLook])> = (100..300).map(|hour| (hour, &wide[..])).collect();
    assert_eq!(recorded(&looks(&often), &apart), [(10, Some(all))]);
}

#[test]
fn before_the_first_look_nobody_knows_what_a_change_changed() {
    let all = Recording::management();
    let wide = [trail(true, 10, None, &all)];
    let timeline = recorded(&looks(&[(100, &wide)]), &[change(ChangeKind::Settings, 50, 60, 100)]);
    assert_eq!(timeline, [(10, Some(unknown())), (51, Some(all))]);
}

#[test]
fn while_one_of_two_trails_is_stopped_the_other_records() {
    let all = Recording::management();
    let other = "arn:aws:cloudtrail:us-east-1:111122223333:trail/other";
    let two = [trail(true, 10, None, &all), TrailLook { arn: other.to_owned(), ..trail(true, 10, None, &writes()) }];
    let changes = [change(ChangeKind::Stopped, 105, 60, 124), change(ChangeKind::Started, 109, 60, 124)];
    let timeline = recorded(&looks(&[(100, &two), (124, &two)]), &changes);
    assert_eq!(timeline, [(10, Some(all.clone())), (105, Some(writes())), (110, Some(all))]);
}

#[test]
fn a_change_is_about_the_trail_that_it_names() {
    let about = |trail: &str, region: &str, arn: &str| {
        let change = change(ChangeKind::Stopped, 1, 0, 2);
        Change { trail: trail.to_owned(), region: region.to_owned(), ..change }.concerns(arn)
    };
    assert!(about("main", "eu-west-1", ARN) && about(ARN, "us-east-1", ARN) && about("", "us-east-1", ARN));
    assert!(!about("main", "us-east-1", ARN) && !about("other", "eu-west-1", ARN) && !about("main", "eu-west-1", ""));
    assert!(!about("", "eu-west-1", &ARN.replace("111122223333", "444455556666")));
}
