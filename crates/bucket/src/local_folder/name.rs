//! The map between keys and file names: injective, never out of the folder, and plain for ordinary keys.
//!
//! Each segment of a key (between slashes) becomes one name, `%`-escaped. A name says by its form what it is, so an
//! object, a folder and a file of our own can never meet:
//!
//! | name | what it is | forms |
//! | --- | --- | --- |
//! | object | the last segment | `x.json` (has a dot); `x%` (has none) |
//! | folder | any other segment | `AWSLogs` (has no dot); `v1.2%` (has one) |
//! | `%-` | the empty segment, in either place | `%-%` as an object, `%-` as a folder |
//! | `…%c` | a piece of a long segment; the rest is inside | the last piece begins with `%c` |
//! | `…%m` | the metadata of the object beside it | never listed |
//! | `%t…` | a file being written | never listed |
//! | `%locks` | lock files, in the root only | never listed |
//!
//! `%` is always escaped as `%25`, so what follows a `%` in a segment is two capital hex digits, and none of these
//! marks can come from a key.

use std::path::PathBuf;

/// What a mark is put on or read from: the last segment of a key, or one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Object,
    Folder,
}

/// What a name in a folder stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The (rest of the) segment of an object or folder, in bytes.
    Segment(Role, Vec<u8>),
    /// A folder that holds the rest of a segment that begins so, in bytes.
    Continued(Vec<u8>),
    /// A file of our own, not to be listed.
    Ours,
    /// None of ours.
    Foreign,
}

/// The folder of lock files, in the root.
pub(crate) const LOCKS: &str = "%locks";
/// How names of files being written begin.
pub(crate) const TEMPORARY: &str = "%t";
/// How names of sidecars end.
pub(crate) const SIDECAR: &str = "%m";

const CONTINUED: &str = "%c";
const EMPTY: &str = "%-";
/// The longest piece of an escaped segment, in bytes. File systems allow 255 in a name; the marks come on top.
const PIECE: usize = 200;

/// The path of a key's object, relative to the root.
pub(crate) fn object_path(key: &str) -> PathBuf {
    let (folders, last) = key.rsplit_once('/').map_or((None, key), |(folders, last)| (Some(folders), last));
    let mut path = String::with_capacity(key.len() + 16);
    for segment in folders.into_iter().flat_map(|folders| folders.split('/')) {
        push_names(&mut path, segment, Role::Folder);
    }
    push_names(&mut path, last, Role::Object);
    path.into()
}

/// Puts the names of a segment behind a path. As a rule it is its own name, or all but a mark.
fn push_names(path: &mut String, segment: &str, role: Role) {
    let mut name = |parts: [&str; 2]| {
        if !path.is_empty() {
            path.push('/');
        }
        parts.into_iter().for_each(|part| path.push_str(part));
    };
    if is_plain(segment) {
        name([segment, mark(segment, role)]);
    } else {
        segment_names(segment, role).iter().for_each(|own| name([own, ""]));
    }
}

/// Whether a segment is one name, and nothing in it is escaped.
fn is_plain(segment: &str) -> bool {
    (1..=PIECE).contains(&segment.len())
        && segment.bytes().all(|byte| PLAIN[usize::from(byte)])
        && segment.bytes().any(|byte| byte != b'.')
}

/// Bytes that stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        plain[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'=' | b'@' | b',' | b'~' | b' ' | b'-');
        byte += 1;
    }
    plain
};

/// What is put behind a name whose form would say that it is something else.
fn mark(name: &str, role: Role) -> &'static str {
    if name.contains('.') == (role == Role::Object) { "" } else { "%" }
}

/// Whether a file's name, behind those of the folders that hold the beginning of its segment, is what is kept for the segment.
pub(crate) fn is_own(segment: &str, role: Role, (before, name): (&[String], &str)) -> bool {
    if before.is_empty() && is_plain(segment) {
        return name.strip_prefix(segment) == Some(mark(segment, role));
    }
    let names = segment_names(segment, role);
    names.iter().map(String::as_str).eq(before.iter().map(String::as_str).chain([name]))
}

/// The path of the folder that holds the keys which begin with `prefix`, relative to the root.
/// The prefix is empty or ends in a slash.
pub(crate) fn folder_path(prefix: &str) -> PathBuf {
    match prefix.strip_suffix('/') {
        None => PathBuf::new(),
        Some(folders) => folders.split('/').flat_map(|segment| segment_names(segment, Role::Folder)).collect(),
    }
}

