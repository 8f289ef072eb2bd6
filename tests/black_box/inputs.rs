//! Wrong input: each has a clear message and the right exit code.

use std::io::Write;

use crate::{Assize, calm, gzip, log, stopped};

/// The problem codes and the exit code of a scan of one file.
fn problems(name: &str, bytes: impl AsRef<[u8]>) -> (i32, Vec<String>, serde_json::Value) {
    let assize = Assize::new();
    assize.file(name, bytes);
    let (code, found) = assize.scan(name, &[]);
    assert_eq!(found["books"]["balanced"], true, "{found:#}");
    let codes =
        found["coverage"]["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap().to_owned());
    (code, codes.collect(), found)
}

#[test]
fn a_missing_path_is_a_mistake_of_the_caller() {
    let ran = Assize::new().run(&["scan", "no-such-folder"]);
    assert_eq!(ran.code, 2);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "error: no-such-folder does not exist; check the path\n"));
}

#[test]
fn a_remote_path_says_what_to_do_instead() {
    let ran = Assize::new().run(&["scan", "s3://bucket/prefix"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("aws s3 sync"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn a_file_without_read_permission_is_a_hole() {
    use std::os::unix::fs::PermissionsExt;
    let assize = Assize::new();
    assize.file("in/a.json", log(&[calm(1)])).file("in/b.json", log(&[calm(2)]));
    let path = assize.path("in/b.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // Permissions do not bind the superuser: a folder in the place of the file cannot be read by anybody.
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
    }
    let (code, found) = assize.scan("in", &[]);
    assert_eq!(code, 3);
    assert_eq!(found["coverage"]["problems"][0]["code"], "unreadable");
    assert_eq!(found["books"]["objects"]["failed"], 1);
    assert_eq!(found["books"]["records"]["evaluated"], 1);
}

#[test]
fn what_is_neither_gzip_nor_json_is_a_hole() {
    let (code, codes, _) = problems("a.json.gz", "this is not gzip");
    assert_eq!((code, codes), (3, vec!["not-json".to_owned()]));
}

#[test]
fn a_truncated_object_is_a_hole_and_its_beginning_is_evaluated() {
    let records: Vec<String> = (0..500).map(|number| if number == 3 { stopped(number) } else { calm(number) }).collect();
    let whole = gzip(log(&records));
    let (code, codes, found) = problems("a.json.gz", &whole[..whole.len() / 2]);
    assert_eq!(code, 4, "what stands before the cut is evaluated");
    assert!(codes.contains(&"truncated-gzip".to_owned()), "{codes:?}");
    assert_eq!(found["books"]["objects"]["failed"], 1);
    let read = found["books"]["records"]["evaluated"].as_u64().unwrap();
    assert!((1..500).contains(&read), "{read}");
}

#[test]
fn a_second_gzip_member_is_tampering_and_is_not_read() {
    let mut bytes = gzip(log(&[calm(1)]));
    bytes.extend(gzip(log(&[stopped(2)])));
    let (code, codes, found) = problems("a.json.gz", bytes);
    assert_eq!((code, codes), (3, vec!["trailing-bytes".to_owned()]));
    assert_eq!(found["coverage"]["problems"][0]["tampering"], true);
    assert_eq!(found["books"]["records"]["read"], 1);
}

#[test]
fn a_bomb_is_stopped() {
    let (code, codes, _) = problems("a.json.gz", gzip(vec![b' '; 64 << 20]));
    assert_eq!(code, 3);
    assert!(codes.contains(&"decompression-bomb".to_owned()), "{codes:?}");
}

#[test]
fn a_hundred_megabytes_on_one_line_are_read_or_refused_in_time() {
    let many: Vec<String> = (0..220_000).map(calm).collect();
    let one_line = log(&many);
    assert!(one_line.len() > 100_000_000);
    let (code, codes, found) = problems("log.json", &one_line);
    assert_eq!((code, codes, found["books"]["records"]["read"].as_u64()), (0, vec![], Some(220_000)));
    let mut giant = b"{\"Records\":[{\"eventName\":\"".to_vec();
    giant.resize(100 << 20, b'a');
    giant.extend_from_slice(b"\"}]}");
    let (code, codes, _) = problems("giant.json", giant);
    assert_eq!((code, codes), (3, vec!["malformed-record".to_owned()]));
}

#[test]
fn invalid_utf8_costs_its_record_only() {
    let bad = calm(2).replace("aws-cli", "aws\u{1}cli");
    let mut bytes = log(&[calm(1), bad, calm(3)]).into_bytes();
    let at = bytes.iter().position(|byte| *byte == 1).unwrap();
    bytes[at] = 0xff;
    let (code, codes, found) = problems("a.json", bytes);
    assert_eq!((code, codes), (3, vec!["malformed-record".to_owned()]));
    assert_eq!(found["books"]["records"]["evaluated"], 2);
    let problem = &found["coverage"]["problems"][0];
    assert_eq!(problem["record"], 1);
    assert!(problem["message"].as_str().unwrap().contains("UTF-8"), "{problem}");
}

#[test]
fn deep_nesting_costs_its_record_only() {
    let deep = calm(2)
        .replace("\"requestParameters\":null", &format!("\"requestParameters\":{}{}", "[".repeat(5_000), "]".repeat(5_000)));
    let (code, codes, found) = problems("a.json", log(&[calm(1), deep, calm(3)]));
    assert_eq!((code, codes), (3, vec!["malformed-record".to_owned()]));
    assert_eq!(found["books"]["records"]["evaluated"], 2);
}

#[test]
fn an_empty_folder_is_never_clean() {
    let assize = Assize::new();
    std::fs::create_dir(assize.path("empty")).unwrap();
    let (code, found) = assize.scan("empty", &[]);
    assert_eq!(code, 3);
    assert!(found["coverage"]["statement"].as_str().unwrap().contains("No record was found"));
    let ran = assize.run(&["scan", "empty"]);
    assert_eq!(ran.code, 3);
    assert!(!ran.out.to_lowercase().contains("clean"), "{}", ran.out);
}

#[test]
fn a_record_without_a_time_is_malformed() {
    let (code, codes, _) = problems("a.json", log(&[calm(1).replace("2026-10-01T00", "yesterday"), calm(2)]));
    assert_eq!((code, codes), (3, vec!["malformed-record".to_owned()]));
}

#[test]
fn a_full_disk_fails_the_run_and_leaves_no_half_report() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let assize = Assize::new();
    assize.file("a.json", log(&[calm(1)]));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = assize.command(&["scan", "a.json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
    assize.file("blocked", "a file where the folder should be");
    let ran = assize.run(&["scan", "a.json", "--out", "blocked", "--format", "json"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("blocked"), "{}", ran.err);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let assize = Assize::new();
    assize.file("a.json", log(&(0..2_000).map(stopped).collect::<Vec<_>>()));
    let mut child = assize.command(&["scan", "a.json", "--format", "json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn usage_mistakes_exit_with_2() {
    let assize = Assize::new();
    assize.file("a.json", log(&[calm(1)]));
    for args in [
        &["scan"][..],
        &["scan", "a.json", "--format", "html,json"],
        &["scan", "a.json", "--fail-on", "hihg"],
        &["scan", "a.json", "--select", "no-such-policy"],
        &["scan", "a.json", "--policies", "no-such-folder"],
        &["scan", "a.json", "--templates", "no-such-folder"],
        &["frobnicate"],
    ] {
        let ran = assize.run(args);
        assert_eq!(ran.code, 2, "{args:?} {}", ran.out);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn secrets_in_the_environment_are_never_shown() {
    let assize = Assize::new();
    assize.file("a.json", log(&[calm(1)]));
    let canary = "CANARY-f00dfeed";
    let mut command = assize.command(&["scan", "a.json", "-vvv", "--format", "json"]);
    command.env("AWS_SECRET_ACCESS_KEY", canary).env("AWS_SESSION_TOKEN", canary);
    let output = command.output().unwrap();
    for stream in [output.stdout, output.stderr] {
        assert!(!stream.windows(canary.len()).any(|window| window == canary.as_bytes()));
    }
    drop(std::io::stdout().flush());
}
