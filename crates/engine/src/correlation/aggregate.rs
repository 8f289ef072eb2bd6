//! The value of a window, kept while events come and go.

use std::collections::HashMap;

use super::number::Decimal;
use super::{Counted, Event};
use crate::policy::{Bound, Operator, Window, WindowKind};

/// What a window comes to. Adding and removing an event costs no more than the logarithm of their number.
pub(super) enum Aggregate<'e> {
    Count(usize),
    Distinct(HashMap<&'e Counted, usize>),
    Sum {
        sum: i128,
        count: usize,
    },
    Average {
        sum: i128,
        count: usize,
    },
    Percentile {
        ranks: Ranks,
        percentile: u8,
    },
    /// Events by source.
    Sources(Vec<usize>),
}

impl<'e> Aggregate<'e> {
    /// Of nothing yet. `events` are all that may come.
    pub(super) fn new(window: &Window, events: &[Event]) -> Aggregate<'e> {
        match window.kind {
            WindowKind::EventCount | WindowKind::NotFollowedBy | WindowKind::FirstSeen => Aggregate::Count(0),
            WindowKind::ValueCount => Aggregate::Distinct(HashMap::new()),
            WindowKind::ValueSum => Aggregate::Sum { sum: 0, count: 0 },
            WindowKind::ValueAvg => Aggregate::Average { sum: 0, count: 0 },
            WindowKind::ValuePercentile(percentile) => Aggregate::Percentile { ranks: Ranks::of(events), percentile },
            WindowKind::Temporal | WindowKind::TemporalOrdered => Aggregate::Sources(vec![0; window.sources.len()]),
        }
    }

    pub(super) fn add(&mut self, event: &'e Event) {
        match (self, &event.counted) {
            (Aggregate::Count(count), _) => *count += 1,
            (Aggregate::Distinct(known), texts @ Counted::Texts(_)) => *known.entry(texts).or_default() += 1,
            (Aggregate::Sum { sum, count } | Aggregate::Average { sum, count }, Counted::Number(number)) => {
                *sum += number.0;
                *count += 1;
            }
            (Aggregate::Percentile { ranks, .. }, Counted::Number(number)) => ranks.change(*number, true),
            (Aggregate::Sources(counts), _) => each_source(event, counts, |count| *count += 1),
            _ => {}
        }
    }

    pub(super) fn remove(&mut self, event: &'e Event) {
        match (self, &event.counted) {
            (Aggregate::Count(count), _) => *count -= 1,
            (Aggregate::Distinct(known), texts @ Counted::Texts(_)) => {
                if let Some(count) = known.get_mut(texts) {
                    *count -= 1;
                    if *count == 0 {
                        known.remove(texts);
                    }
                }
            }
            (Aggregate::Sum { sum, count } | Aggregate::Average { sum, count }, Counted::Number(number)) => {
                *sum -= number.0;
                *count -= 1;
            }
            (Aggregate::Percentile { ranks, .. }, Counted::Number(number)) => ranks.change(*number, false),
            (Aggregate::Sources(counts), _) => each_source(event, counts, |count| *count -= 1),
            _ => {}
        }
    }

    /// The value, if the window holds; the value is `None` where nothing is counted.
    pub(super) fn holds(&self, bounds: &[Bound]) -> Option<Option<Decimal>> {
        if let Aggregate::Sources(counts) = self {
            return counts.iter().all(|count| *count > 0).then_some(None);
        }
        // Some numbers are fractions: both sides are multiplied, so that nothing is rounded before it is compared.
        let (value, times) = match self {
            Aggregate::Count(count) => (Decimal::of(*count).0, 1),
            Aggregate::Distinct(known) => (Decimal::of(known.len()).0, 1),
            Aggregate::Sum { count: 0, .. } | Aggregate::Average { count: 0, .. } => return None,
            Aggregate::Sum { sum, .. } => (*sum, 1),
            Aggregate::Average { sum, count } => (*sum, i128::try_from(*count).ok()?),
            Aggregate::Percentile { ranks, percentile } => (ranks.percentile(*percentile)?, 100),
            Aggregate::Sources(_) => return None,
        };
        let met = |bound: &Bound| {
            let Some(than) = Decimal::read(&bound.than) else { return false };
            let than = than.0 * times;
            match bound.operator {
                Operator::Gt => value > than,
                Operator::Gte => value >= than,
                Operator::Lt => value < than,
                Operator::Lte => value <= than,
                Operator::Eq => value == than,
                Operator::Neq => value != than,
            }
        };
        bounds.iter().all(met).then_some(Some(Decimal(value / times)))
    }
}

fn each_source(event: &Event, counts: &mut [usize], change: impl Fn(&mut usize)) {
    for (number, count) in counts.iter_mut().enumerate() {
        if event.is_of(number) {
            change(count);
        }
    }
}

impl Event {
    /// Whether it belongs to the source with this number.
    pub(super) fn is_of(&self, source: usize) -> bool {
        u32::try_from(source).is_ok_and(|source| self.sources & 1_u64.unbounded_shl(source) != 0)
    }
}

/// Numbers by rank, counted in a tree of sums (Fenwick), so that the k-th smallest is found without sorting anew.
pub(super) struct Ranks {
    values: Vec<Decimal>,
    sums: Vec<usize>,
    count: usize,
}

impl Ranks {
    fn of(events: &[Event]) -> Ranks {
        let number = |event: &Event| if let Counted::Number(number) = event.counted { Some(number) } else { None };
        let mut values: Vec<Decimal> = events.iter().filter_map(number).collect();
        values.sort_unstable();
        values.dedup();
        Ranks { sums: vec![0; values.len() + 1], values, count: 0 }
    }

    fn change(&mut self, value: Decimal, more: bool) {
        let Ok(place) = self.values.binary_search(&value) else { return };
        let mut at = place + 1;
        while let Some(sum) = self.sums.get_mut(at) {
            *sum = if more { *sum + 1 } else { *sum - 1 };
            at += at & at.wrapping_neg();
        }
        self.count = if more { self.count + 1 } else { self.count - 1 };
    }

    /// The value with so many smaller or equal ones before it.
    fn nth(&self, before: usize) -> Option<Decimal> {
        let (mut at, mut left) = (0, before);
        let mut step = self.values.len().next_power_of_two();
        while step > 0 {
            if let Some(sum) = self.sums.get(at + step).filter(|sum| **sum <= left) {
                left -= sum;
                at += step;
            }
            step /= 2;
        }
        self.values.get(at).copied()
    }

    /// A hundred times the percentile, interpolated between the two nearest ranks.
    fn percentile(&self, percentile: u8) -> Option<i128> {
        let last = self.count.checked_sub(1)?;
        let rank = last * usize::from(percentile);
        let (lower, part) = (rank / 100, rank % 100);
        let low = self.nth(lower)?.0;
        let high = self.nth((lower + 1).min(last))?.0;
        Some(low * 100 + (high - low) * i128::try_from(part).ok()?)
    }
}
