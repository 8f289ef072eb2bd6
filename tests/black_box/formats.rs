//! SARIF, JUnit, CSV and workbooks, read by other people's readers: the standard's JSON Schema, junitparser, Python's csv,
//! openpyxl.

#[path = "../aws/venv.rs"]
mod venv;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use venv::cache;

use crate::{Assize, calm, log, stopped, text};

/// The formats that this file is about, as an option.
const FORMATS: &str = "json,sarif,junit,csv,xlsx";

/// The npm package that brings SARIF's schema, by Microsoft, and where it is in there.
const SCHEMA: (&str, &str) = ("@microsoft/jest-sarif@1.0.0-beta.0", "package/lib/schemas/sarif-2.1.0-rtm.5.json");

/// JSON Schema of SARIF 2.1.0, fetched once.
fn schema() -> PathBuf {
    let (package, file) = SCHEMA;
    let folder = cache::root().join("sarif-schema-1.0.0-beta.0");
    cache::once(&folder, file, |folder| {
        std::fs::create_dir_all(folder).unwrap();
        cache::ran(Command::new("npm").args(["pack", "--silent", package, "--pack-destination"]).arg(folder).current_dir(folder));
        let packed = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let packed = packed.into_iter().find(|path| path.extension().is_some_and(|end| end == "tgz")).unwrap();
        let unzipped = flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap());
        tar::Archive::new(unzipped).unpack(folder).unwrap();
    });
    folder.join(file)
}

/// What the readers saw in a folder of reports.
fn read(folder: &Path) -> Value {
    let readers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/black_box/readers");
    let python = venv::python(&readers.join("requirements.txt"));
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(readers.join("read.py")).arg(folder).arg(schema());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The values of a column, below its header.
fn column<'a>(rows: &'a [Value], header: &Value, name: &str) -> Vec<&'a str> {
    let at = list(header).iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"));
    rows.iter().map(|row| word(&row[at])).collect()
}

