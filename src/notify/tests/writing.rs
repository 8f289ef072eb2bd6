//! How each receiver reads a message: what it refuses, what it would act upon, and text that somebody wrote to harm it.

use proptest::prelude::*;

use super::*;

/// What somebody would write into a log to be read elsewhere.
const HOSTILE: &str = "<!channel> @here @everyone <https://evil.example|click> https://evil.example & `*_~\n\u{1b}[31m\u{202e}x";

fn hostile() -> Message {
    let text = || HOSTILE.to_owned();
    let one = Item {
        title: text(),
        who: text(),
        account_name: text(),
        region: text(),
        group: vec![text(); 5],
        statement: text(),
        remediation: text(),
        ..item(Event::New, "f", "111122223333")
    };
    plan(&Receiver { link: Some("https://r.example/runs/".to_owned()), ..topic() }, vec![one], 0, HEAD).remove(0)
}

#[test]
fn sns_gets_a_subject_of_ascii_and_lines_that_stay_lines() {
    let message = hostile();
    let subject = plain::subject(&message);
    assert!(subject.len() <= 99 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{subject:?}");
    let body = plain::body(&message);
    assert!(body.chars().all(|char| char == '\n' || !crate::report::escape::is_invisible(char)), "{body:?}");
    for line in ["  policy:   many-refused-calls", "  finding:  f", "  count:    12 records"] {
        assert!(body.lines().any(|one| one.starts_with(line)), "{line}: {body}");
    }
    assert!(body.ends_with("-- assize, example: https://r.example/runs/20261122T080000Z-0a1b2c3d/report.html\n"), "{body}");
}

#[test]
fn the_longest_message_fits() {
    let long = |event, number: u32| Item {
        statement: "\u{1b}".repeat(600),
        who: "<".repeat(300),
        group: vec!["&".repeat(300); 5],
        ..item(event, &format!("{number:032}"), "111122223333")
    };
    let items: Vec<Item> = (0..400).map(|number| long(Event::New, number)).collect();
    let message = plan(&topic(), items, 0, HEAD).remove(0);
    let body = plain::body(&message);
    assert!(body.len() <= 256 * 1024 && body.contains("more, which the report has"), "{}", body.len());
    let written = webhook::body(&message).unwrap();
    let read: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert!(written.len() <= 256 * 1024 && read["items"].as_array().unwrap().len() < 400 && read["items_total"] == 400);
    check_slack(&slack::body(&message));
}

/// What Slack refuses, and what it would act upon.
fn check_slack(body: &serde_json::Value) {
    let blocks = body["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()), "{}", blocks.len());
    for block in blocks {
        let texts = [&block["text"], &block["elements"][0]];
        let text = texts.into_iter().find(|text| text.is_object()).unwrap();
        let said = text["text"].as_str().unwrap();
        let most = if block["type"] == "header" { 150 } else { 3_000 };
        assert!(!said.is_empty() && said.chars().count() <= most, "{said}");
        assert!(!said.contains('@') && !said.contains("<!"), "{said}");
        if block["type"] == "header" {
            assert_eq!(text["type"], "plain_text");
            continue;
        }
        assert_eq!(text["verbatim"], true, "{said}");
        // Our own link is the only one.
        let rest = said.replace("<https://r.example/runs/20261122T080000Z-0a1b2c3d/report.html|report>", "");
        assert!(!rest.contains(['<', '>']) && !rest.contains("://"), "{rest}");
        let entities = ["&amp;", "&lt;", "&gt;"].iter().fold(rest.clone(), |text, entity| text.replace(entity, ""));
        assert!(!entities.contains('&'), "{rest}");
        // A span that is opened is closed on its line.
        assert!(said.lines().all(|line| line.matches('`').count() % 2 == 0), "{said}");
    }
    let fallback = body["text"].as_str().unwrap();
    assert!(!fallback.contains(['<', '>', '@']) && !fallback.contains("://"), "{fallback}");
}

#[test]
fn slack_shows_hostile_text_as_text() {
    let message = hostile();
    let body = slack::body(&message);
    check_slack(&body);
    let section = body["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(section.contains("finding: `f`") && section.contains("policy: `many-refused-calls`"), "{section}");
    let items: Vec<Item> = (0..200).map(|number| item(Event::New, &number.to_string(), "111122223333")).collect();
    let many = slack::body(&plan(&topic(), items.clone(), 0, HEAD).remove(0));
    check_slack(&many);
    assert!(many.to_string().contains("and 153 more"));
    let rest = plan(
        &Receiver { at_most: 1, group: Grouping::Account, ..topic() },
        [items, vec![item(Event::New, "x", "2")]].concat(),
        3,
        HEAD,
    );
    check_slack(&slack::body(&rest[1]));
}

#[test]
fn a_webhook_gets_the_very_text() {
    let message = hostile();
    let read: serde_json::Value = serde_json::from_slice(&webhook::body(&message).unwrap()).unwrap();
    assert_eq!((&read["version"], &read["items"][0]["who"]), (&serde_json::json!(1), &serde_json::json!(HOSTILE)));
    assert_eq!((&read["level"], &read["group"], &read["items"][0]["event"]), (&"high".into(), &"account".into(), &"new".into()));
    // By `printf '1764000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef`.
    let signature = webhook::signature(&Secret::new("0123456789abcdef".to_owned()), 1_764_000_000, b"{}");
    assert_eq!(signature, "v1=7d30677170eef90881d27d4ed43c2fbd6dc9b8344fa6abe28751fe26722a3342");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in a log: Slack's limits hold, nothing of it is acted upon, and lines of plain text stay lines.
    #[test]
    fn any_text_is_shown_as_text(texts in prop::collection::vec("\\PC{0,300}|[<>&@`:/!|\n\u{0}-\u{1f}a]{0,300}", 7), many in 1_usize..60) {
        let [title, who, name, region, group, statement, organisation] = texts.try_into().unwrap();
        let one = Item { title, who, account_name: name, region, group: vec![group; 5], statement, ..item(Event::New, "f", "1") };
        let head = Head { organisation: &organisation, ..HEAD };
        let receiver = Receiver { link: Some("https://r.example/runs/".to_owned()), group: Grouping::Run, ..topic() };
        let message = plan(&receiver, vec![one; many], 0, head).remove(0);
        check_slack(&slack::body(&message));
        let subject = plain::subject(&message);
        prop_assert!(subject.len() <= 99 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let body = plain::body(&message);
        prop_assert!(body.chars().all(|char| char == '\n' || !crate::report::escape::is_invisible(char)));
        prop_assert_eq!(body.lines().filter(|line| line.starts_with("  finding:")).count(), many.min(50));
        let written = webhook::body(&message).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(read["items_total"].as_u64(), Some(many as u64));
        prop_assert!(written.len() <= 256 * 1024 && !read["items"].as_array().unwrap().is_empty());
    }

    /// However things are grouped, each is told in one message.
    #[test]
    fn nothing_is_lost_or_doubled(accounts in prop::collection::vec(0_u8..30, 0..80), at_most in 1_u32..40, by in 0_usize..3, unlisted in 0_u64..3) {
        let items: Vec<Item> = accounts
            .iter()
            .enumerate()
            .map(|(number, account)| Item { policy: format!("p{}", account % 7), ..item(Event::New, &format!("{number:03}"), &account.to_string()) })
            .collect();
        let group = [Grouping::Run, Grouping::Account, Grouping::Policy][by];
        let messages = plan(&Receiver { group, at_most, ..topic() }, items, unlisted, HEAD);
        prop_assert!(messages.len() <= at_most as usize + 1);
        let mut told: Vec<&str> = messages.iter().flat_map(|message| names(&message.items)).collect();
        told.sort_unstable();
        prop_assert_eq!(told, (0..accounts.len()).map(|number| format!("{number:03}")).collect::<Vec<_>>());
        prop_assert_eq!(messages.iter().filter_map(|message| message.rest.as_ref()).map(|rest| rest.unlisted).sum::<u64>(), unlisted);
    }
}
