//! `assize verify`: its options, and what is refused. What it finds is tested where chains are made (`src/verify`, `tests/aws`).

use crate::Assize;

#[test]
fn the_help_of_verify() {
    let ran = Assize::new().command(&["verify", "--help"]).env("COLUMNS", "110").output().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&ran.stdout));
}

#[test]
fn a_sample_needs_a_seed_and_is_not_everything() {
    let assize = Assize::new();
    for (args, why) in [
        (&["verify", ".", "--sample", "5"][..], "--seed <SEED>"),
        (&["verify", ".", "--seed", "5"], "--sample <N>"),
        (&["verify", ".", "--sample", "5", "--seed", "1", "--full"], "cannot be used with"),
        (&["verify", ".", "--keys", "keys", "--keys-from-account"], "cannot be used with"),
    ] {
        let ran = assize.run(args);
        assert!(ran.code == 2 && ran.err.contains(why), "{args:?}: {} {}", ran.code, ran.err);
    }
}
