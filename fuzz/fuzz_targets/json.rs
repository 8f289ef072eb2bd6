//! The walker takes exactly what other readers take, and reads the same from it.
#![no_main]

use assize_engine::json::{Reader, compact};
use assize_engine::linear::{LinearError, Record};
use assize_fuzz::{Tree, assert_same, is_known_refusal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::default();
    let document = reader.read(bytes, usize::MAX);
    let read = document.as_ref().map(|document| document.length());
    let whole = read.as_ref().is_ok_and(|length| bytes[*length..].iter().all(|byte| b" \t\r\n".contains(byte)));
    match serde_json::from_slice::<Tree>(bytes) {
        Ok(tree) => {
            assert!(whole, "{read:?}");
            assert_same(document.as_ref().expect("it was read").root(), &tree);
        }
        Err(error) => assert!(!whole || is_known_refusal(&error), "{error}"),
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(!whole);
        return;
    };
    let slow = Record::read(text);
    assert_eq!(whole, matches!(slow, Ok(_) | Err(LinearError::NoRecord)), "{read:?} {slow:?}");
    if let (true, Ok(document)) = (whole, &document) {
        let mut short = String::new();
        compact(document.root(), false, &mut short);
        let mut again = Reader::default();
        let again = again.read(short.as_bytes(), usize::MAX).expect("what was written is read");
        assert_eq!(again.length(), short.len());
        let mut twice = String::new();
        compact(again.root(), false, &mut twice);
        assert_eq!(short, twice);
    }
});
