//! What the organisation owns: its accounts, its regions, and the resources in each account and region.
//!
//! Account ids are of the kind that documentation uses for examples, addresses are of the ranges reserved for
//! documentation, and domains end in `.example`: nothing here belongs to anybody.

use crate::demo::random::Random;

/// The organisation's id, which is part of every object's key.
pub(crate) const ORGANISATION: &str = "o-k4ig4nl0g1";
/// An account outside the organisation, to which things leak.
pub(crate) const STRANGER: &str = "999988887777";
/// The monitoring vendor's account, which is trusted to read.
pub(crate) const VENDOR: &str = "888877776666";

/// A member account of the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    /// Pays, owns Identity Center and the organisation trail.
    Management,
    /// Holds the logs; security's hub role lives here.
    LogArchive,
    /// Web team's development.
    WebDev,
    /// Data team's development.
    DataDev,
    /// Web team's production.
    WebProd,
    /// Data team's production.
    DataProd,
}

/// All members, in the order of their ids.
pub(crate) const MEMBERS: [Member; 6] =
    [Member::Management, Member::LogArchive, Member::WebDev, Member::DataDev, Member::WebProd, Member::DataProd];

/// The members that run workloads.
pub(crate) const WORKLOADS: [Member; 4] = [Member::WebDev, Member::DataDev, Member::WebProd, Member::DataProd];

impl Member {
    /// The account's id.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Member::Management => "111122223333",
            Member::LogArchive => "222233334444",
            Member::WebDev => "333344445555",
            Member::DataDev => "444455556666",
            Member::WebProd => "555566667777",
            Member::DataProd => "666677778888",
        }
    }

    /// The account's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Member::Management => "kaigan-management",
            Member::LogArchive => "kaigan-log-archive",
            Member::WebDev => "kaigan-web-dev",
            Member::DataDev => "kaigan-data-dev",
            Member::WebProd => "kaigan-web-prod",
            Member::DataProd => "kaigan-data-prod",
        }
    }

    /// `management`, `security`, `dev` or `prod`.
    pub(crate) fn env(self) -> &'static str {
        match self {
            Member::Management => "management",
            Member::LogArchive => "security",
            Member::WebDev | Member::DataDev => "dev",
            Member::WebProd | Member::DataProd => "prod",
        }
    }

    /// The account's tags in the organisation.
    pub(crate) fn tags(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Member::Management => &[("owner", "渡辺 蓮"), ("cost-centre", "1000")],
            Member::LogArchive => &[("owner", "中村 結衣"), ("cost-centre", "1010")],
            Member::WebDev => &[("owner", "鈴木 健太"), ("cost-centre", "2100"), ("システム", "店舗サイト")],
            Member::DataDev => &[("owner", "Sophie Martin"), ("cost-centre", "2200"), ("システム", "荷物分析")],
            Member::WebProd => &[("owner", "佐藤 遥"), ("cost-centre", "3100"), ("システム", "店舗サイト")],
            Member::DataProd => &[("owner", "Lukas Schmidt"), ("cost-centre", "3200"), ("システム", "荷物分析")],
        }
    }

    /// What the account runs; part of its resources' names.
    pub(crate) fn system(self) -> &'static str {
        match self {
            Member::Management => "org",
            Member::LogArchive => "audit",
            Member::WebDev | Member::WebProd => "storefront",
            Member::DataDev | Member::DataProd => "nimotsu",
        }
    }

    /// The first two octets of the account's private network.
    pub(crate) fn network(self) -> &'static str {
        match self {
            Member::Management => "10.10",
            Member::LogArchive => "10.11",
            Member::WebDev => "10.20",
            Member::DataDev => "10.21",
            Member::WebProd => "10.30",
            Member::DataProd => "10.31",
        }
    }
}

/// A region in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Region {
    /// us-east-1, where global services are recorded.
    Virginia,
    /// us-west-2.
    Oregon,
    /// ap-northeast-1, the home region.
    Tokyo,
    /// eu-west-1.
    Ireland,
}

/// All regions in use.
pub(crate) const REGIONS: [Region; 4] = [Region::Virginia, Region::Oregon, Region::Tokyo, Region::Ireland];

impl Region {
    /// The region's name in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Region::Virginia => "us-east-1",
            Region::Oregon => "us-west-2",
            Region::Tokyo => "ap-northeast-1",
            Region::Ireland => "eu-west-1",
        }
    }
}

/// The resources of one account in one region.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The account.
    pub(crate) member: Member,
    /// The region.
    pub(crate) region: Region,
    /// The virtual network.
    pub(crate) vpc: String,
    /// Two subnets.
    pub(crate) subnets: [String; 2],
    /// The main route table.
    pub(crate) route_table: String,
    /// The transit gateway towards the offices.
    pub(crate) transit_gateway: String,
    /// The network ACL of the private subnets.
    pub(crate) network_acl: String,
    /// Security groups: load balancer, application, database.
    pub(crate) security_groups: [String; 3],
    /// Long-lived instances.
    pub(crate) instances: [String; 4],
    /// Their data volumes.
    pub(crate) volumes: [String; 4],
    /// The machine image they start from.
    pub(crate) image: String,
    /// A snapshot of a data volume.
    pub(crate) snapshot: String,
    /// The KMS key of the account's data.
    pub(crate) key: String,
    /// Suffix of generated resource names, six hexadecimal digits.
    pub(crate) suffix: String,
}

impl Site {
    fn new(member: Member, region: Region, random: &mut Random) -> Self {
        let mut id = |prefix: &str| random.resource_id(prefix);
        Site {
            member,
            region,
            vpc: id("vpc"),
            subnets: [id("subnet"), id("subnet")],
            route_table: id("rtb"),
            transit_gateway: id("tgw"),
            network_acl: id("acl"),
            security_groups: [id("sg"), id("sg"), id("sg")],
            instances: [id("i"), id("i"), id("i"), id("i")],
            volumes: [id("vol"), id("vol"), id("vol"), id("vol")],
            image: id("ami"),
            snapshot: id("snap"),
            key: random.uuid(),
            suffix: random.hex(6),
        }
    }

    /// The ARN of something in this account and region: `arn:aws:<service>:<region>:<account>:<rest>`.
    pub(crate) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region.name(), self.member.id())
    }

    /// The ARN of the KMS key.
    pub(crate) fn key_arn(&self) -> String {
        self.arn("kms", &format!("key/{}", self.key))
    }

    /// One of the account's buckets.
    pub(crate) fn bucket(&self, purpose: &str) -> String {
        format!("kaigan-{}-{purpose}-{}", self.member.system(), self.suffix)
    }

    /// The name of the service that the site runs, such as `storefront-api`.
    pub(crate) fn service(&self) -> String {
        match self.member.system() {
            "nimotsu" => "nimotsu-etl".to_owned(),
            system => format!("{system}-api"),
        }
    }
}

/// Every account's resources in every region.
#[derive(Clone, Debug)]
pub(crate) struct Estate {
    sites: Vec<Site>,
}

impl Estate {
    /// Draws the estate from `random`.
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut sites = Vec::with_capacity(MEMBERS.len() * REGIONS.len());
        for member in MEMBERS {
            for region in REGIONS {
                sites.push(Site::new(member, region, random));
            }
        }
        Estate { sites }
    }

    /// The resources of `member` in `region`.
    pub(crate) fn site(&self, member: Member, region: Region) -> &Site {
        &self.sites[member as usize * REGIONS.len() + region as usize]
    }
}
