//! Who works here: people with their offices, roles and programs, and the credentials they hold from hour to hour.

use std::collections::BTreeMap;

use crate::demo::calendar::{Place, START};
use crate::demo::calls::access;
use crate::demo::estate::{Member, REGIONS, Region, WORKLOADS};
use crate::demo::random::Random;
use crate::demo::session::{Session, Who};
use crate::demo::stage::Stage;

/// What a person works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The console, in a browser.
    Console,
    /// The command line.
    CommandLine,
    /// Python scripts.
    Script,
}

/// Somebody who signs in through Identity Center.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    /// The user name, before `@kaigan.example`.
    pub(crate) user: &'static str,
    /// Where they work.
    pub(crate) place: Place,
    /// What they work with.
    pub(crate) tool: Tool,
    /// Accounts and permission sets.
    pub(crate) duties: &'static [(Member, &'static str)],
}

const fn person(user: &'static str, place: Place, tool: Tool, duties: &'static [(Member, &'static str)]) -> Person {
    Person { user, place, tool, duties }
}

const ADMIN: &str = "AdministratorAccess";
const POWER: &str = "PowerUserAccess";
const READ: &str = "ViewOnlyAccess";
const AUDIT: &str = "SecurityAudit";

/// Everybody.
pub(crate) const PEOPLE: [Person; 18] = [
    person("sato.haruka", Place::Tokyo, Tool::Console, &[(Member::WebProd, POWER), (Member::WebDev, POWER)]),
    person("suzuki.kenta", Place::Tokyo, Tool::CommandLine, &[(Member::WebDev, POWER), (Member::WebProd, READ)]),
    person("tanaka.misaki", Place::Tokyo, Tool::Console, &[(Member::WebDev, POWER), (Member::WebProd, READ)]),
    person("watanabe.ren", Place::Tokyo, Tool::CommandLine, &[(Member::Management, ADMIN), (Member::LogArchive, ADMIN)]),
    person("ito.sakura", Place::Tokyo, Tool::Console, &[(Member::WebProd, READ)]),
    person("yamamoto.daiki", Place::Tokyo, Tool::CommandLine, &[(Member::WebProd, ADMIN), (Member::DataProd, ADMIN)]),
    person(
        "nakamura.yui",
        Place::Tokyo,
        Tool::Console,
        &[(Member::LogArchive, AUDIT), (Member::WebProd, AUDIT), (Member::DataProd, AUDIT)],
    ),
    person("kobayashi.takumi", Place::Tokyo, Tool::Script, &[(Member::DataDev, POWER), (Member::DataProd, READ)]),
    person("kato.aoi", Place::Tokyo, Tool::Console, &[(Member::Management, READ)]),
    person("yoshida.shota", Place::Tokyo, Tool::CommandLine, &[(Member::WebDev, POWER)]),
    person("emma.wilson", Place::Seattle, Tool::CommandLine, &[(Member::WebDev, POWER), (Member::WebProd, POWER)]),
    person("liam.garcia", Place::Seattle, Tool::Console, &[(Member::WebDev, POWER)]),
    person("olivia.nguyen", Place::Seattle, Tool::Script, &[(Member::DataDev, POWER), (Member::DataProd, READ)]),
    person("noah.patel", Place::Seattle, Tool::CommandLine, &[(Member::DataProd, POWER), (Member::DataDev, ADMIN)]),
    person("sophie.martin", Place::Dublin, Tool::Console, &[(Member::DataDev, ADMIN), (Member::DataProd, READ)]),
    person("lukas.schmidt", Place::Dublin, Tool::CommandLine, &[(Member::DataProd, ADMIN), (Member::DataDev, POWER)]),
    person("aoife.byrne", Place::Dublin, Tool::CommandLine, &[(Member::WebProd, POWER), (Member::WebDev, POWER)]),
    person("marta.kowalska", Place::Dublin, Tool::Console, &[(Member::WebDev, READ), (Member::DataDev, READ)]),
];

/// The person with this user name, who must be in [`PEOPLE`].
pub(crate) fn find(user: &str) -> &'static Person {
    static EVERYBODY: [Person; 18] = PEOPLE;
    EVERYBODY.iter().find(|person| person.user == user).unwrap_or(&EVERYBODY[0])
}

impl Person {
    /// The region that the person's office works in.
    pub(crate) fn region(&self) -> Region {
        match self.place {
            Place::Tokyo => Region::Tokyo,
            Place::Seattle => Region::Oregon,
            Place::Dublin => Region::Ireland,
        }
    }

    /// The office's address towards the internet.
    pub(crate) fn address(&self) -> &'static str {
        match self.place {
            Place::Tokyo => "203.0.113.10",
            Place::Seattle => "203.0.113.74",
            Place::Dublin => "203.0.113.138",
        }
    }

    /// The browser the person signs in with.
    pub(crate) fn browser(&self) -> &'static str {
        match self.place {
            Place::Tokyo => {
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
            }
            Place::Seattle => {
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
            }
            Place::Dublin => "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        }
    }

    fn program(&self) -> &'static str {
        match self.tool {
            Tool::Console => self.browser(),
            Tool::CommandLine => COMMAND_LINE,
            Tool::Script => BOTO,
        }
    }
}