#[test]
fn other_readers_see_what_a_run_found_and_what_it_could_not_see() {
    let assize = Assize::new();
    let ran = assize.run(&["demo", "--events", "1000", "--out", "demo"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let document: Value = serde_json::from_str(&text(&assize.path("demo/report.json"))).unwrap();
    let seen = read(&assize.path("demo"));
    sarif_is_valid_and_shows_holes(&seen["sarif"], &document);
    junit_has_every_verdict(list(&seen["junit"]), &document);
    tables_have_every_finding(&seen, &document);
    the_workbook_is_for_auditors(&seen, &document);
    // The run itself keeps what its configuration asks for, and its manifest has the hashes.
    let run = format!("demo/audit/runs/{}", word(&document["scope"]["run_id"]));
    let manifest = text(&assize.path(&format!("{run}/manifest.json")));
    for name in ["report.sarif", "report.junit.xml", "findings.csv", "verdicts.csv", "report.xlsx", "report.html", "report.txt"] {
        let kept = std::fs::read(assize.path(&format!("{run}/{name}"))).unwrap();
        assert!(manifest.contains(name), "{name} is not in the manifest");
        if name != "report.txt" {
            assert_eq!(kept, std::fs::read(assize.path(&format!("demo/{name}"))).unwrap(), "{name} is not the same");
        }
    }
}

fn sarif_is_valid_and_shows_holes(sarif: &Value, document: &Value) {
    assert_eq!(list(&sarif["errors"]), &[] as &[Value]);
    let run = &sarif["run"];
    let results = list(&run["results"]);
    let (holes, found): (Vec<&Value>, Vec<&Value>) =
        results.iter().partition(|result| result["ruleId"] == "assize-evidence-incomplete");
    assert_eq!(found.len(), list(&document["findings"]).len());
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let told: Vec<&str> = holes.iter().map(|hole| word(&hole["partialFingerprints"]["primaryLocationLineHash"])).collect();
    for unknown in list(&document["scope"]["unknown"]) {
        let code = format!("assize-evidence-incomplete/{}", word(&unknown["reason"]));
        assert!(told.contains(&code.as_str()), "{code} is not among {told:?}");
    }
    // GitHub finds a built-in policy where this project has it.
    assert!(
        found.iter().all(|result| {
            word(&result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).starts_with("policies/")
        })
    );
    let accepted = list(&document["findings"]).iter().filter(|finding| finding["waived"]["state"] == "holds").count();
    assert_eq!(found.iter().filter(|result| !list(&result["suppressions"]).is_empty()).count(), accepted);
    let told = |state: &str| match state {
        "new" | "reopened" => "new",
        "ongoing" | "lost" => "unchanged",
        "fixed" => "absent",
        other => panic!("{other}"),
    };
    for result in &found {
        assert_eq!(result["baselineState"], told(word(&result["properties"]["state"])));
    }
}

fn junit_has_every_verdict(suites: &[Value], document: &Value) {
    let expected = |verdict: &Value, manual: bool, status: &Value| match (verdict.as_str().unwrap(), status.as_str().unwrap()) {
        ("FAIL", _) => vec!["Failure"],
        (_, "not answered by logs") => vec!["Skipped"],
        ("UNKNOWN", _) => vec!["Error"],
        ("NOT_APPLICABLE", _) => vec!["Skipped"],
        ("PASS" | "WAIVED", _) => {
            if manual {
                vec!["Skipped"]
            } else {
                vec![]
            }
        }
        other => panic!("{other:?}"),
    };
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    let mut compare = |name: &str, rows: &[Value]| {
        let suite = suites.iter().find(|suite| suite["name"] == name).unwrap_or_else(|| panic!("no suite {name}"));
        assert_eq!(list(&suite["cases"]).len(), rows.len());
        for (case, row) in list(&suite["cases"]).iter().zip(rows) {
            let result: Vec<&str> = list(&case["result"]).iter().map(word).collect();
            assert_eq!(result, expected(&row["verdict"], row["manual"] == true, &row["status"]), "{case} {}", row["id"]);
            *tally.entry(result.concat()).or_default() += 1;
        }
        let sum: u64 = list(&suite["counts"])[1..].iter().map(|count| count.as_u64().unwrap()).sum();
        assert!(sum <= suite["counts"][0].as_u64().unwrap());
    };
    compare("policies", list(&document["policies"]));
    list(&document["frameworks"]).iter().for_each(|one| compare(word(&one["id"]), list(&one["requirements"])));
    assert!(tally["Failure"] > 0 && tally["Error"] > 0, "{tally:?}");
    let coverage = suites.iter().find(|suite| suite["name"] == "coverage").unwrap();
    assert_eq!(coverage["cases"][0]["result"][0], "Error");
}

fn tables_have_every_finding(seen: &Value, document: &Value) {
    let (findings, verdicts) = (&seen["findings"], &seen["verdicts"]);
    for table in [findings, verdicts] {
        assert_eq!((table["mark"].as_bool(), table["bare"].as_u64()), (Some(false), Some(0)), "lines end with CRLF");
        assert!(list(&table["rows"]).iter().all(|row| list(row).len() == list(&table["header"]).len()));
    }
    let rows = list(&findings["rows"]);
    for (name, key) in [("fingerprint", "fingerprint"), ("level", "level"), ("account", "account"), ("first_seen", "first_seen")]
    {
        let expected: Vec<&str> = list(&document["findings"]).iter().map(|finding| word(&finding[key])).collect();
        assert_eq!(column(rows, &findings["header"], name), expected);
    }
    let names = column(rows, &findings["header"], "account_name");
    assert!(names.iter().any(|name| !name.is_empty()), "accounts have names");
    assert!(column(rows, &findings["header"], "title_ja").iter().any(|title| title.chars().any(|c| c > '\u{3000}')));
    let rows = list(&verdicts["rows"]);
    let hours: u64 = column(rows, &verdicts["header"], "hours_due").iter().filter_map(|hours| hours.parse::<u64>().ok()).sum();
    assert!(hours > 0);
    let told = column(rows, &verdicts["header"], "reasons");
    assert!(told.iter().any(|reasons| reasons.contains("role-not-assumable")), "the account that let nobody in");
}

fn the_workbook_is_for_auditors(seen: &Value, document: &Value) {
    let book = &seen["workbook"];
    let names: Vec<&str> = list(&book["names"]).iter().map(word).collect();
    assert_eq!(names, ["Summary", "Findings", "Verdicts", "Coverage", "Waivers", "Policies", "Samples"]);
    assert_eq!(format!("{}Z", word(&book["created"])), word(&document["run"]["as_of"]));
    for name in names {
        let sheet = &book["sheets"][name];
        assert_eq!((sheet["formulas"].as_u64(), sheet["links"].as_u64()), (Some(0), Some(0)), "{name}");
        assert_eq!(sheet["frozen"], "A2");
        assert_eq!(sheet["filter"].is_string(), name != "Summary", "{name}");
        assert!(list(&sheet["widths"]).len() > 1, "{name}");
    }
    let rows = |name: &str| list(&book["sheets"][name]["rows"]);
    assert_eq!(rows("Coverage").len(), 1 + list(&document["scope"]["cells"]).len());
    assert_eq!(rows("Policies").len(), 1 + list(&document["policies"]).len());
    assert!(book["sheets"]["Findings"]["dates"].as_u64().unwrap() >= 2 * list(&document["findings"]).len() as u64);
    // The workbook and the table say the same, cell by cell.
    assert_eq!(rows("Findings")[0], seen["findings"]["header"]);
    assert_eq!(rows("Findings")[1..], list(&seen["findings"]["rows"])[..]);
    assert_eq!(rows("Verdicts")[1..], list(&seen["verdicts"]["rows"])[..]);
    let again = seen["drawn_again"].as_object().unwrap();
    assert!(!again.is_empty() && again.values().all(|same| *same == true), "{again:?}");
}

/// Text that is a formula for a spreadsheet, markup, a link, an escape sequence, or nothing that can be seen.
const HOSTILE: &str = r#"=HYPERLINK(\"http://evil.example\",\"x\")</testcase>]]><b a='1'>&amp;[x](javascript:alert(1)) \u001b[31m\u202ex\u0000 _x0041_"#;

#[test]
fn hostile_records_stay_text_for_other_readers() {
    let assize = Assize::new();
    let hostile = stopped(1).replace("arn:aws:iam::111122223333:user/alice", HOSTILE).replace("eu-west-1", "=1+1");
    assize.file("a.json", log(&[hostile, stopped(2), calm(3)]));
    let ran = assize.run(&["scan", "a.json", "--out", "out", "--csv-bom", "--format", FORMATS]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let seen = read(&assize.path("out"));
    assert_eq!(list(&seen["sarif"]["errors"]), &[] as &[Value]);
    assert_eq!(seen["findings"]["mark"], true);
    let (rows, header) = (list(&seen["findings"]["rows"]), &seen["findings"]["header"]);
    assert!(column(rows, header, "region").contains(&"'=1+1"), "an apostrophe makes it text");
    let groups = column(rows, header, "group").join("\n");
    assert!(groups.contains("HYPERLINK") && groups.contains("\\u{202e}") && !groups.contains('\u{202e}'), "{groups}");
    let sheet = &seen["workbook"]["sheets"]["Findings"];
    assert_eq!((sheet["formulas"].as_u64(), sheet["links"].as_u64()), (Some(0), Some(0)));
    assert!(list(&sheet["quoted"]).contains(&"=1+1".into()), "in a workbook it is text as it is");
    let cells = list(&sheet["rows"]).iter().flat_map(list).map(word);
    assert!(cells.into_iter().any(|cell| cell.contains("_x0041_")), "what looks like Excel's own escape stays as it is");
    // A scan passes nothing, and a test that has a name of markup is still one test.
    let suites = list(&seen["junit"]);
    for case in suites.iter().flat_map(|suite| list(&suite["cases"])) {
        assert!(!list(&case["result"]).is_empty(), "{case} passes");
    }
}

#[test]
fn a_format_on_standard_output_is_the_file_and_the_same_each_time() {
    let assize = Assize::new();
    assize.file("a.json", log(&[stopped(1), calm(2)]));
    let scan = |more: &[&str]| {
        let args = [&["scan", "a.json", "--as-of", "2026-11-22"], more].concat();
        assize.command(&args).output().unwrap()
    };
    assert_eq!(scan(&["--out", "out", "--format", FORMATS]).status.code(), Some(1));
    for (format, file) in
        [("sarif", "report.sarif"), ("junit", "report.junit.xml"), ("csv", "findings.csv"), ("xlsx", "report.xlsx")]
    {
        let printed = scan(&["--format", format]).stdout;
        assert_eq!(printed, std::fs::read(assize.path(&format!("out/{file}"))).unwrap(), "{file}");
    }
    let marked = scan(&["--format", "csv", "--csv-bom"]).stdout;
    assert!(marked.starts_with(b"\xef\xbb\xbffingerprint,policy,"));
}
