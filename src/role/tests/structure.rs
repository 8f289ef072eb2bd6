//! Templates as their readers see them: CloudFormation's references and conditions, HCL's brackets and names.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ALL, EVERYTHING, made, needs};
use crate::role::parameter::Values;
use crate::role::{Artifact, Format, Part, of_needs};

const PARTS: [Part; 6] = [Part::Member, Part::Management, Part::Hub, Part::Bucket, Part::Key, Part::Notifications];

fn each(format: Format) -> Vec<(String, Artifact)> {
    let of = |(config, text): (&'static str, &'static str)| {
        let artifacts = PARTS.into_iter().flat_map(move |part| made(text, Some(part), format).artifacts);
        artifacts.filter(|artifact| !artifact.for_others).map(move |artifact| (format!("{config}: {}", artifact.path), artifact))
    };
    ALL.into_iter().flat_map(of).collect()
}

/// Calls `visit` with each map of a tree.
fn maps(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            visit(map);
            map.values().for_each(|value| maps(value, visit));
        }
        Value::Array(entries) => entries.iter().for_each(|value| maps(value, visit)),
        _ => {}
    }
}

/// The names between `${` and `}`, literals (`${!`) left out.
fn substituted(text: &str) -> Vec<String> {
    let after = text.split("${").skip(1);
    after.filter(|rest| !rest.starts_with('!')).map(|rest| rest.split('}').next().unwrap().to_owned()).collect()
}