/// The command line's user agent.
pub(crate) const COMMAND_LINE: &str = "aws-cli/2.31.12 md/awscrt#0.27.6 ua/2.1 os/macos#25.0.0 md/arch#arm64 lang/python#3.13.7 md/pyimpl#CPython m/E,Z,b cfg/retry-mode#standard md/installer#exe sid/5b2c94ad31ff";
/// The user agent of Python scripts.
pub(crate) const BOTO: &str = "Boto3/1.40.45 md/Botocore#1.40.45 ua/2.1 os/linux#6.12.40 md/arch#x86_64 lang/python#3.12.11 md/pyimpl#CPython m/Z,D,b cfg/retry-mode#legacy Botocore/1.40.45";
/// Terraform's user agent.
pub(crate) const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 (+https://www.terraform.io) terraform-provider-aws/6.14.1 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.39.2 ua/2.1 os/linux lang/go#1.24.6 md/GOOS#linux md/GOARCH#amd64";
/// The user agent of services written in Java.
pub(crate) const JAVA: &str = "aws-sdk-java/2.34.6 md/io#async md/http#NettyNio ua/2.1 os/Linux#6.1.150-174.273.amzn2023.aarch64 lang/java#21.0.8 md/OpenJDK_64-Bit_Server_VM#21.0.8+9-LTS m/D,Z";
/// The agent that Systems Manager runs on instances.
pub(crate) const SSM_AGENT: &str = "aws-sdk-go/1.55.5 (go1.23.12; linux; arm64) amazon-ssm-agent/3.3.2471.0";
/// The OIDC provider of the CI.
pub(crate) const CI: &str = "token.actions.githubusercontent.com";

/// The credentials that are alive, and what is constant about principals.
#[derive(Debug)]
pub(crate) struct Cast {
    seed: Random,
    people: BTreeMap<(&'static str, Member), Session>,
    instances: BTreeMap<(Member, Region, usize), Session>,
}

impl Cast {
    /// A cast whose unique ids come from `seed`. Some credentials are older than the period.
    pub(crate) fn new(seed: Random) -> Self {
        let mut cast = Cast { seed, people: BTreeMap::new(), instances: BTreeMap::new() };
        let mut random = cast.seed.fork(1);
        for person in PEOPLE.iter().filter(|person| person.place != Place::Dublin).step_by(3) {
            let (member, permission) = person.duties[0];
            let began = START - random.between(900, 9000);
            let session = cast.new_person(person, (member, permission), began, &mut random);
            cast.people.insert((person.user, member), session);
        }
        for member in WORKLOADS {
            for region in REGIONS {
                for index in 0..4 {
                    let began = START - random.between(600, 20_000);
                    let session = cast.new_instance(member, String::new(), began, &mut random);
                    cast.instances.insert((member, region, index), session);
                }
            }
        }
        cast
    }

    /// The unique id of a role or user: the same wherever it is asked for.
    pub(crate) fn unique_id(&self, prefix: &str, member: Member, name: &str) -> String {
        self.constant(member, name).unique_id(prefix)
    }

    /// Chance that always falls the same way for `name` in `member`.
    fn constant(&self, member: Member, name: &str) -> Random {
        let label = name
            .bytes()
            .chain(member.id().bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.seed.fork(label)
    }

    /// A fresh session of `role`, with new credentials made at `now`.
    pub(crate) fn role(&self, member: Member, role: &str, name: &str, now: i64, random: &mut Random) -> Session {
        let mut session = Session::role(member, role, name);
        session.key = random.unique_id("ASIA");
        session.created = Some(now);
        if let Who::Role { id, .. } = &mut session.who {
            *id = self.unique_id("AROA", member, role);
        }
        session
    }

    /// A session of an AWS service's own role in `member`.
    pub(crate) fn service_role(&self, member: Member, role: &str, service: &'static str, now: i64) -> Session {
        let mut session = Session::role(member, role, service.split('.').next().unwrap_or_default());
        session.created = Some(now);
        if let Who::Role { id, path, .. } = &mut session.who {
            *id = self.unique_id("AROA", member, role);
            *path = format!("/aws-service-role/{service}/");
        }
        session.through(service)
    }

    /// A user with a long-lived key.
    pub(crate) fn user(&self, member: Member, name: &str) -> Session {
        let mut session = Session::role(member, "", "");
        session.who = Who::User { name: name.to_owned(), id: self.unique_id("AIDA", member, name) };
        session.key = self.unique_id("AKIA", member, name);
        session
    }

    /// The person's session in `member`: the one at hand, or a new one that they sign in for.
    pub(crate) fn sign_in(&mut self, stage: &mut Stage<'_>, person: &'static Person, member: Member) -> Session {
        let handle = (person.user, member);
        if let Some(session) = self.people.get(&handle)
            && session.created.is_some_and(|began| (began..began + 8 * 3600).contains(&stage.now))
        {
            return session.clone();
        }
        let permission = person.duties.iter().find(|duty| duty.0 == member).map_or(READ, |duty| duty.1);
        let mut session = self.new_person(person, (member, permission), stage.now, stage.random);
        self.record_sign_in(stage, person, &mut session);
        self.people.insert(handle, session.clone());
        session
    }

    fn new_person(&self, person: &Person, duty: (Member, &str), now: i64, random: &mut Random) -> Session {
        let (member, permission) = duty;
        let suffix = self.constant(member, permission).hex(16);
        let role = format!("AWSReservedSSO_{permission}_{suffix}");
        let name = format!("{}@kaigan.example", person.user);
        let mut session = self.role(member, &role, &name, now, random).from(person.address(), person.program());
        session.console = person.tool == Tool::Console;
        if let Who::Role { path, .. } = &mut session.who {
            *path = "/aws-reserved/sso.amazonaws.com/ap-northeast-1/".to_owned();
        }
        session
    }

    /// Identity Center's records in the management account, and STS's and the console's in the member.
    fn record_sign_in(&self, stage: &mut Stage<'_>, person: &Person, session: &mut Session) {
        let mut caller = Session::role(Member::Management, "", "").from(person.address(), person.browser());
        caller.who = Who::Person { id: self.constant(Member::Management, person.user).uuid() };
        let call = access::user_authentication(stage.random);
        stage.call(&caller, Region::Tokyo, &call);
        stage.call(&caller, Region::Tokyo, &access::open_role(session));
        let mut caller = Session::role(session.member, "", "").from(person.address(), person.browser());
        let name = format!("{}@kaigan.example", person.user);
        let provider = access::saml_provider(session.member);
        caller.who = Who::Federated { kind: "SAMLUser", id: format!("{}:{name}", stage.random.letters(27)), name, provider };
        stage.wait(1, 3);
        session.created = Some(stage.now);
        let call = access::assume_role_with_saml(session, stage.now, stage.random);
        stage.call_now(&caller, Region::Virginia, &call);
        if session.console {
            // The console sees only a role session: the second factor was shown to Identity Center.
            let mut browser = session.clone();
            browser.agent = person.browser().to_owned();
            browser.key = String::new();
            stage.call(&browser, Region::Virginia, &access::console_login(false, true));
        }
    }

    fn new_instance(&self, member: Member, instance: String, now: i64, random: &mut Random) -> Session {
        let role = format!("{}-instance-role", member.system());
        let mut session = self.role(member, &role, &instance, now, random);
        session.instance = true;
        session.agent = JAVA.to_owned();
        session
    }

    /// The credentials of one of a site's long-lived instances; EC2 renews them every six hours.
    pub(crate) fn instance(&mut self, stage: &mut Stage<'_>, member: Member, region: Region, index: usize) -> Session {
        let instance = stage.site(member, region).instances[index].clone();
        let address = format!("{}.{}.{}", member.network(), region as usize, 20 + index);
        let handle = (member, region, index);
        if let Some(session) = self.instances.get(&handle)
            && session.created.is_some_and(|began| (began..began + 6 * 3600).contains(&stage.now))
        {
            let mut session = session.clone();
            if let Who::Role { session: name, .. } = &mut session.who {
                *name = instance;
            }
            session.address = address;
            return session;
        }
        let session = self.start_instance(stage, member, region, &instance);
        self.instances.insert(handle, session.clone());
        Session { address, ..session }
    }

    /// Credentials for an instance that starts or renews, with the record of EC2 taking the role for it.
    pub(crate) fn start_instance(&self, stage: &mut Stage<'_>, member: Member, region: Region, instance: &str) -> Session {
        let mut session = self.new_instance(member, instance.to_owned(), stage.now, stage.random);
        session.address = format!("{}.{}.{}", member.network(), region as usize, stage.random.between(30, 250));
        let shared = stage.random.uuid();
        let call = access::assume_role(&session, stage.now, stage.random).shared(&shared);
        stage.call_now(&Session::service(member, "ec2.amazonaws.com"), region, &call);
        session
    }
}
