use std::fs;

use assize_engine::time;
use proptest::prelude::*;

use super::*;
use crate::events::example::{self, RECORD};
use crate::events::{shown, source};

/// A record of a second and with an id of its own.
fn record(second: u8, id: u8) -> String {
    RECORD
        .replace("2026-10-01T07:30:12Z", &format!("2026-10-01T07:30:{second:02}Z"))
        .replace("0f9bd5d3-6c41-4d5b-a4ac-7d1f2f3c0001", &format!("id-{id}"))
}

fn objects(logs: &[Vec<String>]) -> (tempfile::TempDir, Objects) {
    let folder = tempfile::tempdir().unwrap();
    for (number, records) in logs.iter().enumerate() {
        let text = format!("{{\"Records\":[{}]}}", records.join(",\n"));
        fs::write(folder.path().join(format!("{number:02}.json")), text).unwrap();
    }
    let objects = source::files(&[folder.path().to_owned()]).unwrap();
    (folder, objects)
}

/// Times, ids and places of what is shown.
fn shown(objects: &Objects, order: Order, threads: usize, room: u64) -> (Books, Vec<(String, String, String, u64)>) {
    let means = Means { threads, limits: Limits::default() };
    let (fields, room) = (Fields::new(), Room::of(room));
    let wants = |record: &Record<'_>| record.text("eventID") != "id-9";
    let (mut books, matches) = gather((objects, &fields, &means), &wants, &|| Matches::new(order, &room), &|_| {});
    let mut all = Vec::new();
    let mut show = |shown: &shown::Shown<'_>| {
        let id = shown.record.text("eventID").into_owned();
        let file = shown.object.rsplit('/').next().unwrap_or_default().to_owned();
        all.push((time::format(shown.record.time), id, file, shown.index));
        Ok(())
    };
    shown::each(matches, (objects, &fields, &means), &mut books, &mut show).unwrap();
    (books, all)
}

#[test]
fn copies_are_shown_once_at_their_first_place() {
    let (_folder, objects) = objects(&[
        vec![record(3, 1), record(1, 2)],
        vec![record(1, 2), record(2, 3), record(9, 9)],
        vec![record(2, 3), record(2, 3)],
    ]);
    for threads in [1, 4] {
        for room in [0, 1_500, IN_MEMORY] {
            let (books, all) = shown(&objects, Order { oldest_first: false, limit: None }, threads, room);
            let told: Vec<(&str, &str, u64)> = all.iter().map(|(_, id, file, index)| (&**id, &**file, *index)).collect();
            assert_eq!(told, [("id-1", "00.json", 0), ("id-3", "01.json", 1), ("id-2", "00.json", 1)]);
            assert_eq!((books.objects, books.records, books.matched, books.duplicates), (3, 7, 3, 3));
            assert_eq!(books.times.map(|(_, last)| time::format(last)).unwrap(), "2026-10-01T07:30:09Z");
            assert!(books.complete());
        }
    }
}

#[test]
fn of_copies_the_first_place_counts_whichever_thread_met_it_and_room_is_given_back() {
    const ROOM: u64 = 10_000;
    let take = |matches: &mut Matches<'_>, second: u8, object: u32| {
        let text = record(second, second);
        example::with(&text, |record| {
            matches.take(record, Found { object, index: 0, digest: RecordDigest::of(text.as_bytes()) }, false);
        });
    };
    for turned in [false, true] {
        let room = Room::of(ROOM);
        let order = Order { oldest_first: false, limit: Some(2) };
        let (mut one, mut other) = (Matches::new(order, &room), Matches::new(order, &room));
        for (second, object) in [(1, 3), (2, 3), (3, 3), (3, 2)] {
            take(&mut one, second, object);
        }
        for (second, object) in [(3, 1), (3, 4), (2, 5)] {
            take(&mut other, second, object);
        }
        if turned {
            std::mem::swap(&mut one, &mut other);
        }
        one.merge(other);
        let places: Vec<u32> = one.records.values().map(|at| at.object).collect();
        assert_eq!(places, [3, 1]);
        let kept: u64 = one.records.values().map(|at| at.text.as_ref().map_or(0, |text| text.len() as u64)).sum();
        assert_eq!(room.0.into_inner() + kept, ROOM, "{turned}");
    }
}