#[test]
fn cloudformation_refers_to_what_is_there_and_declares_nothing_in_vain() {
    let pseudo = ["AWS::Partition", "AWS::URLSuffix", "AWS::AccountId", "AWS::Region", "AWS::NoValue"];
    for (name, artifact) in each(Format::CloudFormation) {
        let template: Value = serde_yaml::from_str(&artifact.text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(template["AWSTemplateFormatVersion"], "2010-09-09", "{name}");
        let declared = |section: &str| -> BTreeSet<String> {
            template.get(section).and_then(Value::as_object).into_iter().flat_map(|map| map.keys().cloned()).collect()
        };
        let (parameters, resources) = (declared("Parameters"), declared("Resources"));
        assert!(!resources.is_empty() && template["Description"].as_str().unwrap().len() <= 1_024, "{name}");
        let (mut named, mut conditions) = (BTreeSet::new(), BTreeSet::new());
        maps(&template, &mut |map| {
            for (key, value) in map {
                match key.as_str() {
                    "Ref" => drop(named.insert(value.as_str().unwrap().to_owned())),
                    "Fn::Sub" => named.extend(
                        substituted(value.as_str().unwrap()).iter().map(|name| name.split('.').next().unwrap().to_owned()),
                    ),
                    "Fn::GetAtt" => drop(named.insert(value[0].as_str().unwrap().to_owned())),
                    "Fn::If" => drop(conditions.insert(value[0].as_str().unwrap().to_owned())),
                    "Condition" if value.is_string() => drop(conditions.insert(value.as_str().unwrap().to_owned())),
                    "Fn::Equals" | "Fn::Not" => {}
                    other => assert!(!other.starts_with("Fn::"), "{name}: {other}"),
                }
            }
        });
        assert_eq!(conditions, declared("Conditions"), "{name}: conditions");
        for one in &named {
            assert!(
                parameters.contains(one) || resources.contains(one) || pseudo.contains(&one.as_str()),
                "{name}: {one} is nowhere"
            );
        }
        assert_eq!(parameters.difference(&named).count(), 0, "{name}: parameters that nothing uses");
        for (parameter, declared) in template["Parameters"].as_object().unwrap() {
            if let (Some(default), Some(values)) = (declared.get("Default"), declared.get("AllowedValues")) {
                assert!(values.as_array().unwrap().contains(default), "{name}: {parameter}");
            }
        }
    }
}

/// The same policy in both formats, however it is written: with every hole taken out, CloudFormation's statements are those
/// of the bare documents.
#[test]
fn cloudformation_holds_the_bare_documents() {
    let template: Value =
        serde_yaml::from_str(&made(EVERYTHING, Some(Part::Key), Format::CloudFormation).artifacts[0].text).unwrap();
    let bare: Value = serde_json::from_str(&made(EVERYTHING, Some(Part::Key), Format::Json).artifacts[0].text).unwrap();
    let sids = |document: &Value| -> Vec<(Value, Value)> {
        document["Statement"].as_array().unwrap().iter().map(|one| (one["Sid"].clone(), one["Action"].clone())).collect()
    };
    assert_eq!(sids(&template["Resources"]["Key"]["Properties"]["KeyPolicy"]), sids(&bare));
}

#[test]
fn what_keeps_evidence_outlives_its_stack() {
    for part in [Part::Bucket, Part::Key] {
        let template: Value =
            serde_yaml::from_str(&made(EVERYTHING, Some(part), Format::CloudFormation).artifacts[0].text).unwrap();
        for (name, resource) in template["Resources"].as_object().unwrap() {
            let kept = resource["DeletionPolicy"] == "Retain" && resource["UpdateReplacePolicy"] == "Retain";
            assert_eq!(kept, name != "Alias", "{name}");
        }
    }
}

/// HCL without its texts, and the expressions inside them; fails on a text or a bracket that is not closed.
fn skeleton(name: &str, text: &str) -> String {
    let (mut out, mut open, mut letters) = (String::new(), Vec::new(), text.chars().peekable());
    let mut in_text = false;
    while let Some(letter) = letters.next() {
        match (in_text, letter) {
            (false, '#') => drop(letters.by_ref().find(|letter| *letter == '\n')),
            (false, '"') => in_text = true,
            (true, '"') => in_text = false,
            (true, '\\') => drop(letters.next()),
            (true, '\n') => panic!("{name}: a text goes over the end of a line: {out}"),
            // `$${` is the text `${`.
            (true, '$') if letters.peek() == Some(&'$') => drop(letters.next()),
            (true, '$') if letters.peek() == Some(&'{') => {
                letters.next();
                let inside: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                assert!(
                    inside.chars().all(|letter| letter.is_ascii_alphanumeric() || "._[]".contains(letter)),
                    "{name}: {inside}"
                );
                out.extend([" ", &inside, " "]);
            }
            (true, _) => {}
            (false, '{' | '[' | '(') => {
                open.push(letter);
                out.push(letter);
            }
            (false, '}' | ']' | ')') => {
                let pair: String = open.pop().into_iter().chain([letter]).collect();
                assert!(["{}", "[]", "()"].contains(&pair.as_str()), "{name}: {pair} after {out}");
                out.push(letter);
            }
            (false, letter) => out.push(letter),
        }
    }
    assert!(open.is_empty() && !in_text, "{name}: something is not closed");
    out
}

/// The words after a prefix: `var.x` gives `x`.
fn after(text: &str, prefix: &str) -> BTreeSet<String> {
    let word = |rest: &str| rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    text.split(prefix).skip(1).map(word).collect()
}

/// The labels of blocks: `variable "x"` gives `x`, `resource "a" "b"` gives `a.b`.
fn labels(text: &str, kind: &str) -> BTreeSet<String> {
    let of = |line: &str| {
        let labels = line.strip_prefix(kind)?.strip_prefix(" \"")?;
        let labels = labels.strip_suffix("\" {").or_else(|| labels.strip_suffix("\" {}"))?;
        Some(labels.replace("\" \"", "."))
    };
    text.lines().filter_map(of).collect()
}

#[test]
fn terraform_refers_to_what_is_there_and_declares_nothing_in_vain() {
    for (name, artifact) in each(Format::Terraform) {
        let text = artifact.text;
        let skeleton = skeleton(&name, &text);
        // A variable names itself in its own validation.
        let outside: String = text
            .split("\n\n")
            .filter(|block| !block.starts_with("variable") && !block.trim_start().starts_with("validation"))
            .collect();
        assert_eq!(after(&skeleton, "var."), labels(&text, "variable"), "{name}");
        assert_eq!(after(&outside, "var."), labels(&text, "variable"), "{name}: variables that nothing uses");
        let data: BTreeSet<String> = after(&skeleton, "data.").into_iter().map(|kind| format!("{kind}.current")).collect();
        assert_eq!(data, labels(&text, "data"), "{name}");
        let resources = labels(&text, "resource");
        for line in skeleton.split(|letter: char| !(letter.is_ascii_alphanumeric() || "._".contains(letter))) {
            if line.starts_with("aws_") && line.contains('.') {
                let named: Vec<&str> = line.split('.').take(2).collect();
                assert!(resources.contains(&named.join(".")), "{name}: {line} is nowhere");
            }
        }
        assert!(!text.contains("\t") && text.ends_with("}\n"), "{name}");
    }
}

#[test]
fn hostile_names_stay_inside_their_texts() {
    let mut needs = needs(EVERYTHING);
    let hostile = "x\"}\n${file(\"/etc/passwd\")} %{ if true } \\ # ' : no";
    needs.sources[1].bucket = hostile.to_owned();
    for member in &mut needs.members {
        member.tags = [("a\"b${c}".to_owned(), hostile.to_owned())].into();
    }
    for part in PARTS {
        for artifact in of_needs(&needs, Some(part), Format::Terraform, &Values::new()).unwrap().artifacts {
            if !artifact.for_others {
                skeleton(&artifact.path, &artifact.text);
                assert!(!artifact.text.replace("$${", "").contains("${file"), "{}", artifact.path);
            }
        }
        for artifact in of_needs(&needs, Some(part), Format::CloudFormation, &Values::new()).unwrap().artifacts {
            let template: Value = serde_yaml::from_str(&artifact.text).unwrap();
            maps(&template, &mut |map| {
                for text in map.get("Fn::Sub").and_then(Value::as_str).into_iter().flat_map(substituted) {
                    assert!(text.chars().all(|letter| letter.is_ascii_alphanumeric() || ":.".contains(letter)), "{text}");
                }
            });
        }
    }
}
