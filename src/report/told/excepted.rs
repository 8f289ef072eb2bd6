//! Hours that are not covered and that somebody answers for.

use std::collections::BTreeMap;
use std::ops::Range;

use assize_engine::coverage::{Ask, CellEvidence};
use assize_engine::policy::Evidence;
use assize_engine::time;

use crate::collect::collected::CellKey;
use crate::config::CoverageException;
use crate::report::v1::Exception;

/// Tells which exceptions hold at a time (seconds since 1970), and of how many hours; an hour counts with the first that fits.
pub(crate) fn of(
    exceptions: &[CoverageException],
    cells: &BTreeMap<CellKey, CellEvidence>,
    (hours, grade): (&Range<i64>, Evidence),
    as_of: i64,
) -> Vec<Exception> {
    let mut counts = vec![0_u64; exceptions.len()];
    for (key, cell) in cells {
        for (hole, reason) in cell.uncovered(hours.clone(), &Ask::any(grade)) {
            for hour in hole {
                let fits = |one: &CoverageException| one.holds(key, reason, hour);
                if let Some(count) = exceptions.iter().position(fits).and_then(|at| counts.get_mut(at)) {
                    *count += 1;
                }
            }
        }
    }
    let told = |(exception, hours): (&CoverageException, u64)| Exception {
        accounts: exception.accounts.clone(),
        regions: exception.regions.clone(),
        reasons: exception.reasons.iter().map(|reason| reason.code().to_owned()).collect(),
        reason: exception.reason.clone(),
        owner: exception.owner.clone(),
        expires: time::format(exception.expires),
        state: match (exception.expires <= as_of, hours) {
            (true, _) => "expired",
            (false, 0) => "unused",
            _ => "holds",
        },
        hours,
    };
    exceptions.iter().zip(counts).map(told).collect()
}

/// Hours for which an exception holds.
pub(crate) fn hours(exceptions: &[Exception]) -> u64 {
    exceptions.iter().filter(|one| one.state == "holds").map(|one| one.hours).sum()
}

#[cfg(test)]
mod tests {
    use assize_engine::coverage::Reason;

    use super::*;

    #[test]
    fn an_exception_holds_until_it_expires_and_says_of_what() {
        let cell = CellEvidence { blocked: Some(Reason::Denied), ..CellEvidence::default() };
        let key = |account: &str| (account.to_owned(), "eu-west-1".to_owned());
        let cells = BTreeMap::from([(key("111122223333"), cell.clone()), (key("444455556666"), cell)]);
        let exception = |expires, reasons: &[Reason]| CoverageException {
            accounts: vec!["111122223333".to_owned()],
            regions: Vec::new(),
            reasons: reasons.to_vec(),
            since: Some(5 * 3600),
            until: None,
            reason: "being closed".to_owned(),
            owner: "security".to_owned(),
            expires,
        };
        let told = of(
            &[exception(1_000_000, &[Reason::KmsDenied]), exception(1_000_000, &[]), exception(10, &[])],
            &cells,
            (&(0..24), Evidence::Verified),
            900_000,
        );
        let said: Vec<_> = told.iter().map(|one| (one.state, one.hours)).collect();
        assert_eq!(said, [("unused", 0), ("holds", 19), ("expired", 0)]);
        assert_eq!(hours(&told), 19);
    }
}
