//! The path of a file as a relative URI.

/// The path relative to the root of the repository, percent-encoded. A path from elsewhere, be it absolute or above the root, is
/// written as if it lay below it: a reader must never be led to a file of the machine.
pub(super) fn relative(path: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(encoded(part)),
        }
    }
    if parts.is_empty() { "policy".to_owned() } else { parts.join("/") }
}

/// Only what RFC 3986 leaves unreserved stays; so no part can be taken for a scheme, an authority, a query or a fragment.
fn encoded(part: &str) -> String {
    part.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_stay_in_the_repository() {
        for (path, uri) in [
            ("policies/identity/root-user-used.yaml", "policies/identity/root-user-used.yaml"),
            ("./policies//a.yaml", "policies/a.yaml"),
            ("/etc/assize/a.yaml", "etc/assize/a.yaml"),
            ("../../shared/a.yaml", "shared/a.yaml"),
            ("C:\\policies\\a b.yaml", "C%3A/policies/a%20b.yaml"),
            ("file:///etc/passwd", "file%3A/etc/passwd"),
            ("方針/#1?x.yaml", "%E6%96%B9%E9%87%9D/%231%3Fx.yaml"),
            ("/", "policy"),
        ] {
            assert_eq!(relative(path), uri);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_path_it_is_relative(path in any::<String>()) {
            let uri = relative(&path);
            prop_assert!(!uri.is_empty() && !uri.starts_with('/') && !uri.contains([':', '\\']));
            prop_assert!(uri.split('/').all(|part| !part.is_empty() && part != ".." && part != "."));
            prop_assert!(uri.is_ascii());
        }
    }
}
