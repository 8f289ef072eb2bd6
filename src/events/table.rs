//! Records in a terminal, a line for each.

use super::columns::{Column, lay_out};
use super::row::Row;
use crate::report::words;

const COLUMNS: [Column; 8] = [
    Column { title: "TIME", least: None, optional: false },
    Column { title: "API", least: Some((22, 14)), optional: false },
    Column { title: "ACTOR", least: Some((28, 12)), optional: false },
    Column { title: "OUTCOME", least: Some((20, 9)), optional: false },
    Column { title: "ACCOUNT", least: None, optional: true },
    Column { title: "REGION", least: None, optional: true },
    Column { title: "ADDRESS", least: Some((15, 15)), optional: true },
    Column { title: "VIA", least: None, optional: true },
];

/// The records as lines of at most `width` columns.
pub(crate) fn text(rows: &[Row], width: usize) -> String {
    let cells = |row: &Row| {
        let outcome = match row.outcome.as_str() {
            "success" => String::new(),
            outcome if row.error.is_empty() => outcome.to_owned(),
            outcome => format!("{outcome}: {}", row.error),
        };
        vec![
            words::time(&row.time),
            format!("{}:{}", row.service, row.api),
            row.actor.clone(),
            outcome,
            row.account.clone(),
            row.region.clone(),
            row.address.clone(),
            row.via.clone(),
        ]
    };
    lay_out(&COLUMNS, &rows.iter().map(cells).collect::<Vec<_>>(), width)
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::events::example;

    #[test]
    fn records_in_a_terminal() {
        let denied = example::RECORD.replace("\"readOnly\"", "\"errorCode\":\"AccessDenied\",\"readOnly\"");
        let rows = [example::row(example::RECORD), example::row(&denied)];
        insta::assert_snapshot!(text(&rows, 140), @"
        TIME                  API                     ACTOR  OUTCOME               ACCOUNT       REGION     ADDRESS      VIA
        2026-10-01 07:30:12Z  cloudtrail:StopLogging  alice                        111122223333  eu-west-1  203.0.113.7  cli
        2026-10-01 07:30:12Z  cloudtrail:StopLogging  alice  denied: AccessDenied  111122223333  eu-west-1  203.0.113.7  cli
        ");
        insta::assert_snapshot!(text(&rows, 80), @"
        TIME                  API                     ACTOR  OUTCOME
        2026-10-01 07:30:12Z  cloudtrail:StopLogging  alice
        2026-10-01 07:30:12Z  cloudtrail:StopLogging  alice  denied: AccessDenied
        ");
    }

    #[test]
    fn nobody_who_writes_logs_can_send_escape_codes() {
        let hostile = example::RECORD.replace("alice", "\\u001b]0;x\\u0007\\u202e").replace("StopLogging", "a\\r\\nb");
        for width in [40, 60, 80, 110, 200] {
            let text = text(&[example::row(&hostile)], width);
            assert!(!text.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{text:?}");
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.lines().all(|line| line.width() <= width.max(67)), "{width}: {text}");
        }
    }
}
