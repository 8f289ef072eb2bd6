//! Counts over time as numbers that a template can draw: rows of cells or bars on a common time axis.
//!
//! A row is drawn in a box as wide as there are columns and 100 high; the style sheet stretches it. Many steps are
//! put together so that a column stays wide enough to be seen.

use serde::Serialize;

use crate::report::v1::{Activity, Series};
use crate::report::words;

/// Columns drawn at most.
const COLUMNS: usize = 96;

/// Shades from few to many. Zero is no shade.
const SHADES: u64 = 5;

/// Series over time.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    /// How long a column is, in words: `1 hour`, `6 hours`, `1 day`.
    pub(super) column: String,
    /// Start of each column.
    pub(super) times: Vec<String>,
    /// Start of the first, middle and last column, for the axis.
    pub(super) axis: Vec<String>,
    /// One for each series, in its order.
    pub(super) rows: Vec<Row>,
    /// The same numbers as a table: for each column its counts by row.
    pub(super) table: Vec<TableRow>,
}

/// One series.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) total: u64,
    /// Largest column.
    pub(super) peak: u64,
    /// Start of that column.
    pub(super) peak_time: String,
    /// Columns with a count above zero; neighbours with the same shade and height are one mark.
    pub(super) marks: Vec<Mark>,
}

/// One or more columns.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Mark {
    /// First column.
    pub(super) x: usize,
    /// Columns.
    pub(super) width: usize,
    /// 1 to 5, against the largest column of all series.
    pub(super) shade: u64,
    /// 0 to 100, against the largest column of this series; a count above zero is at least 4.
    pub(super) height: u64,
    /// First day of it.
    pub(super) from: String,
    /// Last day of it.
    pub(super) until: String,
}

/// One column as a row of a table.
#[derive(Debug, Serialize)]
pub(super) struct TableRow {
    pub(super) time: String,
    pub(super) counts: Vec<u64>,
}

impl Chart {
    /// The series over the steps of `activity`.
    pub(super) fn of(activity: &Activity, series: &[Series]) -> Self {
        let steps = activity.times.len();
        let per_column = steps.div_ceil(COLUMNS).max(1);
        let times: Vec<String> = activity.times.iter().step_by(per_column).map(|time| label(time)).collect();
        let columns: Vec<Vec<u64>> = series.iter().map(|one| sums(&one.counts, steps, per_column)).collect();
        let largest = columns.iter().flatten().copied().max().unwrap_or(0);
        let rows = series.iter().zip(&columns).map(|(one, counts)| row(&one.label, counts, &times, largest)).collect();
        let table = times.iter().enumerate().map(|(at, time)| TableRow {
            time: time.clone(),
            counts: columns.iter().map(|counts| counts.get(at).copied().unwrap_or(0)).collect(),
        });
        Self { column: column(&activity.step, per_column), axis: axis(&times), rows, table: table.collect(), times }
    }
}

/// Sums of each `per_column` steps. Counts that are missing are zero, those beyond the last step are left out.
fn sums(counts: &[u64], steps: usize, per_column: usize) -> Vec<u64> {
    let mut columns: Vec<u64> =
        counts.iter().take(steps).copied().collect::<Vec<_>>().chunks(per_column).map(|chunk| chunk.iter().sum()).collect();
    columns.resize(steps.div_ceil(per_column), 0);
    columns
}

fn row(label: &str, counts: &[u64], times: &[String], largest: u64) -> Row {
    let peak = counts.iter().copied().max().unwrap_or(0);
    let peak_at = counts.iter().position(|count| *count == peak).unwrap_or(0);
    let mut marks: Vec<Mark> = Vec::new();
    for (x, count) in counts.iter().copied().enumerate().filter(|(_, count)| *count > 0) {
        let (shade, height) = (shade(count, largest), height(count, peak));
        let day = times.get(x).map(|time| time.chars().take(10).collect::<String>()).unwrap_or_default();
        match marks.last_mut() {
            Some(last) if last.x + last.width == x && last.shade == shade && last.height == height => {
                (last.width, last.until) = (last.width + 1, day);
            }
            _ => marks.push(Mark { x, width: 1, shade, height, from: day.clone(), until: day }),
        }
    }
    Row {
        label: label.to_owned(),
        total: counts.iter().sum(),
        peak,
        peak_time: times.get(peak_at).cloned().unwrap_or_default(),
        marks,
    }
}

/// Shades grow with the square root, so that a quiet account is not invisible beside a busy one.
fn shade(count: u64, largest: u64) -> u64 {
    let reached = (1..=SHADES)
        .find(|shade| u128::from(count) * u128::from(SHADES * SHADES) <= u128::from(largest) * u128::from(shade * shade));
    reached.unwrap_or(SHADES)
}

fn height(count: u64, peak: u64) -> u64 {
    let hundredths = u128::from(count) * 100 / u128::from(peak.max(1));
    u64::try_from(hundredths).unwrap_or(100).clamp(4, 100)
}

/// `2026-11-22T08:00:00Z` as `2026-11-22 08:00`, midnight as `2026-11-22`.
fn label(time: &str) -> String {
    let time = words::time(time);
    let short = time.strip_suffix(":00Z").unwrap_or(&time);
    short.strip_suffix(" 00:00").unwrap_or(short).to_owned()
}

fn column(step: &str, steps: usize) -> String {
    if steps == 1 { format!("1 {step}") } else { format!("{steps} {step}s") }
}

fn axis(times: &[String]) -> Vec<String> {
    let places = [0, times.len() / 2, times.len().saturating_sub(1)];
    let mut axis: Vec<String> = places.iter().filter_map(|at| times.get(*at).cloned()).collect();
    axis.dedup();
    axis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(steps: usize) -> Activity {
        let times = (0..steps).map(|at| format!("2026-11-{:02}T{:02}:00:00Z", 1 + at / 24, at % 24)).collect();
        Activity { step: "hour".to_owned(), times, accounts: Vec::new(), levels: Vec::new(), sources: Vec::new() }
    }

    fn series(counts: Vec<u64>) -> Series {
        Series { label: "a".to_owned(), counts }
    }

    #[test]
    fn many_steps_are_put_together_and_none_is_lost() {
        let chart = Chart::of(&activity(200), &[series((0..200).collect())]);
        assert_eq!((chart.column.as_str(), chart.times.len()), ("3 hours", 67));
        assert_eq!(chart.rows[0].total, (0..200).sum::<u64>());
        assert_eq!(chart.table.iter().flat_map(|row| &row.counts).sum::<u64>(), chart.rows[0].total);
        assert_eq!(chart.rows[0].peak_time, "2026-11-09 03:00");
    }

    #[test]
    fn neighbours_that_look_alike_are_one_mark() {
        let chart = Chart::of(&activity(5), &[series(vec![9, 9, 0, 9, 1])]);
        let (from, until) = ("2026-11-01".to_owned(), "2026-11-01".to_owned());
        let mark = |x, width, shade, height| Mark { x, width, shade, height, from: from.clone(), until: until.clone() };
        assert_eq!(chart.rows[0].marks, [mark(0, 2, 5, 100), mark(3, 1, 5, 100), mark(4, 1, 2, 11)]);
    }

    #[test]
    fn uneven_input_does_not_panic() {
        for counts in [vec![], vec![1], vec![u64::MAX / 4; 3]] {
            let chart = Chart::of(&activity(2), &[series(counts)]);
            assert_eq!(chart.table.len(), 2);
        }
        let chart = Chart::of(&activity(0), &[]);
        assert!(chart.axis.is_empty() && chart.rows.is_empty());
    }
}
