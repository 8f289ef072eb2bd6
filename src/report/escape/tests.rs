use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use html5gum::{Token, Tokenizer};
use proptest::prelude::*;

use super::*;
use crate::report::fixture::HOSTILE;

/// Text made of what means something to HTML, Markdown or a terminal, and of anything else.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => proptest::sample::select(&[
            "<", ">", "&", "\"", "'", "`", "``", "|", "\\", "\\|", "@", "#", "[", "](", ")", "!", "*", "_", "~~", "$", ":", "://",
            "www.", "\n", "\r", "\t", " ", "    ", "\u{1b}", "\u{9b}", "\u{202e}", "\u{2066}", "\u{200b}", "\u{0}", "-", "+", "=",
            "---", "1.", "1)", "http", "https", "mailto", "a.b@c.de", "@octocat", "#1", ":tada:", "<script>", "</td>", "<!--", "]]>",
            "&lt;", "&#64;", "x", "東", "é",
        ][..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => proptest::sample::select(&HOSTILE[..]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn html_text(text: &str) -> String {
    let mut out = Vec::new();
    html(text, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Tags with the names of their attributes, and the text of the page.
fn shape_and_text(html: &str) -> (Vec<String>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    for token in Tokenizer::new(html) {
        match token.unwrap() {
            Token::StartTag(tag) => {
                let names: Vec<_> = tag.attributes.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                tags.push(format!("<{} {}>", String::from_utf8_lossy(&tag.name), names.join(" ")));
            }
            Token::EndTag(tag) => tags.push(format!("</{}>", String::from_utf8_lossy(&tag.name))),
            Token::String(string) => text.push_str(&String::from_utf8_lossy(&string)),
            Token::Comment(_) => tags.push("comment".to_owned()),
            Token::Error(error) => tags.push(format!("error {}", error.value)),
            Token::Doctype(_) => tags.push("doctype".to_owned()),
        }
    }
    (tags, text)
}

/// The kinds of nodes that GitHub's Markdown makes of the text, and the text in them. Runs of text are one node.
fn markdown_tree(markdown: &str) -> (Vec<String>, String) {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    options.extension.math_dollars = true;
    options.extension.math_code = true;
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options);
    let (mut kinds, mut text) = (Vec::new(), String::new());
    for node in root.descendants() {
        let kind = match &node.data.borrow().value {
            NodeValue::Text(literal) => {
                text.push_str(literal);
                continue;
            }
            NodeValue::Code(code) => {
                text.push_str(&code.literal);
                "code".to_owned()
            }
            NodeValue::Escaped => continue,
            other => other.xml_node_name().to_owned(),
        };
        kinds.push(kind);
    }
    (kinds, text)
}

/// Node kinds without the code spans in which an escape puts single characters.
fn without_code(kinds: Vec<String>) -> Vec<String> {
    kinds.into_iter().filter(|kind| kind != "code").collect()
}

#[test]
fn invisible_characters_are_spelt_out() {
    assert_eq!(terminal("a\u{1b}[31m\u{202e}\u{200b}\n\t日本語é🙂"), "a\\u{1b}[31m\\u{202e}\\u{200b}\\n\\t日本語é🙂");
    assert_eq!(html_text("\u{fdd0}\u{ffff}\u{10fffe}\u{fffd}"), "\\u{fdd0}\\u{ffff}\\u{10fffe}\u{fffd}");
    assert_eq!(html_text("<a href=\"'\">&\u{0}\n\r"), "&lt;a href=&quot;&#39;&quot;&gt;&amp;\\u{0}\n\\r");
}

#[test]
fn prose_stays_readable_in_markdown() {
    for plain in [
        "A trail was stopped, deleted or narrowed",
        "no match (0 of 4,312 cloudtrail.amazonaws.com events)",
        "2026-11-22 08:00:00Z",
        "CloudTrail's trail; 4.5",
    ] {
        assert_eq!(markdown_text(plain), plain);
    }
    assert_eq!(markdown_text("@octocat #1 :tada: a@b.c"), "`@`octocat `#`1 `:`tada: a`@`b.c");
    assert_eq!(markdown_text("1. https://x www.y - [a](b)"), "1\\. https\\://x www\\.y - \\[a\\](b)");
    assert_eq!(markdown_code("a`b|c\\"), "`a\\u{60}b\\|c\\ `");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn html_keeps_its_shape(text in hostile()) {
        let page = |value: &str| format!("<table><tr title=\"{value}\"><td>{value}</td></tr></table><pre>\n{value}</pre>");
        let (shape, read) = shape_and_text(&page(&html_text(&text)));
        prop_assert_eq!(shape, shape_and_text(&page("x")).0);
        let visible: String = terminal(&text).replace("\\n", "\n").replace("\\t", "\t");
        prop_assert_eq!(read.replace("\\n", "\n").replace("\\t", "\t"), format!("{visible}\n{visible}"));
    }

    #[test]
    fn markdown_rows_keep_their_cells(text in hostile(), other in hostile()) {
        let page = |a: &str, b: &str| format!("| a | b | c |\n| --- | --- | --- |\n| {a} | {b} | end |\n");
        let expected = without_code(markdown_tree(&page("x", "y")).0);
        let found = markdown_tree(&page(&markdown_text(&text), &markdown_code(&other))).0;
        prop_assert_eq!(without_code(found), expected);
    }

    #[test]
    fn markdown_text_is_only_text(text in hostile()) {
        for page in [|value: &str| format!("{value}\n"), |value: &str| format!("# {value}\n"), |value: &str| format!("- a {value} b\n")] {
            let expected = without_code(markdown_tree(&page("x")).0);
            let escaped = markdown_text(&text);
            // Nothing but white space leaves an empty item, which is harmless too.
            prop_assume!(!escaped.trim().is_empty());
            let (kinds, _) = markdown_tree(&page(&escaped));
            prop_assert_eq!(without_code(kinds), expected, "{}", escaped);
        }
    }

    #[test]
    fn markdown_text_reads_as_written(text in hostile()) {
        let (_, read) = markdown_tree(&format!("x{}x\n", markdown_text(&text)));
        prop_assert_eq!(read, format!("x{}x", terminal(&text)));
    }

    #[test]
    fn markdown_text_is_harmless_in_backticks(text in hostile()) {
        let (kinds, _) = markdown_tree(&format!("a `{}` b\n", markdown_text(&text)));
        prop_assert!(kinds.iter().all(|kind| matches!(kind.as_str(), "document" | "paragraph" | "code")), "{kinds:?}");
    }

    #[test]
    fn markdown_code_is_only_code(text in hostile(), other in hostile()) {
        let line = format!("a {} {}{} b\n", markdown_code(&text), markdown_code(&other), markdown_code(&text));
        let (kinds, _) = markdown_tree(&line);
        prop_assert!(kinds.iter().all(|kind| matches!(kind.as_str(), "document" | "paragraph" | "code")), "{kinds:?} {line}");
    }

    #[test]
    fn no_escape_lets_an_invisible_character_through(text in any::<String>(), more in hostile()) {
        let text = text + &more;
        for escaped in [terminal(&text), markdown_text(&text), markdown_code(&text), html_text(&text).replace(['\n', '\t'], "")] {
            prop_assert!(!escaped.chars().any(is_invisible), "{escaped:?}");
        }
        prop_assert_eq!(terminal(&terminal(&text)), terminal(&text));
    }
}

/// Text of an element and of an attribute as an XML reader gives it back.
fn xml_read(document: &str) -> (String, String) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(document);
    let (mut text, mut attribute) = (String::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let value = start.try_get_attribute("a").unwrap().unwrap();
                attribute = quick_xml::escape::unescape(&value.value).unwrap().into_owned();
            }
            Event::Text(some) => text.push_str(&some),
            Event::GeneralRef(name) => {
                let reference = format!("&{};", &*name);
                text.push_str(&quick_xml::escape::unescape(&reference).unwrap());
            }
            Event::End(_) => {}
            Event::Eof => return (text, attribute),
            other => panic!("{other:?} came out of text"),
        }
    }
}

