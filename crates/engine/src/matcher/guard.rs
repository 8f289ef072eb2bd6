//! Items that a policy requires: where one of them is false, so is the policy, whatever else the record holds.
//!
//! A policy that names neither event source nor event name is spared most records by one such item, its guard. False
//! and-ed with anything is false, and only what stands under `and` is taken; an item that cannot be told of a record (its
//! content was omitted) is not false, so the policy is then tried.

use std::collections::BTreeMap;

use super::compile::Items;
use super::expression::Expression;
use crate::policy::{Item, Literal, Modifier};
use crate::record::Derived;

/// The numbers of the items without which the condition is false, ascending.
pub(super) fn required(condition: &Expression) -> Vec<u32> {
    match condition {
        Expression::Item(item) => vec![*item],
        Expression::Every(parts) => {
            let mut all: Vec<u32> = parts.iter().flat_map(required).collect();
            all.sort_unstable();
            all.dedup();
            all
        }
        Expression::Some(parts) => common(parts.iter().map(required)),
        Expression::Not(_) | Expression::Words { .. } | Expression::Known(_) => Vec::new(),
    }
}

/// What all parts require.
fn common(parts: impl Iterator<Item = Vec<u32>>) -> Vec<u32> {
    parts.reduce(|all, part| all.into_iter().filter(|item| part.contains(item)).collect()).unwrap_or_default()
}

/// Items with the policies that they guard, and the policies without a guard; both ascending.
pub(super) type Guarded = (Vec<(u32, Vec<u32>)>, Vec<u32>);

/// Gives each policy the cheapest of the items that it requires, and among equals the one that most policies require.
pub(super) fn choose(policies: Vec<(u32, Vec<u32>)>, items: &Items) -> Guarded {
    let mut wanted: BTreeMap<u32, usize> = BTreeMap::new();
    for item in policies.iter().flat_map(|(_, required)| required) {
        *wanted.entry(*item).or_default() += 1;
    }
    let (mut guarded, mut always) = (BTreeMap::<u32, Vec<u32>>::new(), Vec::new());
    for (policy, required) in policies {
        let rank = |item: &u32| {
            let price = items.written(*item).map_or(u32::MAX, price);
            (price, std::cmp::Reverse(wanted.get(item).copied().unwrap_or(0)), *item)
        };
        match required.into_iter().min_by_key(rank) {
            Some(item) => guarded.entry(item).or_default().push(policy),
            None => always.push(policy),
        }
    }
    (guarded.into_iter().collect(), always)
}

/// What asking the item costs, roughly, and how seldom it holds: whole texts of a short path first.
fn price(item: &Item) -> u32 {
    let plain = item.modifiers.iter().all(|modifier| *modifier == Modifier::Cased);
    let exact = |literal: &Literal| match literal {
        Literal::Text(text) => !text.is_empty() && !text.contains(['*', '?']),
        Literal::Number(_) | Literal::Bool(_) => true,
        Literal::Null | Literal::Map(_) => false,
    };
    let depth = u32::try_from(item.field.keys.len()).unwrap_or(u32::MAX);
    // A derived field is made of several, and its commonest value says little.
    let derived = Derived::of(&item.field.keys).is_some();
    let usually_true = item.modifiers.contains(&Modifier::Neq) || item.values.contains(&Literal::Null);
    match (usually_true, derived, plain && item.values.iter().all(exact)) {
        (true, ..) => 1000,
        (false, true, _) => 500,
        (false, false, true) => depth,
        (false, false, false) => depth.saturating_mul(10),
    }
}
