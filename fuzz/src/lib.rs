//! What the fuzz targets share: JSON read by `serde_json` with every key and number as it stands, and its comparison, slot
//! for slot, with the engine's own reading.

use std::fmt;

use assize_engine::json::{Kind, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// JSON as `serde_json` reads it.
pub enum Tree {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Tree>),
    /// An object, also with keys that stand twice.
    Map(Vec<(String, Tree)>),
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element()? {
            out.push(item);
        }
        Ok(Tree::List(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            out.push(entry);
        }
        Ok(Tree::Map(out))
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// What `serde_json` refuses and Assize takes: half a surrogate pair, which cut strings end with; numbers that no binary
/// fraction holds; nesting by one level deeper.
pub fn is_known_refusal(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    ["surrogate", "hex escape", "number out of range", "recursion limit"].iter().any(|known| text.contains(known))
}

/// Panics where the two readings differ.
pub fn assert_same(value: Value<'_>, tree: &Tree) {
    match tree {
        Tree::Null => assert_eq!(value.kind(), Kind::Null),
        Tree::Bool(wanted) => assert_eq!((value.kind(), &*value.text()), (Kind::Bool, if *wanted { "true" } else { "false" })),
        Tree::Number(wanted) => {
            assert_eq!(value.kind(), Kind::Number);
            let found: f64 = value.text().parse().expect("a number");
            // Whole numbers beyond 2^53 pass through an integer there.
            assert!(found == *wanted || (found - wanted).abs() <= wanted.abs() * f64::EPSILON, "{found} {wanted}");
        }
        Tree::Text(wanted) => assert_eq!((value.kind(), &*value.text()), (Kind::String, wanted.as_str())),
        Tree::List(wanted) => {
            assert_eq!(value.kind(), Kind::Array);
            let found: Vec<_> = value.items().collect();
            assert_eq!(found.len(), wanted.len());
            found.into_iter().zip(wanted).for_each(|(value, tree)| assert_same(value, tree));
        }
        Tree::Map(wanted) => {
            assert_eq!(value.kind(), Kind::Object);
            let found: Vec<_> = value.entries().collect();
            assert_eq!(found.len(), wanted.len());
            for ((key, value), (name, tree)) in found.into_iter().zip(wanted) {
                assert_eq!(key.text(), name.as_str());
                assert_same(value, tree);
            }
        }
    }
}