proptest! {
    #[test]
    fn xml_stays_text(text in hostile()) {
        let escaped = xml(&text);
        // XML 1.0 has no place for other control characters, nor for these two.
        let allowed = |c: char| matches!(c, '\n' | '\t') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
        prop_assert!(escaped.chars().all(allowed), "{:?}", escaped);
        let (read, attribute) = xml_read(&format!("<x a=\"{escaped}\">{escaped}</x>"));
        let mut shown = String::new();
        for c in text.chars() {
            if matches!(c, '\n' | '\t') { shown.push(c) } else { push_visible(c, &mut shown) }
        }
        prop_assert_eq!(&read, &shown);
        prop_assert_eq!(attribute, shown);
    }

    #[test]
    fn a_cell_never_begins_a_formula(text in hostile(), start in "[ \"'\t\r\n\u{3000}\u{200b}]{0,3}[=+@＝＋－＠-]?") {
        for text in [text.clone(), format!("{start}{text}")] {
            let cell = cell(&text);
            prop_assert!(!cell.contains(['\t', '\r', '\n']) && !cell.chars().any(is_invisible));
            // Nothing but our own apostrophe comes before what could begin a formula.
            let bare = cell.trim_start_matches(|c: char| c.is_whitespace() || "\"`“”‘’＂＇".contains(c));
            prop_assert!(!bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫']), "{:?}", cell);
            prop_assert!(is_formula(&text) == cell.starts_with('\'') || text.starts_with('\''), "{:?}", cell);
        }
    }

    #[test]
    fn a_message_of_sarif_has_no_link(text in hostile()) {
        let escaped = sarif(&text);
        let mut chars = escaped.chars();
        let mut plain = String::new();
        while let Some(c) = chars.next() {
            prop_assert!(!matches!(c, '[' | ']'), "{}", escaped);
            plain.push(if c == '\\' { chars.next().unwrap() } else { c });
        }
        prop_assert_eq!(plain, terminal(&text));
    }
}

#[test]
fn plain_text_is_left_alone_by_every_escape() {
    for text in ["alice@example.com", "arn:aws:iam::111122223333:user/田中太郎", "a - b", "1-2", "100 %"] {
        assert_eq!((cell(text), sarif(text), xml(text)), (text.to_owned(), text.to_owned(), text.to_owned()));
    }
}
