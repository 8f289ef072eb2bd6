//! The JSON Schema of the configuration, for editors. The reader is what decides; the tests hold the two together.

/// Draft 2020-12.
pub(crate) const SCHEMA: &str = include_str!("schema.json");
