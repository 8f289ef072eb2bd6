//! CloudTrail records asked: which match, in the order of time, and what is known of what was read.
//!
//! Objects are read once, and whether a record matches is a pure function over it (`query`). Of what matches the place is kept, and the
//! text as long as there is room (`gather`); in the order that is asked for the records are handed out (`shown`), those without a
//! text after they were read again. Counts keep no records at all.

pub(crate) mod columns;
pub(crate) mod counts;
pub(crate) mod csv;
pub(crate) mod gather;
pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod record;
pub(crate) mod row;
pub(crate) mod shown;
pub(crate) mod source;
pub(crate) mod table;
pub(crate) mod words;

#[cfg(test)]
pub(crate) mod example;
