//! The README's way from zero to a scheduled run, exactly as it is written: its commands are taken from README.md and run in
//! order in an empty repository, against the emulator.
//!
//! Not run is `cargo install --path .`: it would compile the program again, and the one that was built for the tests is on the
//! path instead. What AWS does by itself is done here: once the StackSet is deployed, the trust policies that it made in the accounts
//! are enforced (the emulator keeps trust apart from moto's IAM).

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use super::boto;
use super::environment::{Emulator, python, variables};
use super::organization::{Broken, HUB_ACCOUNT, Organization, ROLE};

/// The management account of the seeded organisation.
const MANAGEMENT: &str = "100000000001";
const NOT_RUN: &str = "cargo install --path .";

/// Stands for the editor: fills in what `init` left to the user.
const EDITOR: &str = "#!/bin/sh\nexec sed -i -e 's/<name of the organisation>/Example/' -e 's/<audit bucket>/example-audit/' \\\n\
    -e 's/<home region>/us-east-1/' -e 's/<audit account>/100000000002/' -e 's/<delegated administrator account>/100000000002/' \"$1\"\n";

/// The commands of a section, continued lines joined.
fn commands(readme: &str, heading: &str) -> Vec<String> {
    let section = readme.split_once(heading).unwrap_or_else(|| panic!("README.md has no section {heading}")).1;
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let joined: String = blocks.collect::<String>().replace("\\\n", "");
    joined.lines().map(str::to_owned).collect()
}

/// A repository with a shell whose variables last from one command to the next.
struct Shell {
    folder: tempfile::TempDir,
    url: String,
}

impl Shell {
    fn new(url: &str) -> Shell {
        let shell = Shell { folder: tempfile::tempdir().unwrap(), url: url.to_owned() };
        for folder in ["repository", "bin"] {
            std::fs::create_dir(shell.folder.path().join(folder)).unwrap();
        }
        let bin = shell.folder.path().join("bin");
        std::fs::write(bin.join("editor"), EDITOR).unwrap();
        let profiles: String = [("audit", HUB_ACCOUNT), ("management", MANAGEMENT)]
            .iter()
            .map(|(name, id)| {
                format!("[profile {name}]\nregion = us-east-1\naws_access_key_id = AKIA{id}\naws_secret_access_key = emulator\n")
            })
            .collect();
        std::fs::write(shell.folder.path().join("profiles"), profiles).unwrap();
        std::fs::write(shell.folder.path().join("variables"), "").unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_assize"), bin.join("assize")).unwrap();
        std::os::unix::fs::symlink(python().with_file_name("aws"), bin.join("aws")).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(bin.join("editor")).status().unwrap().success());
        shell.run("git init -q . && git config user.name tester && git config user.email tester@example.com");
        shell
    }

    fn run(&self, command: &str) -> Output {
        let root = self.folder.path();
        // Keys in the environment would win over profiles; assize itself runs as the hub.
        let hub = variables(&self.url, &format!("AKIA{HUB_ACCOUNT}"));
        let with_profile = command.contains("--profile");
        let kept = hub.into_iter().filter(|(name, _)| *name != "AWS_CONFIG_FILE" && !(with_profile && name.contains("KEY")));
        let script = format!("set -a; . ../variables; {command}\ncode=$?; export -p > ../variables; exit $code");
        Command::new("bash")
            .args(["-c", &script])
            .current_dir(root.join("repository"))
            .env_clear()
            .envs(kept)
            .env("AWS_CONFIG_FILE", root.join("profiles"))
            .env("HOME", root)
            .env("EDITOR", "editor")
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", root.join("bin").display()))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("repository").join(name)
    }
}

fn day(ago: &str) -> String {
    let output = Command::new("date").args(["-u", "-d", ago, "+%F"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_readme_leads_from_zero_to_a_scheduled_run() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let commands = commands(&readme, "\n## From zero to a scheduled run in an organisation\n");
    assert_eq!(commands.first().map(String::as_str), Some(NOT_RUN));
    let emulator = Emulator::start();
    let members: Vec<String> = (1..=8).map(|number| format!("10000000000{number}")).collect();
    // Its regions all enabled from the start, and digests of the whole week that a run judges and of today: everything can be proven.
    let more = json!({"organization_readers": members, "region_enabled": true, "digests_since": day("8 days ago"),
                      "digests_until": day("tomorrow")});
    let mut organization = Organization::create(&emulator, &day("3 days ago"), 3, &more);
    organization.repair(Broken::Region);
    let shell = Shell::new(&emulator.url);
    let mut ran = 0;
    for command in &commands[1..] {
        let output = shell.run(command);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let code = output.status.code().unwrap();
        // Findings were planted, and the README says what 1 is.
        let expected: &[i32] = if command.starts_with("assize run --out") { &[1] } else { &[0] };
        assert!(expected.contains(&code), "README.md does not work as written: `{command}` ended with {code}:\n{said}");
        if command.contains("create-stack-instances") {
            deployed(&emulator, &members);
        }
        ran += 1;
    }
    assert!(ran >= 15, "{commands:#?}");
    assert!(shell.path("report/report.html").is_file());
    let log = shell.run("git show --stat --format= HEAD");
    assert!(String::from_utf8_lossy(&log.stdout).contains(".github/workflows/assize.yml"));
    let kept = boto(
        variables(&emulator.url, &format!("AKIA{HUB_ACCOUNT}")),
        "print(json.dumps(client('s3').list_objects_v2(Bucket='example-audit', Prefix='assize/evidence/')['KeyCount']))",
    );
    assert!(kept.as_u64().unwrap() > 20, "{kept}");
}

/// What AWS makes of the deployed roles: who they trust, with which external id, is enforced.
fn deployed(emulator: &Emulator, members: &[String]) {
    for account in members {
        let said = boto(
            variables(&emulator.url, &format!("AKIA{account}")),
            &format!("print(json.dumps(client('iam').get_role(RoleName='{ROLE}')['Role'], default=str))"),
        );
        let statement = &said["AssumeRolePolicyDocument"]["Statement"][0];
        assert_eq!(statement["Principal"]["AWS"], format!("arn:aws:iam::{HUB_ACCOUNT}:role/AssizeHub"), "{said}");
        let external_id = statement["Condition"]["StringEquals"]["sts:ExternalId"].as_str().unwrap_or_else(|| panic!("{said}"));
        assert_eq!(external_id.len(), 32, "of openssl: {said}");
        emulator.post("/roles", &json!({"arn": said["Arn"], "external_id": external_id, "principals": [HUB_ACCOUNT]}));
    }
}
