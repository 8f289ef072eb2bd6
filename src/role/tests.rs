//! Templates of some configurations, held against snapshots, grammar and the code.
