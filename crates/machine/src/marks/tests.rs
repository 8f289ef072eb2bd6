//! Every way to mark gives the same, and the marks are what a reader of one byte at a time finds.

use proptest::prelude::*;

use super::*;

/// Positions, blocks with backslashes, and whether the text is sound: byte by byte.
fn obvious(text: &[u8]) -> (Vec<u32>, bool) {
    let (mut positions, mut inside, mut sound, mut at) = (Vec::new(), false, true, 0);
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let is_mark = |byte: u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',');
    while at < text.len() {
        let byte = text[at];
        if byte == b'\\' {
            sound &= is_escape(&text[at + 1..]);
            // A backslash hides the byte behind it, also outside strings, where it is refused by who reads the marks.
            let hidden = text.get(at + 1).copied();
            if !inside && hidden.is_some_and(is_mark) {
                positions.push(u32::try_from(at + 1).unwrap());
            }
            at += 2;
            continue;
        }
        if byte == b'"' {
            inside = !inside;
            if !inside {
                let next = text[at + 1..].iter().find(|byte| !is_space(**byte));
                sound &= next.is_none_or(|byte| is_mark(*byte));
            }
        } else if inside {
            sound &= byte >= 0x20;
        } else if is_mark(byte) {
            positions.push(u32::try_from(at).unwrap());
        }
        at += 1;
    }
    (positions, sound && !inside && std::str::from_utf8(text).is_ok())
}

fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let (positions, sound) = obvious(text);
    for path in Path::available() {
        let mut marks = Marks::default();
        let read = marks.mark_by(path, text);
        prop_assert_eq!(read.map(str::as_bytes), sound.then_some(text), "{:?} {:?}", path, text.escape_ascii().to_string());
        if sound {
            prop_assert_eq!(marks.positions(), &positions, "{:?} {:?}", path, text.escape_ascii().to_string());
            for (number, block) in text.chunks(64).enumerate() {
                let told = marks.escapes()[number / 64] >> (number % 64) & 1 != 0;
                prop_assert!(told || !block.contains(&b'\\'));
            }
        }
    }
    // Also of texts that are not sound all ways see the same.
    let seen: Vec<Vec<u32>> = Path::available()
        .map(|path| {
            let mut marks = Marks::default();
            marks.mark_by(path, text);
            marks.positions().to_vec()
        })
        .collect();
    prop_assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(text in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&text)?;
    }

    #[test]
    fn bytes_that_matter(
        text in prop::collection::vec(prop::sample::select(b"\"\"\"\"\\\\{}[]:,, \t\n\rab1u0\x01\x0c\x1a\x7f\x80\xc3\xa9\xff".to_vec()), 0..300),
    ) {
        check(&text)?;
    }

    #[test]
    fn sound_texts_at_every_place(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "\"plain\"", "\"\"", "\"esc\\\"aped\\\\\"", "\"\\u00e9\\n\"", "\"日本語\"", "{", "}", "[", "]", ":", ",", " ", "\n", "true",
                "-1.5e3", "\"a long string that goes over the end of a block of sixty-four bytes, and on\"", ",   \r\n\t  \t\t",
            ]),
            0..60,
        ),
        before in 0..70_usize,
    ) {
        let text = format!("{}{}", " ".repeat(before), parts.join(","));
        check(text.as_bytes())?;
        // At an address of any alignment.
        check(text.as_bytes().get(before / 2..).unwrap_or_default())?;
    }
}

#[test]
fn one_odd_byte_at_every_place_of_every_length() {
    for length in 0..200 {
        for at in 0..length {
            for odd in [b'"', b'\\', 0x1F, 0x0C, 0x1A, 0x80, b'\n', b'{'] {
                let mut text = vec![b'x'; length];
                text[at] = odd;
                check(&text).unwrap();
                let mut quoted = vec![b'x'; length + 2];
                (quoted[0], quoted[length + 1]) = (b'"', b'"');
                quoted[at + 1] = odd;
                check(&quoted).unwrap();
            }
        }
    }
}

#[test]
fn runs_of_backslashes_and_spaces_over_block_ends() {
    for length in 0..140 {
        for before in 0..70 {
            check(format!("{}\"{}\"", " ".repeat(before), "\\".repeat(length)).as_bytes()).unwrap();
            check(format!("{}\"\"{},", "1".repeat(before), " ".repeat(length)).as_bytes()).unwrap();
            check(format!("{}\"\"{}1", ",".repeat(before), "\n".repeat(length)).as_bytes()).unwrap();
        }
    }
}
