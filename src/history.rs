//! Who changed a resource, when, and from what to what, as the logs tell it.

pub(crate) mod change;
pub(crate) mod resource;
pub(crate) mod text;