#[test]
fn what_went_away_meanwhile_is_a_problem() {
    let (folder, objects) = objects(&[vec![record(1, 1), record(2, 2)], vec![record(3, 3)]]);
    let means = Means { threads: 1, limits: Limits::default() };
    let (fields, room) = (Fields::new(), Room::of(0));
    let order = Order { oldest_first: true, limit: None };
    let (mut books, matches) = gather((&objects, &fields, &means), &|_| true, &|| Matches::new(order, &room), &|_| {});
    assert!(books.complete());
    fs::write(folder.path().join("00.json"), format!("{{\"Records\":[{}]}}", record(1, 7))).unwrap();
    let mut number = 0;
    let mut show = |_: &shown::Shown<'_>| {
        number += 1;
        Ok(())
    };
    shown::each(matches, (&objects, &fields, &means), &mut books, &mut show).unwrap();
    assert_eq!((number, books.problems_total, books.complete()), (1, 2, false));
    assert!(books.problems.values().all(|why| why.starts_with("record-lost: ")), "{:?}", books.problems);
}

#[test]
fn what_is_no_record_is_counted_and_told() {
    let (_folder, objects) =
        objects(&[vec![record(1, 1), "7".to_owned(), "{\"eventName\":\"x\",\"eventTime\":\"yesterday\"}".to_owned()]]);
    let (books, all) = shown(&objects, Order { oldest_first: false, limit: None }, 1, 0);
    assert_eq!((books.records, books.malformed, books.problems_total, all.len()), (3, 2, 2, 1));
    assert!(!books.complete());
}

#[test]
fn problems_are_the_same_whatever_the_order() {
    let mut logs: Vec<Vec<String>> = (0..40).map(|_| vec!["7".to_owned()]).collect();
    logs.push(vec![record(1, 1)]);
    let (_folder, objects) = objects(&logs);
    let order = Order { oldest_first: false, limit: None };
    let (one, many) = (shown(&objects, order, 1, 0).0, shown(&objects, order, 8, 0).0);
    assert_eq!((one.problems.len(), one.problems_total), (PROBLEMS, 40));
    assert_eq!(one, many);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Against sorting everything: whatever the threads, the room and the limit.
    #[test]
    fn a_limit_keeps_the_newest_or_the_oldest(
        logs in prop::collection::vec(prop::collection::vec((0..12_u8, 0..12_u8), 0..8), 1..6),
        oldest_first: bool,
        limit in prop::option::of(1..12_usize),
        threads in 1..4_usize,
        room in prop_oneof![Just(0), Just(2_000), Just(IN_MEMORY)],
    ) {
        let texts: Vec<Vec<String>> = logs.iter().map(|log| log.iter().map(|(second, id)| record(*second, *id)).collect()).collect();
        let (_folder, objects) = objects(&texts);
        let mut expected: Vec<(i64, RecordDigest)> = texts
            .iter()
            .flatten()
            .zip(logs.iter().flatten())
            .filter(|(_, (_, id))| *id != 9)
            .map(|(text, (second, _))| (i64::from(*second), RecordDigest::of(text.as_bytes())))
            .collect();
        expected.sort();
        expected.dedup();
        let distinct = expected.len() as u64;
        if !oldest_first {
            expected.reverse();
        }
        expected.truncate(limit.unwrap_or(usize::MAX));
        let (books, all) = shown(&objects, Order { oldest_first, limit }, threads, room);
        prop_assert_eq!(books.matched, distinct);
        prop_assert_eq!(all.len(), expected.len());
        for ((time, id, file, index), (second, digest)) in all.iter().zip(expected) {
            let log: usize = file.trim_end_matches(".json").parse().unwrap();
            let text = &texts[log][usize::try_from(*index).unwrap()];
            prop_assert_eq!(RecordDigest::of(text.as_bytes()), digest, "{} {} {}", time, id, second);
            let before = texts.iter().take(log).flatten().chain(texts[log].iter().take(usize::try_from(*index).unwrap()));
            prop_assert!(before.into_iter().all(|other| other != text), "the first place of its copies");
        }
    }
}