/// The names of one segment, outermost first: one, or more if it is long.
pub(crate) fn segment_names(segment: &str, role: Role) -> Vec<String> {
    let escaped = escape(segment);
    let mut rest = escaped.as_str();
    let mut names = Vec::new();
    while rest.len() > PIECE {
        let (piece, after) = rest.split_at(cut(rest));
        names.push(format!("{piece}{CONTINUED}"));
        rest = after;
    }
    // The mark before a last piece keeps it from being `.` or `..`.
    let begin = if names.is_empty() { "" } else { CONTINUED };
    let end = mark(rest, role);
    names.push(format!("{begin}{rest}{end}"));
    names
}

/// Reads a name. `inside` tells that it stands in a folder of a [`Name::Continued`].
///
/// Lenient where the caller checks anyway: a segment counts only if [`segment_names`] gives the same names for it.
pub(crate) fn read_name(name: &str, inside: bool) -> Name {
    if name.starts_with(TEMPORARY) || name.ends_with(SIDECAR) || name == LOCKS {
        return Name::Ours;
    }
    if let Some(piece) = name.strip_suffix(CONTINUED) {
        return match unescape(piece) {
            Some(bytes) if !bytes.is_empty() => Name::Continued(bytes),
            _ => Name::Foreign,
        };
    }
    let piece = if inside { name.strip_prefix(CONTINUED) } else { Some(name) };
    let Some(piece) = piece else {
        return Name::Foreign;
    };
    let (piece, marked) = match piece.strip_suffix('%') {
        Some(piece) => (piece, true),
        None => (piece, false),
    };
    let role = if piece.contains('.') == marked { Role::Folder } else { Role::Object };
    if piece == EMPTY {
        return Name::Segment(role, Vec::new());
    }
    unescape(piece).map_or(Name::Foreign, |bytes| Name::Segment(role, bytes))
}

fn escape(segment: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    if segment.is_empty() {
        return EMPTY.to_owned();
    }
    let only_dots = segment.bytes().all(|byte| byte == b'.');
    let mut escaped = String::with_capacity(segment.len() + 8);
    for byte in segment.bytes() {
        if PLAIN[usize::from(byte)] && !only_dots {
            escaped.push(char::from(byte));
        } else {
            escaped.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    escaped
}

fn unescape(piece: &str) -> Option<Vec<u8>> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'A'..=b'F' => Some(byte - b'A' + 10),
            _ => None,
        }
    }
    let mut bytes = piece.bytes();
    let mut segment = Vec::with_capacity(piece.len());
    while let Some(byte) = bytes.next() {
        segment.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            plain => plain,
        });
    }
    Some(segment)
}

