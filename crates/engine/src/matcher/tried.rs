//! On which records a policy is tried, for those who want to know what their policies cost.

use crate::candidates::Candidate;
use crate::policy::Item;

/// On which records a policy is tried; what costs least comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tried {
    /// On none: its condition can never hold.
    Never,
    /// On those with its event sources and names.
    SourceAndName,
    /// On those with its event names.
    Name,
    /// On those with its event sources.
    Source,
    /// On those for which this item, which it requires, is not false. The item is asked of every record.
    Guarded(String),
    /// On all: it names neither source nor name, and there is no item that it always requires.
    Always,
}

/// Longest item that is shown, characters.
const SHOWN: usize = 60;

impl Tried {
    pub(super) fn of<'i>(alternatives: &[Candidate], guard: impl Fn() -> Option<&'i Item>) -> Tried {
        let one = |alternative: &Candidate| match (&alternative.sources, &alternative.names) {
            (Some(_), Some(_)) => Tried::SourceAndName,
            (None, Some(_)) => Tried::Name,
            (Some(_), None) => Tried::Source,
            (None, None) => guard().map_or(Tried::Always, |item| Tried::Guarded(shown(item))),
        };
        alternatives.iter().map(one).max().unwrap_or(Tried::Never)
    }
}

fn shown(item: &Item) -> String {
    let values: Vec<_> = item.values.iter().map(|value| value.written()).collect();
    let text = format!("{}: {}", item.written(), values.join(" or "));
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN - 1).chain(['…']).collect()
}
