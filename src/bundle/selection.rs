//! Which copies of evidence belong in a bundle: those behind findings, the digests that cover them, and of the same accounts
//! and regions what is damaged.

use std::collections::BTreeSet;

use assize_engine::layout::{self, Folder};

use crate::manifest::FormatError;
use crate::manifest::inputs::{self, Input};
use crate::manifest::statement::InputCounts;
use crate::verify::place::{Cell, Elsewhere};

/// What belongs in a bundle, and what is known of the rest.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Keys in the audit bucket.
    pub(crate) copies: BTreeSet<String>,
    /// Log objects of the same accounts and regions that are left out.
    pub(crate) elsewhere: Elsewhere,
}

impl Selection {
    /// Selects by what findings name and what the run's list has. The list is read twice and held never.
    ///
    /// # Errors
    /// Either is not what assize writes.
    pub(crate) fn of(findings: &[u8], list: &[u8], counts: &InputCounts) -> Result<Selection, FormatError> {
        let behind = inputs::behind(findings)?;
        let (mut places, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for input in inputs::lines(list) {
            let input = input?;
            if input.names().any(|name| behind.contains(&name)) {
                cells.extend(cell(&input).map(|(cell, _)| cell));
                places.insert((input.source, input.key));
            }
        }
        let days = counts.first_day..counts.last_day.saturating_add(1);
        let mut selection = Selection { elsewhere: Elsewhere { days, ..Elsewhere::default() }, ..Selection::default() };
        for input in inputs::lines(list) {
            let input = input?;
            let cell = cell(&input).filter(|(cell, _)| cells.contains(cell));
            let digest = cell.as_ref().is_some_and(|(_, folder)| *folder == Folder::Digest);
            // Of what cannot be inflated no digest can be held against a hash, so it has to be looked at itself.
            let damaged = cell.is_some() && input.inflated_sha256.is_none();
            // Every version of an object that was replaced: the digest names one of them.
            let chosen = digest || damaged || places.contains(&(input.source.clone(), input.key.clone()));
            match (cell, input.evidence_key, input.inflated_sha256) {
                (_, Some(key), _) if chosen => drop(selection.copies.insert(key)),
                (Some(((bucket, ..), _)), _, Some(hash)) if !chosen => {
                    selection.elsewhere.hashes.entry((bucket, input.key)).or_default().insert(hash);
                }
                _ => {}
            }
        }
        Ok(selection)
    }
}

/// Where CloudTrail put an object.
fn cell(input: &Input) -> Option<(Cell, Folder)> {
    let bucket = input.source.strip_prefix("s3://")?.to_owned();
    let key = layout::parse(&input.key).ok()?;
    Some(((bucket, key.root.to_owned(), key.account.to_owned(), key.region.to_owned()), key.folder))
}
