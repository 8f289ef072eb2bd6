//! Columns of text in a terminal: as wide as they need, and narrower where the terminal is.

use unicode_width::UnicodeWidthStr;

use crate::report::escape::terminal;
use crate::report::words::shorten;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Above it.
    pub(crate) title: &'static str,
    /// Columns of the terminal to which it is narrowed before another one is left out, and below which it never is; none for what
    /// is never cut.
    pub(crate) least: Option<(usize, usize)>,
    /// Whether it is left out if there is no room; the last of these goes first.
    pub(crate) optional: bool,
}

/// Between two columns.
const GAP: usize = 2;

/// Lays out lines of cells under titles, in a terminal of this width. A column in which every cell is empty is left out. Cells are
/// made harmless here.
pub(crate) fn lay_out(columns: &[Column], lines: &[Vec<String>], width: usize) -> String {
    let lines: Vec<Vec<String>> = lines.iter().map(|cells| cells.iter().map(|cell| terminal(cell)).collect()).collect();
    let needs = |at: usize| lines.iter().filter_map(|cells| cells.get(at)).map(|cell| cell.width()).max().unwrap_or(0);
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| match needs(at) {
            0 if !lines.is_empty() => 0,
            needed => needed.max(column.title.width()),
        })
        .collect();
    narrow(columns, &mut widths, width);
    let mut out = String::new();
    put(columns.iter().map(|column| column.title), &widths, &mut out);
    for cells in &lines {
        put(cells.iter().map(String::as_str), &widths, &mut out);
    }
    out
}

fn total(widths: &[usize]) -> usize {
    widths.iter().filter(|width| **width > 0).map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// Narrows columns and leaves some out until all fit.
fn narrow(columns: &[Column], widths: &mut [usize], room: usize) {
    let natural = widths.to_vec();
    loop {
        take(columns, widths, room, &|(readable, _)| readable);
        if total(widths) <= room {
            return;
        }
        let Some(last) = columns.iter().zip(&*widths).rposition(|(column, width)| column.optional && *width > 0) else { break };
        for (at, width) in widths.iter_mut().enumerate().filter(|(_, width)| **width > 0) {
            *width = if at == last { 0 } else { natural.get(at).copied().unwrap_or(0) };
        }
    }
    take(columns, widths, room, &|(_, least)| least);
}

/// Takes from the widest column that may be narrowed, again and again, until all fit.
fn take(columns: &[Column], widths: &mut [usize], room: usize, bound: &dyn Fn((usize, usize)) -> usize) {
    while total(widths) > room {
        let may = |(at, width): &(usize, &mut usize)| {
            columns.get(*at).and_then(|column| column.least).is_some_and(|least| **width > bound(least))
        };
        let Some((_, widest)) = widths.iter_mut().enumerate().filter(may).max_by_key(|(_, width)| **width) else { return };
        *widest -= 1;
    }
}

fn put<'c>(cells: impl Iterator<Item = &'c str>, widths: &[usize], out: &mut String) {
    let from = out.len();
    for (cell, width) in cells.zip(widths).filter(|(_, width)| **width > 0) {
        let cell = shorten(cell, *width);
        out.push_str(&cell);
        out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + GAP));
    }
    let trimmed = out.trim_end_matches(' ').len().max(from);
    out.truncate(trimmed);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "TIME", least: None, optional: false },
        Column { title: "WHAT", least: Some((10, 6)), optional: false },
        Column { title: "WHERE", least: Some((5, 5)), optional: true },
    ];

    fn laid_out(width: usize) -> String {
        let line = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        lay_out(
            &COLUMNS,
            &[line(["12:00", "a long description", "Tokyo"]), line(["13:00", "\u{1b}[2J", "東京都千代田区"])],
            width,
        )
    }

    #[test]
    fn columns_are_as_wide_as_they_need() {
        assert_eq!(
            laid_out(60),
            "TIME   WHAT                WHERE\n12:00  a long description  Tokyo\n13:00  \\u{1b}[2J           東京都千代田区\n"
        );
    }

    #[test]
    fn a_narrow_terminal_shortens_and_then_leaves_out() {
        for width in 5..60 {
            let text = laid_out(width);
            assert!(text.lines().all(|line| line.width() <= width.max(13)), "{width}\n{text}");
            assert_eq!(text.contains("WHERE"), width >= 24, "{width}\n{text}");
            assert!(text.contains("12:00  a"), "{width}\n{text}");
        }
    }
}
