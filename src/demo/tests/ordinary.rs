//! A pack that cries wolf is switched off. What ordinary traffic makes of it is counted here, with nothing gone wrong.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use assize_engine::evaluate::{Evaluation, ObjectName, Period};
use assize_engine::finding;
use assize_engine::identity::Secret;
use assize_engine::partial::Partial;
use assize_engine::policy::Level;
use assize_engine::record::AccountList;

use super::super::{Spec, generate};
use super::inflate;

/// Findings of an account in a week from which on nobody looks any more.
const TOO_MANY: usize = 5;

const WEEK: i64 = 7 * 86_400;

#[test]
fn the_pack_is_quiet_on_ordinary_traffic() {
    let pack = crate::pack::load(&[]).unwrap();
    let evaluation = Evaluation::new(&pack.policies, AccountList::new(), Period::default(), 50_000, Secret::new([3, 4]));
    let mut partial = Partial::of(&pack.policies);
    let mut number = 0;
    generate(&Spec { events: 50_000, seed: 7, threads: 0, incidents: false }, &mut |object| {
        let name = ObjectName { name: Arc::from(object.key.as_str()), number };
        number += 1;
        evaluation.object(&name, inflate(&object).as_slice(), &mut partial);
        Ok::<(), Infallible>(())
    })
    .unwrap();
    assert!(partial.records.evaluated > 45_000, "{:?}", partial.records);
    let mut weeks: BTreeMap<(String, i64), Vec<&str>> = BTreeMap::new();
    for found in finding::findings(&pack.policies, &mut partial, &assize_engine::correlation::Known::always()) {
        let policy = &pack.policies[found.policy];
        if policy.level >= Level::Medium {
            weeks.entry((found.group.account.clone(), found.first() / WEEK)).or_default().push(&policy.id);
        }
    }
    let loud: Vec<_> = weeks.iter().filter(|(_, policies)| policies.len() >= TOO_MANY).collect();
    assert!(loud.is_empty(), "{loud:#?}");
    // Some ordinary work is worth a look: a pack that never speaks would pass this test too.
    assert!(!weeks.is_empty());
}
