use super::*;

/// The error that a folder with these files gives, with the folder's own path as `DIR`.
fn error_of(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let error = Templates::load(Some(folder.path())).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn the_embedded_templates_load_and_render_the_example() {
    Templates::load(None).unwrap().try_out().unwrap();
}

#[test]
fn a_folder_replaces_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("report.css"), "body { color: rebeccapurple }").unwrap();
    fs::write(folder.path().join("report.md"), "{{ verdict.words }} {{ run.paths[0] }}\n").unwrap();
    let templates = Templates::load(Some(folder.path())).unwrap();
    let mut document = example::document();
    document.run.paths = vec!["<b>@octocat|".to_owned()];
    let markdown = markdown::render(&document, &templates).unwrap();
    assert_eq!(
        markdown,
        "No finding at or above high, and coverage is incomplete: 160 of 168 account-region-hours (95.23 %) &lt;b&gt;`@`octocat\\|\n"
    );
    assert!(html::render(&document, &templates).unwrap().contains("rebeccapurple"));
}

#[test]
fn every_problem_of_a_folder_is_in_one_error() {
    let error = error_of(&[
        ("report.md", "line one\n{% if %}\n"),
        ("components.html", "{% component a( %}"),
        ("report.css", "a {}\n</STYLE>"),
        ("report.js", "if (a) {}\n// <!-- no"),
        ("notes.txt", ""),
    ]);
    insta::assert_snapshot!(error, @r"
    DIR/components.html:1: Found `%}` but expected identifier.
    DIR/notes.txt: not the name of a template; the names are report.html, account.html, components.html, scope.html, report.css, scope.css, report.js, report.md, en.yaml, ja.yaml
    DIR/report.css:2: contains `</style`, which would end or confuse the element it is put in; write it differently
    DIR/report.js:2: contains `<!--`, which would end or confuse the element it is put in; write it differently
    DIR/report.md:2: Found `%}` but expected one of: integer, float, string, bool, ident, `-`, `not`, `<`, `{`, `[` or `(`
    ");
}

#[test]
fn names_that_do_not_exist_are_found_before_a_run() {
    insta::assert_snapshot!(error_of(&[("report.md", "a\n{{ run.pathes }}\n")]), @"DIR/report.md:2: Field `pathes` is not defined. Available fields: as_of, command, exit_code, fail_on, fail_on_new, paths, policies_sha256, since, tool, tool_version, until");
    insta::assert_snapshot!(error_of(&[("report.md", "a\n{{ run.paths | nope }}\n{{ 1 | nope2 }}\n")]), @r"
    DIR/report.md:2: Unknown filter `nope`
    DIR/report.md:3: Unknown filter `nope2`
    ");
    let error = error_of(&[("components.html", "{% component badge(level) %}{% endcomponent badge %}")]);
    let lacks = |file: &str, component: &str| {
        let (begins, ends) = (format!("DIR: the embedded {file}:"), format!("Unknown component `{component}`"));
        error.lines().any(|line| line.starts_with(&begins) && line.ends_with(&ends))
    };
    assert!(lacks("report.html", "problems") && lacks("account.html", "finding"), "{error}");
}

#[test]
fn escaping_cannot_be_switched_off() {
    insta::assert_snapshot!(error_of(&[("report.html", "{{ run.paths[0] | safe }}\n")]), @"DIR/report.html:1: `safe` is not available: text from logs is always escaped");
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let error = Templates::load(Some(Path::new("/nonexistent/templates"))).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the template folder /nonexistent/templates: "), "{error}");
}

#[test]
fn the_hash_in_the_policy_is_base64_of_sha256() {
    let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    assert_eq!(
        [base64(b""), base64(b"f"), base64(b"fo"), base64(b"foo"), base64(b"foob")],
        ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
    );
}

/// Every text that a template gives to be translated, and every label that a component translates.
fn texts() -> std::collections::BTreeSet<String> {
    let of_filter = regex::Regex::new(r#""([^"]+)"\s*\|\s*tr"#).unwrap();
    let of_label = regex::Regex::new(r#"(?:"label": |(?:caption|name|total_label|unit|why)=)"([^"{]+)""#).unwrap();
    let markup = FILES.iter().filter(|(name, _)| name.ends_with(".html"));
    let all = markup.flat_map(|(_, text)| of_filter.captures_iter(text).chain(of_label.captures_iter(text)));
    all.map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_text_has_a_translation() {
    let content = |name: &str| FILES.iter().find(|(known, _)| *known == name).unwrap().1;
    let (texts, japanese) = (texts(), Catalogue::read(content("ja.yaml")).unwrap());
    assert!(texts.len() > 300, "{}", texts.len());
    let missing: Vec<&String> = texts.iter().filter(|text| !japanese.knows(text)).collect();
    assert!(missing.is_empty(), "{} are missing from ja.yaml: {missing:#?}", missing.len());
    let singular = Catalogue::read(content("en.yaml")).unwrap();
    let unused: Vec<&str> = singular.keys().filter(|key| !texts.contains(*key)).collect();
    assert!(unused.is_empty(), "no template has these texts of en.yaml: {unused:?}");
}
