//! The JSON Schema of the configuration, for editors. The reader is what decides; the tests hold the two together.

/// Draft 2020-12, plus `x-substituted` on values that take `${env:NAME}`.
pub(crate) const SCHEMA: &str = include_str!("schema/schema.json");

#[cfg(test)]
pub(crate) mod validator;

#[cfg(test)]
mod tests;
