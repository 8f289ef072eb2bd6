//! A condition over items, and what is left of it where some of their answers are known already.
//!
//! Truth has three values and `and` is their least, `or` their greatest, so neither order nor nesting of parts shows in the
//! result. That is why a known answer may be put in its place before any other is asked: what a record's event source and
//! name decide is decided once for all records that have them.

use std::sync::Arc;

use super::compile::Items;
use super::{every, some};
use crate::pattern::{Place, TextPattern};
use crate::policy::{Condition, Selection, Truth};

/// A condition made ready.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    /// Nothing is left to ask.
    Known(Truth),
    /// An item by its number in [`Items`].
    Item(u32),
    Not(Box<Expression>),
    Every(Box<[Expression]>),
    Some(Box<[Expression]>),
    /// Whether any value of the record, or of an element, contains all or one of the words.
    Words {
        words: Arc<[TextPattern]>,
        all: bool,
    },
}

impl Expression {
    /// Makes a condition over selections ready.
    pub(super) fn of(condition: &Condition, selections: &[(String, Selection)], items: &mut Items) -> Expression {
        match condition {
            Condition::Selection(index) => match selections.get(*index) {
                Some((_, selection)) => Expression::of_selection(selection, items),
                None => Expression::Known(Truth::False),
            },
            Condition::Not(inner) => Expression::of(inner, selections, items).negated(),
            Condition::And(parts) => Expression::every(parts.iter().map(|part| Expression::of(part, selections, items))),
            Condition::Or(parts) => Expression::some(parts.iter().map(|part| Expression::of(part, selections, items))),
        }
    }

    /// Makes a selection ready.
    pub(super) fn of_selection(selection: &Selection, items: &mut Items) -> Expression {
        match selection {
            Selection::All(parts) => Expression::every(parts.iter().map(|item| Expression::Item(items.add(item)))),
            Selection::Any(parts) => Expression::some(parts.iter().map(|part| Expression::of_selection(part, items))),
            Selection::Keywords { words, all } => {
                let words = words.iter().map(|word| TextPattern::wildcard(&word.written(), Place::Inside, false)).collect();
                Expression::Words { words, all: *all }
            }
        }
    }

    /// What is left where some answers are known.
    pub(super) fn given(&self, known: &impl Fn(u32) -> Option<Truth>) -> Expression {
        match self {
            Expression::Item(item) => known(*item).map_or(Expression::Item(*item), Expression::Known),
            Expression::Not(inner) => inner.given(known).negated(),
            Expression::Every(parts) => Expression::every(parts.iter().map(|part| part.given(known))),
            Expression::Some(parts) => Expression::some(parts.iter().map(|part| part.given(known))),
            Expression::Known(_) | Expression::Words { .. } => self.clone(),
        }
    }

    /// The answer, with what each item and each word says.
    pub(super) fn decide(&self, item: &impl Fn(u32) -> Truth, word: &impl Fn(&TextPattern) -> Truth) -> Truth {
        match self {
            Expression::Known(truth) => *truth,
            Expression::Item(number) => item(*number),
            Expression::Not(inner) => inner.decide(item, word).negate(),
            Expression::Every(parts) => every(parts, |part| part.decide(item, word)),
            Expression::Some(parts) => some(parts, |part| part.decide(item, word)),
            Expression::Words { words, all: true } => every(words, word),
            Expression::Words { words, all: false } => some(words, word),
        }
    }

    pub(super) fn is_known(&self, truth: Truth) -> bool {
        matches!(self, Expression::Known(known) if *known == truth)
    }

    fn negated(self) -> Expression {
        match self {
            Expression::Known(truth) => Expression::Known(truth.negate()),
            other => Expression::Not(Box::new(other)),
        }
    }

    fn every(parts: impl Iterator<Item = Expression>) -> Expression {
        Expression::joined(parts, Truth::True, Expression::Every)
    }

    fn some(parts: impl Iterator<Item = Expression>) -> Expression {
        Expression::joined(parts, Truth::False, Expression::Some)
    }

    /// Leaves out the parts that change nothing; one part that decides decides.
    fn joined(
        parts: impl Iterator<Item = Expression>,
        neutral: Truth,
        join: impl Fn(Box<[Expression]>) -> Expression,
    ) -> Expression {
        let mut left = Vec::new();
        for part in parts {
            if part.is_known(neutral.negate()) {
                return part;
            }
            if !part.is_known(neutral) {
                left.push(part);
            }
        }
        match left.len() {
            0 => Expression::Known(neutral),
            1 => left.remove(0),
            _ => join(left.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTHS: [Truth; 3] = [Truth::False, Truth::Unknown, Truth::True];

    /// All conditions over three items of some depth.
    fn conditions(depth: usize) -> Vec<Expression> {
        let mut all: Vec<Expression> = (0..3).map(Expression::Item).collect();
        if depth > 0 {
            let parts = conditions(depth - 1);
            all.extend(parts.iter().cloned().map(Expression::negated));
            for one in &parts {
                for other in parts.iter().step_by(3) {
                    let pair = || [one.clone(), other.clone()];
                    all.push(Expression::Every(pair().into()));
                    all.push(Expression::Some(pair().into()));
                }
            }
        }
        all
    }

    #[test]
    fn what_is_left_says_what_the_whole_says() {
        let word = |_: &TextPattern| Truth::False;
        for condition in conditions(2) {
            for number in 0..27_usize {
                let answers = [number % 3, number / 3 % 3, number / 9].map(|index| TRUTHS[index]);
                let item = |item: u32| answers[item as usize];
                let whole = condition.decide(&item, &word);
                for known in 0..8_u32 {
                    let left = condition.given(&|item| (known >> item & 1 != 0).then(|| answers[item as usize]));
                    let asked = |item: u32| {
                        assert!(known >> item & 1 == 0, "{item} of {condition:?} was known");
                        answers[item as usize]
                    };
                    assert_eq!(left.decide(&asked, &word), whole, "{condition:?} with {known:b} of {answers:?}");
                }
            }
        }
    }
}
