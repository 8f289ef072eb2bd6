//! `--every` and `--cron`: what is refused before anything starts, and how a process that waits is ended.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Assize;

const CONFIG: &str = "name: Example\naudit: {bucket: 'file://audit'}\naccounts: {list: [111122223333]}\n";

#[test]
fn the_help_of_a_run() {
    let ran = Assize::new().command(&["run", "--help"]).env("COLUMNS", "110").output().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&ran.stdout));
}

#[test]
fn mistakes_in_a_schedule_are_told_before_anything_starts() {
    let assize = Assize::new();
    for (expression, why) in [("61 * * * *", "column 1: value must be in range 0..=59"), ("@daily", "the same is '0 0 * * *'")] {
        // There is no configuration: the schedule is looked at first.
        let ran = assize.run(&["run", "--cron", expression]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(why) && ran.err.contains("write five fields"), "{}", ran.err);
    }
    let ran = assize.run(&["run", "--cron", "0 0 31 4 *"]);
    assert!(ran.code == 2 && ran.err.contains("never comes"), "{}", ran.err);
    let ran = assize.run(&["run", "--cron", "0 * * * *", "--every", "15m"]);
    assert!(ran.code == 2 && ran.err.contains("cannot be used with"), "{}", ran.err);
}

#[test]
#[cfg(unix)]
fn a_process_that_waits_ends_at_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let assize = Assize::new();
        assize.file("assize.yaml", CONFIG);
        let mut child = assize
            .command(&["run", "--cron", "0 0 29 2 *"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut err = child.stderr.take().unwrap();
        while !said.contains("next run at ") {
            let mut bytes = [0; 64];
            let read = err.read(&mut bytes).unwrap();
            assert!(read > 0, "it ended: {said}");
            said.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(ended(&mut child), Some(3), "nothing was read, so it is incomplete: {said}");
        assert!(!assize.path("audit").exists(), "nothing was begun");
    }
}

fn ended(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("it did not end within 20 s");
}
