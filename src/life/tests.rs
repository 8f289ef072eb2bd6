use std::sync::Arc;

use assize_engine::coverage::{Hours, Recording};
use assize_engine::decode::Place;
use assize_engine::identity::RecordDigest;
use assize_engine::partial::{GroupKey, Hit};

use super::*;
use register::Said;

const HOUR: i64 = 3600;

fn policies() -> Vec<Policy> {
    let text = "id: p\ntitle: t\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\n\
                detection: {a: {eventName: X}, condition: a}\n";
    assize_engine::policy::load([("p.yaml", text)]).policies
}

fn finding(user: &str, hours: &[i64]) -> Finding {
    let group = GroupKey { account: "1".to_owned(), region: "r".to_owned(), values: vec![Some(user.to_owned())] };
    let hit = |hour: &i64| Hit {
        time: hour * HOUR,
        event_id: "e".into(),
        digest: RecordDigest::of(b"e"),
        object: Arc::from("o"),
        place: Place { index: 0, offset: 0 },
        length: 1,
    };
    let cells = vec![("1".to_owned(), "r".to_owned())];
    let fingerprint = format!("{user}-{}", hours[0]);
    Finding { policy: 0, fingerprint, group, cells, hits: hours.iter().map(hit).collect(), fired: None }
}

/// A world with one cell that is covered over some hours, judged run after run.
struct World {
    policies: Vec<Policy>,
    cells: BTreeMap<(String, String), CellEvidence>,
    hours: Range<i64>,
    before: Option<Register>,
}

impl World {
    fn new(covered: Range<i64>, hours: Range<i64>) -> World {
        let cell = CellEvidence {
            collected: Hours::of(covered),
            recorded: vec![(0, Some(Recording::management()))],
            ..CellEvidence::default()
        };
        World { policies: policies(), cells: BTreeMap::from([(("1".to_owned(), "r".to_owned()), cell)]), hours, before: None }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            run: "now",
            as_of: self.hours.end * HOUR,
            hours: &self.hours,
            policies: &self.policies,
            cells: &self.cells,
            grade: Evidence::Delivered,
            before: self.before.as_ref(),
            later: None,
            whole: true,
            baseline: false,
        }
    }

    fn states(&self, findings: &[Finding]) -> Vec<&'static str> {
        stands(findings, &self.scene()).into_iter().map(|stand| stand.state).collect()
    }

    /// Reports findings, and goes on to a later run.
    fn report(&mut self, findings: &[Finding]) {
        let stands = stands(findings, &self.scene());
        let said = |place: usize| Said { stand: &stands[place], level: "high", waived: false, reviewed: false };
        let register = Register::of(findings, &self.scene(), said);
        let bytes = register.bytes().unwrap();
        assert_eq!(Register::read(&bytes).unwrap(), register);
        self.before = Some(register);
    }
}

#[test]
fn what_nobody_reported_is_new_and_goes_on_until_a_quiet_day_is_covered() {
    let mut world = World::new(0..1000, 0..30);
    let active = finding("a", &[10, 20]);
    assert_eq!(world.states(std::slice::from_ref(&active)), ["new"]);
    world.report(std::slice::from_ref(&active));
    world.hours = 0..44;
    assert_eq!(world.states(std::slice::from_ref(&active)), ["ongoing"], "a day has not passed");
    world.hours = 0..45;
    assert_eq!(world.states(std::slice::from_ref(&active)), ["fixed"]);
}

#[test]
fn what_cannot_be_seen_is_lost_and_never_fixed() {
    let mut world = World::new(0..40, 0..30);
    let found = finding("a", &[10]);
    world.report(std::slice::from_ref(&found));
    world.hours = 0..100;
    let stand = stands(std::slice::from_ref(&found), &world.scene()).remove(0);
    assert_eq!(stand.state, "lost");
    assert!(stand.statement.contains("60 hours since then cannot be seen"), "{}", stand.statement);
    world.cells.clear();
    assert_eq!(world.states(&[found]), ["lost"], "its account is gone");
}

#[test]
fn what_comes_back_is_reopened() {
    let mut world = World::new(0..1000, 0..100);
    let (first, again) = (finding("a", &[10]), finding("a", &[90]));
    assert_eq!(world.states(&[first.clone(), again.clone(), finding("b", &[90])]), ["new", "reopened", "new"]);
    world.report(std::slice::from_ref(&first));
    assert_eq!(world.states(&[first, again.clone()]), ["fixed", "reopened"]);
    world.hours = 50..100;
    assert_eq!(world.states(&[again]), ["reopened"], "the earlier one lies before the period and is remembered");
}

#[test]
fn the_first_report_is_remembered_and_a_baseline_is_never_new() {
    let mut world = World::new(0..1000, 0..30);
    let found = finding("a", &[10]);
    let adopted = Scene { baseline: true, run: "first", ..world.scene() };
    let stand = stands(std::slice::from_ref(&found), &adopted).remove(0);
    assert_eq!((stand.state, stand.baseline), ("ongoing", true));
    let said = |_| Said { stand: &stand, level: "high", waived: false, reviewed: false };
    let register = Register::of(std::slice::from_ref(&found), &adopted, said);
    world.before = Some(register);
    for _ in 0..2 {
        world.report(std::slice::from_ref(&found));
        let entry = &world.before.as_ref().unwrap().findings[0];
        assert_eq!((entry.reported_by.as_str(), entry.baseline), ("first", true));
    }
}

#[test]
fn what_went_away_says_why() {
    let mut world = World::new(0..1000, 0..30);
    world.report(&[finding("old", &[2]), finding("here", &[20]), finding("withdrawn", &[25])]);
    world.hours = 10..60;
    let here = [finding("here", &[20])];
    let states = |world: &World| -> Vec<(String, String)> {
        let gone = gone(&here, &world.scene()).into_iter();
        gone.map(|gone| (gone.fingerprint, gone.state)).collect()
    };
    let text = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    assert_eq!(states(&world), text(&[("old-2", "aged-out"), ("withdrawn-25", "withdrawn")]));
    world.cells.clear();
    assert_eq!(states(&world), text(&[("old-2", "aged-out"), ("withdrawn-25", "lost")]));
    let changes = changes(&stands(&here, &world.scene()), gone(&here, &world.scene()), &world.scene());
    assert_eq!((changes.fixed, changes.lost, changes.gone_total), (0, 2, 2), "{}", changes.statement);
}
