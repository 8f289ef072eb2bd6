//! The JSON Schema of policy files, for editors: policies, correlations, filters and frameworks. The loader is what decides; the
//! tests hold the two together.

/// Draft 2020-12.
pub(crate) const SCHEMA: &str = include_str!("schema/schema.json");

#[cfg(test)]
mod tests;
