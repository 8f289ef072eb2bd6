//! What is written must work: configurations pass once filled in, workflows are valid and name commands that exist.

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser, ValueEnum};
use serde_yaml::Value;

use super::*;
use crate::cli::{Cli, Format};
use crate::config::schema::validator;
use crate::config::{Config, ConfigError, Location};
use crate::diagnostics;

/// Subcommands that the written files name and that are still to come. One that has come must leave this list.
const TO_COME: [&str; 0] = [];

/// What a user would write in place of each placeholder.
const FILLED: [(&str, &str); 9] = [
    ("<name of the organisation>", "Example"),
    ("<audit bucket>", "example-audit"),
    ("<home region>", "eu-west-1"),
    ("<audit account>", "012345678901"),
    ("<log archive account>", "222233334444"),
    ("<delegated administrator account>", "333344445555"),
    ("<first account>", "111122223333"),
    ("<second account>", "444455556666"),
    ("<its name>", "payments"),
];

fn filled(preset: Preset) -> String {
    FILLED.iter().fold(config(preset), |text, (placeholder, value)| text.replace(placeholder, value))
}

fn external_id(name: &str) -> Option<String> {
    (name == "ASSIZE_EXTERNAL_ID").then(|| "example-external-id".to_owned())
}

#[test]
fn every_preset_passes_once_it_is_filled_in() {
    for preset in Preset::value_variants() {
        let text = filled(*preset);
        assert!(!text.lines().any(|line| !line.starts_with('#') && line.contains('<')), "{text}");
        match Config::parse("assize.yaml", &text, &external_id) {
            Ok(config) => assert_eq!(config.warnings, []),
            Err(ConfigError::Mistakes { diagnostics, file }) => panic!("{}", diagnostics::render(&diagnostics, &[file])),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(validator::problems(&text), [""; 0]);
    }
}

#[test]
fn every_preset_passes_with_its_comments_taken_away() {
    for preset in Preset::value_variants() {
        let text: String = filled(*preset).lines().map(|line| format!("{}\n", uncommented(line))).collect();
        match Config::parse("assize.yaml", &text, &external_id) {
            Ok(config) => {
                assert!(config.notifications.is_some() && !config.role.session_tags.is_empty(), "{text}");
                assert!(matches!(&config.audit.location, Location::S3(place) if place.object_lock.is_some()), "{text}");
            }
            Err(ConfigError::Mistakes { diagnostics, file }) => panic!("{}", diagnostics::render(&diagnostics, &[file])),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A setting that is commented out, switched on; prose stays a comment.
fn uncommented(line: &str) -> String {
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    let is_setting = |text: &str| {
        let text = text.trim_start();
        let key = text.split(':').next().unwrap_or("");
        let plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        text.starts_with("- {") || (!key.is_empty() && plain && text.len() > key.len())
    };
    // What is an alternative to something that stands there, and what is meant for editors.
    let alternative = rest.contains("mode: in-place") || rest.contains("yaml-language-server");
    match rest.strip_prefix("# ").filter(|text| is_setting(text) && !alternative) {
        Some(setting) => format!("{indent}{setting}"),
        None => line.to_owned(),
    }
}

#[test]
fn what_is_not_filled_in_is_listed() {
    for preset in Preset::value_variants() {
        let Err(ConfigError::Mistakes { diagnostics, .. }) = Config::parse("assize.yaml", &config(*preset), &external_id) else {
            panic!("{preset:?} must not pass as it is");
        };
        assert!(diagnostics.iter().all(|found| found.code == "placeholder"), "{diagnostics:#?}");
        let lines: BTreeSet<usize> = diagnostics.iter().map(|found| found.span.at.line).collect();
        let text = config(*preset);
        let expected: BTreeSet<usize> =
            (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#') && line.contains('<')).map(|(at, _)| at).collect();
        assert_eq!(lines, expected);
    }
}

#[test]
fn workflows_are_yaml_and_keep_their_promises() {
    let file = |name: &str| FILES.iter().find(|(path, ..)| *path == name).unwrap().1;
    let github: Value = serde_yaml::from_str(file(".github/workflows/assize.yml")).unwrap();
    assert_eq!(github["permissions"], Value::Mapping(Default::default()), "nothing beyond what a job asks for");
    let job = &github["jobs"]["audit"];
    assert_eq!(job["permissions"]["id-token"], "write");
    assert_eq!(job["permissions"]["security-events"], "write");
    assert_eq!((job["permissions"]["contents"].as_str(), job["permissions"]["actions"].as_str()), (Some("read"), Some("read")));
    assert_eq!(job["permissions"].as_mapping().unwrap().len(), 4);
    assert_eq!(github["concurrency"]["cancel-in-progress"], false);
    let steps = job["steps"].as_sequence().unwrap();
    for action in steps.iter().filter_map(|step| step["uses"].as_str()) {
        let hash = action.split_once('@').unwrap().1;
        assert!(hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action} is not pinned");
    }
    // What is uploaded is what the run writes, also of a run that ends with 1, 3 or 4.
    let named = |part: &str| steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.contains(part))).unwrap();
    let alerts = named("codeql-action/upload-sarif@");
    let sarif = format!("report/{}", crate::report::file_name(Format::Sarif));
    assert_eq!(alerts["with"]["sarif_file"].as_str(), Some(sarif.as_str()));
    assert!(alerts["if"].as_str().unwrap().starts_with("always() && "));
    let run = steps.iter().filter_map(|step| step["run"].as_str()).find(|run| run.contains("assize run")).unwrap();
    assert!(run.contains("--out report --format html,markdown,json,sarif"), "{run}");
    let upload = steps.last().unwrap();
    assert_eq!((upload["if"].as_str(), upload["with"]["path"].as_str()), (Some("always()"), Some("report/")));
    let gitlab: Value = serde_yaml::from_str(file(".gitlab-ci.assize.yml")).unwrap();
    assert_eq!(gitlab["assize"]["artifacts"]["when"], "always");
    let junit = format!("report/{}", crate::report::file_name(Format::Junit));
    assert_eq!(gitlab["assize"]["artifacts"]["reports"]["junit"].as_str(), Some(junit.as_str()));
    let script =
        gitlab["assize"]["script"].as_sequence().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n");
    assert!(script.contains("--out report --format html,markdown,json,junit"), "{script}");
    assert_eq!(gitlab["assize"]["resource_group"], "assize");
    let ecs: Value = serde_yaml::from_str(file("ecs/assize-task.yaml")).unwrap();
    assert_eq!(ecs["Resources"]["RunSchedule"]["Type"], "AWS::Scheduler::Schedule");
    let waivers: Value = serde_yaml::from_str(file("waivers.yaml")).unwrap();
    assert_eq!(waivers["waivers"], Value::Sequence(Vec::new()));
    let example: String =
        file("waivers.yaml").lines().skip(3).filter_map(|line| line.strip_prefix("# ")).flat_map(|line| [line, "\n"]).collect();
    let example: Value = serde_yaml::from_str(&example).unwrap();
    assert_eq!(example["waivers"][0].as_mapping().unwrap().len(), 8);
}

/// Names in CloudFormation that are referred to must exist.
#[test]
fn the_stack_refers_to_what_it_has() {
    let text = FILES.iter().find(|(path, ..)| *path == "ecs/assize-task.yaml").unwrap().1;
    let stack: Value = serde_yaml::from_str(text).unwrap();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for part in ["Parameters", "Resources", "Conditions"] {
        known.extend(stack[part].as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()));
    }
    let mut used = BTreeSet::new();
    let words = |text: &str| text.split(|char: char| !char.is_alphanumeric() && char != ':').next().unwrap_or("").to_owned();
    for (marker, behind) in ["!Ref ", "!GetAtt ", "${", "Condition: Has"]
        .iter()
        .flat_map(|marker| text.split(marker).skip(1).map(move |behind| (*marker, behind)))
    {
        let name = words(behind);
        used.insert(if marker.ends_with("Has") { format!("Has{name}") } else { name });
    }
    let unknown: Vec<&String> = used.iter().filter(|name| !name.starts_with("AWS::") && !known.contains(*name)).collect();
    assert_eq!(unknown, [""; 0]);
    for parameter in stack["Parameters"].as_mapping().unwrap().keys() {
        assert!(used.contains(parameter.as_str().unwrap()), "{parameter:?} is not used");
    }
}

/// The run's permissions stand in one place, the table of `assize role`: the task takes the role that it makes, and repeats
/// none of its statements.
#[test]
fn the_task_takes_its_role_from_assize_role() {
    let text = FILES.iter().find(|(path, ..)| *path == "ecs/assize-task.yaml").unwrap().1;
    let stack: Value = serde_yaml::from_str(text).unwrap();
    assert!(stack["Parameters"]["HubRoleArn"].is_mapping() && stack["Resources"]["TaskRole"].is_null());
    // Who may assume a role is no permission of the run.
    let rows = crate::role::actions::TABLE.iter().map(|row| row.action).filter(|action| *action != "sts:AssumeRole");
    for action in rows.chain(["s3:GetBucketLocation"]) {
        assert!(!text.contains(action), "{action} is repeated");
    }
    let config = match Config::parse("assize.yaml", &filled(Preset::Organization), &external_id) {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    };
    let set = ["runner=ecs".to_owned()];
    let made = crate::role::make(&config, Some(crate::role::Part::Hub), crate::role::Format::CloudFormation, &set).unwrap();
    let hub: Value = serde_yaml::from_str(&made.artifacts[0].text).unwrap();
    assert!(hub["Outputs"]["HubRoleArn"].is_mapping(), "the output that the task's parameter names");
    assert!(made.artifacts[0].text.contains("ecs-tasks.amazonaws.com") && made.artifacts[0].text.contains("Default: ecs"));
    assert!(!made.artifacts[0].text.contains("s3:GetBucketLocation"));
}

/// Lines of commands in the written files and in what is printed.
fn commands() -> Vec<String> {
    let mut found = vec!["assize run --log-format json".to_owned()];
    let all = FILES.iter().map(|(_, text, _)| (*text).to_owned());
    for text in
        all.chain(Preset::value_variants().iter().map(|preset| config(*preset))).chain([rows(&next(Path::new("x")), "# ")])
    {
        for line in text.lines() {
            let command = line.trim_start_matches([' ', '-']).trim_start_matches("run: ");
            if command.starts_with("assize ") {
                found.push(command.split(" || ").next().unwrap().split("  #").next().unwrap().to_owned());
            }
            found.extend(line.split('`').skip(1).step_by(2).filter(|part| part.starts_with("assize ")).map(str::to_owned));
        }
    }
    found.iter().map(|command| command.trim().to_owned()).collect()
}

#[test]
fn only_commands_that_exist_are_named() {
    let commands = commands();
    assert!(commands.len() >= 10, "{commands:?}");
    let command_line = Cli::command();
    let known: Vec<&str> = command_line.get_subcommands().map(clap::Command::get_name).collect();
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let name = words[1];
        if !known.contains(&name) {
            assert!(TO_COME.contains(&name), "`{command}` does not exist");
            continue;
        }
        // Prose names `assize role` without what it needs.
        if words.len() > 2
            && let Err(error) = Cli::try_parse_from(&words)
        {
            panic!("`{command}`: {error}");
        }
    }
    let arrived: Vec<_> = TO_COME.iter().filter(|name| known.contains(*name)).collect();
    assert_eq!(arrived, Vec::<&&str>::new(), "remove what has come from TO_COME");
}
