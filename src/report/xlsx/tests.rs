use super::*;
use crate::report::{example, fixture, rows, sample};

#[test]
fn a_workbook_is_the_same_bytes_each_time() {
    for document in [example::document(), fixture::empty(), fixture::scoped()] {
        let first = render(&document).unwrap();
        assert!(first.starts_with(b"PK") && first == render(&document).unwrap());
    }
    let mut later = example::document();
    let first = render(&later).unwrap();
    later.run.as_of = "2026-11-23T08:00:00Z".to_owned();
    assert_ne!(render(&later).unwrap(), first);
}

#[test]
fn sheets_have_the_rows_of_the_document() {
    let document = fixture::scoped();
    let tables = sheets::tables(&document, MAX_ROWS);
    let rows: Vec<(&str, usize)> = tables.iter().map(|table| (table.name, table.rows.len())).collect();
    let drawn = sample::samples(&document).iter().map(|sample| sample.drawn.len()).sum();
    let scope = document.scope.as_ref().unwrap();
    assert_eq!(
        rows,
        [
            ("Findings", document.findings.len()),
            ("Verdicts", rows::verdicts(&document).len()),
            ("Coverage", scope.cells.len()),
            ("Waivers", document.waivers.len()),
            ("Policies", document.policies.len()),
            ("Samples", drawn),
        ]
    );
    for table in sheets::tables(&example::document(), MAX_ROWS).iter().chain(&tables) {
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.name);
        assert_eq!(table.left_out, 0);
    }
}

#[test]
fn what_has_no_room_is_counted_and_what_passed_goes_first() {
    let document = fixture::scoped();
    let all = rows::verdicts(&document);
    let loud = all.iter().filter(|row| !row.is_quiet()).count();
    let tables = sheets::tables(&document, loud);
    let verdicts = tables.iter().find(|table| table.name == "Verdicts").unwrap();
    assert_eq!((verdicts.rows.len(), verdicts.left_out), (loud, all.len() - loud));
    assert!(verdicts.rows.iter().all(|row| row[9] != Value::text("PASS")));
    assert!(tables.iter().all(|table| table.name == "Samples" || table.rows.len() <= loud));
}

#[test]
fn a_sample_has_what_is_needed_to_draw_it_again() {
    let document = fixture::large();
    let tables = sheets::tables(&document, MAX_ROWS);
    let samples = tables.iter().find(|table| table.name == "Samples").unwrap();
    assert!(samples.rows.len() >= 100);
    for row in &samples.rows {
        assert_eq!(row[0], Value::text(&document.run.policies_sha256));
        let [Value::Number(population), Value::Number(size), Value::Number(number)] = &row[2..5] else { panic!("{row:?}") };
        assert!(number <= size && size <= population && *size >= 25);
    }
}

#[test]
fn text_is_cut_where_a_cell_ends() {
    let long = "𠮷".repeat(20_000);
    let short = shortened(&long);
    assert!(short.ends_with(CUT));
    let length = short.encode_utf16().count();
    assert!(length <= MAX_CELL && length > MAX_CELL - 2, "{length}");
    let mut document = example::document();
    document.findings[0].remediation = long;
    assert!(render(&document).is_ok());
    let mut writer = Writer::new();
    let tables = sheets::tables(&document, MAX_ROWS);
    for table in &tables {
        assert!(writer.sheet(table).is_ok());
    }
    assert_eq!(writer.cut, 2, "among the findings, and in the sample");
}

#[test]
fn times_that_excel_does_not_know_are_text() {
    assert!(date("2026-11-22T08:00:00Z").is_some());
    assert!(date("1899-01-01T00:00:00Z").is_none() && date("soon").is_none());
    let mut document = example::document();
    document.findings[0].first_seen = "0001-01-01T00:00:00Z".to_owned();
    assert!(render(&document).is_ok());
}
