//! Turns items as written into checks.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::field::Path;
use crate::cidr::Cidr;
use crate::pattern::{Place, TextPattern, encodes, encodings};
use crate::policy::{FieldPath, Item, Literal, Modifier, regex_from};
use crate::record::top::TopField;
use crate::time::Part;

/// The items of all policies; those that ask the same of the same field are one, so that it is asked once per record.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: Vec<CompiledItem>,
    written: Vec<Item>,
    by_field: HashMap<String, Vec<u32>>,
}

impl Items {
    pub(super) fn get(&self, number: u32) -> Option<&CompiledItem> {
        self.items.get(number as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Has the item's answer kept for the rest of the record.
    pub(super) fn share(&mut self, number: u32) {
        if let Some(item) = self.items.get_mut(number as usize) {
            item.shared = true;
        }
    }

    /// The item as written.
    pub(super) fn written(&self, number: u32) -> Option<&Item> {
        self.written.get(number as usize)
    }

    /// The number of the item; the same for all that ask the same.
    pub(super) fn add(&mut self, item: &Item) -> u32 {
        let known = self.by_field.entry(item.field.written.clone()).or_default();
        let same = |number: &&u32| {
            let other = self.written.get(**number as usize);
            other.is_some_and(|other| other.modifiers == item.modifiers && other.values == item.values)
        };
        if let Some(&number) = known.iter().find(same) {
            self.share(number);
            return number;
        }
        let number = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        known.push(number);
        self.items.push(CompiledItem::new(item));
        self.written.push(item.clone());
        number
    }
}

#[derive(Debug)]
pub(super) struct CompiledItem {
    pub(super) path: Path,
    pub(super) checks: Vec<Check>,
    pub(super) all: bool,
    pub(super) negate: bool,
    /// Asked in more than one place.
    pub(super) shared: bool,
}

/// What a value asks of a field.
#[derive(Debug)]
pub(super) enum Check {
    Null,
    Exists(bool),
    Texts(Vec<TextPattern>),
    Number { text: String },
    Compare { order: Order, than: String },
    TimePart { part: Part, order: Order, than: String },
    Regex(regex::Regex),
    Cidr(Cidr),
    FieldRef { path: Path, place: Place, cased: bool },
    Map(Vec<CompiledItem>),
}

/// How a number must stand to the policy's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

impl Order {
    pub(super) fn admits(self, found: Ordering) -> bool {
        match self {
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
            Order::Equal => found.is_eq(),
        }
    }
}

impl CompiledItem {
    fn new(item: &Item) -> CompiledItem {
        CompiledItem {
            path: Path::new(&item.field),
            checks: item.values.iter().map(|value| Check::new(value, &item.modifiers)).collect(),
            all: item.has(Modifier::All),
            negate: item.has(Modifier::Neq),
            shared: false,
        }
    }

    /// The top-level field that the item looks at, if it looks at nothing else.
    pub(super) fn only_field(&self) -> Option<TopField> {
        self.path.only_field().filter(|_| !self.refers())
    }

    /// Whether the item looks at the derived field `outcome` and at nothing else.
    pub(super) fn only_outcome(&self) -> bool {
        self.path.is_outcome() && !self.refers()
    }

    fn refers(&self) -> bool {
        self.checks.iter().any(|check| matches!(check, Check::FieldRef { .. }))
    }
}

impl Check {
    /// The loader has refused values that a modifier cannot work on, so the fallbacks below are never met by a policy
    /// that loads; each of them matches nothing.
    fn new(literal: &Literal, modifiers: &[Modifier]) -> Check {
        let has = |modifier| modifiers.contains(&modifier);
        let text = literal.written();
        let (place, cased) = (Place::of(modifiers), has(Modifier::Cased));
        if let Literal::Map(items) = literal {
            return Check::Map(items.iter().map(CompiledItem::new).collect());
        }
        if has(Modifier::Exists) {
            return Check::Exists(*literal == Literal::Bool(true));
        }
        if has(Modifier::Re) {
            return regex_from(&text, modifiers).map_or(Check::Texts(Vec::new()), Check::Regex);
        }
        if has(Modifier::Cidr) {
            return Cidr::parse(&text).map_or(Check::Texts(Vec::new()), Check::Cidr);
        }
        if has(Modifier::FieldRef) {
            return Check::FieldRef { path: Path::new(&FieldPath::new(&text)), place, cased };
        }
        if let Some(part) = modifiers.iter().find_map(|modifier| part(*modifier)) {
            return Check::TimePart { part, order: order(modifiers), than: text };
        }
        if modifiers.iter().any(|modifier| modifier.is_comparison()) {
            return Check::Compare { order: order(modifiers), than: text };
        }
        match literal {
            Literal::Null => Check::Null,
            Literal::Number(_) if place == Place::Whole && encodings(&text, modifiers).len() == 1 && !encodes(modifiers) => {
                Check::Number { text }
            }
            _ if encodes(modifiers) => {
                Check::Texts(encodings(&text, modifiers).iter().map(|text| TextPattern::literal(text, place, cased)).collect())
            }
            _ => Check::Texts(encodings(&text, modifiers).iter().map(|text| TextPattern::wildcard(text, place, cased)).collect()),
        }
    }
}

fn order(modifiers: &[Modifier]) -> Order {
    let has = |modifier| modifiers.contains(&modifier);
    if has(Modifier::Lt) {
        Order::Less
    } else if has(Modifier::Lte) {
        Order::LessOrEqual
    } else if has(Modifier::Gt) {
        Order::Greater
    } else if has(Modifier::Gte) {
        Order::GreaterOrEqual
    } else {
        Order::Equal
    }
}

fn part(modifier: Modifier) -> Option<Part> {
    Some(match modifier {
        Modifier::Minute => Part::Minute,
        Modifier::Hour => Part::Hour,
        Modifier::Day => Part::Day,
        Modifier::Week => Part::Week,
        Modifier::Month => Part::Month,
        Modifier::Year => Part::Year,
        _ => return None,
    })
}
