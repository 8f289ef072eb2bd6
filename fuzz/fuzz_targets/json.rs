//! The walker takes exactly what other readers take, and reads the same from it.
#![no_main]

use assize_engine::json::{Tape, compact};
use assize_engine::linear::{LinearError, Record};
use assize_fuzz::{Tree, assert_same, is_known_refusal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut tape = Tape::default();
    let read = tape.read(bytes, usize::MAX);
    let whole = read.as_ref().is_ok_and(|length| bytes[*length..].iter().all(|byte| b" \t\r\n".contains(byte)));
    match serde_json::from_slice::<Tree>(bytes) {
        Ok(tree) => {
            assert!(whole, "{read:?}");
            assert_same(tape.root(bytes), &tree);
        }
        Err(error) => assert!(!whole || is_known_refusal(&error), "{error}"),
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(!whole);
        return;
    };
    let slow = Record::read(text);
    assert_eq!(whole, matches!(slow, Ok(_) | Err(LinearError::NoRecord)), "{read:?} {slow:?}");
    if whole {
        let mut short = String::new();
        compact(tape.root(bytes), false, &mut short);
        let mut again = Tape::default();
        assert_eq!(again.read(short.as_bytes(), usize::MAX), Ok(short.len()));
        let mut twice = String::new();
        compact(again.root(short.as_bytes()), false, &mut twice);
        assert_eq!(short, twice);
    }
});
