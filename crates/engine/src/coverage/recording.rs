//! What a trail writes down.

use super::Reason;
use crate::policy::{Category, Needs, ReadWrite};

/// How much of a kind of event a trail writes down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recorded {
    /// All of it.
    All,
    /// All but the events of these sources.
    Except(Vec<String>),
    /// Nothing.
    #[default]
    None,
    /// It could not be told; treated as nothing, never as all.
    Unknown,
}

impl Recorded {
    fn all(&self) -> bool {
        *self == Recorded::All
    }
}

/// What is written down of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Management events that read.
    pub reads: Recorded,
    /// Management events that write.
    pub writes: Recorded,
    /// Resource types whose data events are recorded without exception.
    pub data: Vec<String>,
    /// Event sources (lower case) whose calls through VPC endpoints are recorded without exception.
    pub network_activity: Vec<String>,
    /// Whether Insights are recorded.
    pub insight: bool,
}

impl Recording {
    /// Everything that management events are.
    pub fn management() -> Recording {
        Recording { reads: Recorded::All, writes: Recorded::All, ..Recording::default() }
    }

    /// Whether anything of management events is recorded: the least that makes a cell covered at all.
    pub fn any_management(&self) -> bool {
        [&self.reads, &self.writes].into_iter().any(|recorded| matches!(recorded, Recorded::All | Recorded::Except(_)))
    }

    /// Why it does not cover something: nobody knows what was recorded, or it is known that it was not.
    pub(super) fn lacking(&self) -> Reason {
        let unknown = self.reads == Recorded::Unknown && self.writes == Recorded::Unknown;
        if unknown { Reason::NoTimeline } else { Reason::NotRecorded }
    }

    /// Whether what a policy needs is recorded, without exception.
    pub fn covers(&self, needs: &Needs) -> bool {
        let reads = needs.read_write != ReadWrite::Write;
        let writes = needs.read_write != ReadWrite::Read;
        needs.categories.iter().all(|category| match category {
            Category::Management => (!reads || self.reads.all()) && (!writes || self.writes.all()),
            Category::Data if needs.resources.is_empty() => false,
            Category::Data => needs.resources.iter().all(|resource| self.data.contains(resource)),
            Category::NetworkActivity if needs.sources.is_empty() => false,
            Category::NetworkActivity => needs.sources.iter().all(|source| self.network_activity.contains(source)),
            Category::Insight => self.insight,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_covers_only_what_it_records() {
        let needs = |categories: &[Category], read_write, resources: &[&str]| Needs {
            categories: categories.to_vec(),
            read_write,
            resources: resources.iter().map(|&text| text.to_owned()).collect(),
            sources: Vec::new(),
        };
        let writes_only = Recording { writes: Recorded::All, ..Recording::default() };
        assert!(writes_only.covers(&needs(&[Category::Management], ReadWrite::Write, &[])));
        assert!(!writes_only.covers(&needs(&[Category::Management], ReadWrite::All, &[])));
        assert!(!Recording::management().covers(&needs(&[Category::Data], ReadWrite::Read, &["AWS::S3::Object"])));
        assert!(!Recording::management().covers(&needs(&[Category::Data], ReadWrite::Read, &[])));
        let objects = Recording { data: vec!["AWS::S3::Object".to_owned()], ..Recording::management() };
        assert!(objects.covers(&needs(&[Category::Management, Category::Data], ReadWrite::All, &["AWS::S3::Object"])));
        let network = |sources: &[&str]| Needs {
            sources: sources.iter().map(|&text| text.to_owned()).collect(),
            ..needs(&[Category::NetworkActivity], ReadWrite::All, &[])
        };
        let endpoints = Recording { network_activity: vec!["kms.amazonaws.com".to_owned()], ..Recording::default() };
        assert!(endpoints.covers(&network(&["kms.amazonaws.com"])) && !endpoints.covers(&network(&[])));
        assert!(!endpoints.covers(&network(&["ec2.amazonaws.com", "kms.amazonaws.com"])));
        assert!(!Recording::management().covers(&network(&["kms.amazonaws.com"])));
        let holey = Recording { reads: Recorded::Except(vec!["kms.amazonaws.com".to_owned()]), ..Recording::management() };
        assert!(!holey.covers(&needs(&[Category::Management], ReadWrite::Read, &[])) && holey.any_management());
    }
}