/// Where to cut a long escaped segment: after [`PIECE`] bytes, or just before the escape that stands there.
fn cut(escaped: &str) -> usize {
    let bytes = escaped.as_bytes();
    (PIECE - 2..PIECE).find(|&at| bytes.get(at) == Some(&b'%')).unwrap_or(PIECE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    /// The key of a path that [`object_path`] gave, read name by name as a listing does.
    fn key_of(path: &Path) -> Option<String> {
        let mut key = Vec::new();
        let mut inside = false;
        let mut ended = false;
        for component in path.components() {
            let Component::Normal(name) = component else {
                return None;
            };
            if ended {
                return None;
            }
            match read_name(name.to_str()?, inside) {
                Name::Continued(bytes) => {
                    key.extend(bytes);
                    inside = true;
                }
                Name::Segment(role, bytes) => {
                    key.extend(bytes);
                    inside = false;
                    ended = role == Role::Object;
                    if !ended {
                        key.push(b'/');
                    }
                }
                Name::Ours | Name::Foreign => return None,
            }
        }
        ended.then(|| String::from_utf8(key).ok())?
    }

    #[test]
    fn ordinary_keys_stay_as_they_are() {
        let key = "AWSLogs/o-abc123/111111111111/CloudTrail/us-east-1/2026/01/31/\
                   111111111111_CloudTrail_us-east-1_20260131T2355Z_AbCdEf.json.gz";
        assert_eq!(object_path(key), Path::new(key));
        assert_eq!(folder_path("AWSLogs/111111111111/"), Path::new("AWSLogs/111111111111"));
        assert_eq!(folder_path(""), Path::new(""));
    }

    #[test]
    fn odd_keys_have_safe_names() {
        for (key, path) in [
            ("a", "a%"),
            ("a/b", "a/b%"),
            ("a.b", "a.b"),
            ("a.b/c.d", "a.b%/c.d"),
            ("a/", "a/%-%"),
            ("/", "%-/%-%"),
            ("/a", "%-/a%"),
            ("x//y", "x/%-/y%"),
            (".", "%2E%"),
            ("..", "%2E%2E%"),
            ("../../etc", "%2E%2E/%2E%2E/etc%"),
            ("...", "%2E%2E%2E%"),
            ("..a", "..a"),
            ("a%2Fb", "a%252Fb%"),
            ("a%", "a%25%"),
            ("%locks/00", "%25locks/00%"),
            ("a\\b:c", "a%5Cb%3Ac%"),
            ("a\0", "a%00%"),
            ("鍵.json", "%E9%8D%B5.json"),
            ("a+b =@,~-_", "a+b =@,~-_%"),
        ] {
            assert_eq!(object_path(key), Path::new(path), "{key}");
            assert_eq!(key_of(Path::new(path)).as_deref(), Some(key));
        }
    }

    #[test]
    fn a_long_segment_is_cut_between_escapes_and_never_ends_in_dots_alone() {
        let names = segment_names(&format!("{}..", "a".repeat(200)), Role::Object);
        assert_eq!(names, [format!("{}%c", "a".repeat(200)), "%c..".to_owned()]);
        let names = segment_names(&format!("{}鍵", "a".repeat(199)), Role::Object);
        assert_eq!(names, [format!("{}%c", "a".repeat(199)), "%c%E9%8D%B5%".to_owned()]);
        let names = segment_names(&format!("{}\n", "a".repeat(197)), Role::Folder);
        assert_eq!(names, [format!("{}%0A", "a".repeat(197))]);
        assert!(segment_names(&".".repeat(1024), Role::Object).iter().all(|name| name.len() <= 205));
    }

    fn any_key() -> impl Strategy<Value = String> {
        let segment = prop_oneof![
            3 => "[a-cA-C.%~ +-]{0,4}",
            1 => "[.]{0,3}",
            1 => ".{0,6}",
            1 => "[a.]{196,204}[.%鍵a]{0,4}",
            1 => any::<String>(),
        ];
        prop::collection::vec(segment, 1..5).prop_map(|segments| segments.join("/"))
    }

    /// Segments as keys have them, and the odd ones.
    fn segment() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9._+=@,~ -]{0,12}",
            "[.]{0,4}",
            "[a%/*\u{e9}.]{0,6}".prop_map(|text| text.replace('/', "")),
            "[a.]{195,410}",
        ]
    }

    proptest! {
        /// The slow twin puts every segment's names together, escaped or not.
        #[test]
        fn paths_are_the_names_of_all_segments(segments in prop::collection::vec(segment(), 1..6)) {
            let (last, folders) = segments.split_last().unwrap();
            let slow: PathBuf = folders
                .iter()
                .flat_map(|segment| segment_names(segment, Role::Folder))
                .chain(segment_names(last, Role::Object))
                .collect();
            prop_assert_eq!(object_path(&segments.join("/")), slow);
        }

        #[test]
        fn only_the_names_of_a_segment_are_its_own(one in segment(), other in segment(), folder in any::<bool>()) {
            let role = if folder { Role::Folder } else { Role::Object };
            for (segment, named) in [(&one, &one), (&one, &other)] {
                let names = segment_names(named, role);
                let (name, before) = names.split_last().unwrap();
                prop_assert_eq!(is_own(segment, role, (before, name)), segment_names(segment, role) == names);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn key_to_path_to_key_is_the_identity(key in any_key().prop_filter("keys are not empty", |key| !key.is_empty())) {
            let path = object_path(&key);
            prop_assert_eq!(key_of(&path), Some(key.clone()));
            for component in path.components() {
                let Component::Normal(name) = component else { return Err(TestCaseError::fail("not a plain name")) };
                let name = name.to_str().unwrap();
                prop_assert!(name.len() <= 205 && name.is_ascii());
                prop_assert!(read_name(name, false) != Name::Ours);
                prop_assert!(!name.bytes().any(|byte| byte.is_ascii_control()));
            }
            // What was joined is what was meant: no name was swallowed as `.`, and none holds a slash.
            prop_assert_eq!(path.components().count(), path.to_str().unwrap().split('/').count());
        }

        #[test]
        fn no_two_keys_share_a_path_or_stand_in_each_others_way(keys in prop::collection::btree_set(any_key(), 2..12)) {
            let paths: BTreeSet<PathBuf> = keys.iter().map(|key| object_path(key)).collect();
            prop_assert_eq!(paths.len(), keys.len());
            for path in &paths {
                for ancestor in path.ancestors().skip(1) {
                    prop_assert!(!paths.contains(ancestor), "an object's file is another's folder");
                }
            }
        }

        #[test]
        fn reading_any_name_never_panics(name in any::<String>(), inside in any::<bool>()) {
            read_name(&name, inside);
        }
    }
}
