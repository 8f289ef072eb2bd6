//! The result for people at a terminal. The verdict comes last, because that is the line above the next prompt;
//! before it what bounds the verdict (books, what could not be read), and first the findings, most severe on top. A run
//! over a scope begins with what of it could be seen.
//!
//! Every text goes through `Screen`, which makes it harmless. Nothing else writes escape sequences.

mod scope;
mod standing;

use unicode_width::UnicodeWidthStr;

use crate::report::scope::ScopeView;
use crate::report::summary::{self, Verdict};
use crate::report::v1::{Document, Finding, Policy, Problem};
use crate::report::{escape, words};

/// How to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether to use ANSI colours.
    pub(crate) colour: bool,
    /// Columns of the terminal. Less than 40 is treated as 40. Ids may go past it: they are never shortened.
    pub(crate) width: usize,
    /// Findings to list of each policy at most; the rest are counted.
    pub(crate) findings: usize,
}

/// Findings of one policy that a terminal shows.
pub(crate) const PER_POLICY: usize = 5;

impl Default for Options {
    fn default() -> Self {
        Self { colour: false, width: 100, findings: PER_POLICY }
    }
}

/// Problems listed of each kind.
const PROBLEMS: usize = 20;

/// Policies named as not evaluable.
const REVIEWS: usize = 20;

/// Renders the result: lines that end in `\n`.
#[must_use]
pub(crate) fn render(document: &Document, options: Options) -> String {
    let mut screen = Screen { out: String::new(), colour: options.colour, width: options.width.max(40) };
    let view = ScopeView::of(document);
    if let Some(view) = &view {
        scope::coverage(view, &mut screen);
    }
    findings(document, options.findings, &mut screen);
    standing::changes(document, &mut screen);
    match &view {
        Some(view) => scope::verdicts(document, view, &mut screen),
        None => requirements(document, &mut screen),
    }
    for_review(document, &mut screen);
    problems(document, &mut screen);
    books(document, &mut screen);
    verdict(document, &mut screen);
    screen.out
}

fn findings(document: &Document, most: usize, screen: &mut Screen) {
    for level in summary::by_level(&document.findings).into_iter().filter(|level| level.findings > 0) {
        let of_level: Vec<&Finding> = document.findings.iter().filter(|finding| finding.level == level.level).collect();
        screen.put(Style::of_level(level.level), &level.level.to_uppercase());
        screen.put(Style::Bold, &format!("  {}", words::plural(level.findings, "finding", "findings")));
        screen.end();
        for of_policy in by_policy(&of_level) {
            let shown = of_policy.get(..most).unwrap_or(&of_policy);
            policy(shown, screen);
            let left_out = (of_policy.len() - shown.len()) as u64;
            if left_out > 0 {
                screen.line(Style::Dim, &format!("    … {} more; the JSON and HTML reports have all", words::count(left_out)));
            }
        }
        screen.end();
    }
}

/// The findings of each policy together, policies in the order in which they first come.
fn by_policy<'a>(findings: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| first.policy == finding.policy)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn policy(findings: &[&Finding], screen: &mut Screen) {
    let Some(first) = findings.first() else {
        return;
    };
    screen.put(Style::Bold, &format!("  {}", first.policy));
    let room = screen.width.saturating_sub(4 + first.policy.width());
    if first.title.width() <= room {
        screen.put(Style::Plain, &format!("  {}", first.title));
        screen.end();
    } else {
        screen.end();
        screen.wrapped(Style::Plain, "  ", &first.title);
    }
    let periods: Vec<String> = findings.iter().map(|it| words::period(&it.first_seen, &it.last_seen)).collect();
    let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| escape::terminal(text).width()).max().unwrap_or(0);
    let account = widest(&mut findings.iter().map(|it| it.account.as_str()));
    let region = widest(&mut findings.iter().map(|it| it.region.as_str()));
    let period = widest(&mut periods.iter().map(String::as_str));
    for (finding, seen) in findings.iter().zip(&periods) {
        screen.put(Style::Plain, "    ");
        screen.cell(Style::of_level(&finding.level), &finding.account, account);
        screen.cell(Style::Plain, &finding.region, region);
        screen.cell(Style::Plain, seen, period);
        screen.put(Style::Plain, &words::plural(finding.count, "match", "matches"));
        screen.end();
        what(finding, screen);
        if let Some(correlated) = &finding.correlated {
            screen.wrapped(Style::Dim, "      ", &correlated.statement);
        }
        behind(finding, screen);
    }
}

/// Who or what a finding is about: what the policy groups by, or what it shows.
fn what(finding: &Finding, screen: &mut Screen) {
    let shown = finding.occurrences.first().map(|it| it.show.as_slice()).unwrap_or_default();
    let fields = if finding.group.is_empty() { shown } else { &finding.group };
    let values: Vec<(&str, &str)> =
        fields.iter().filter_map(|it| it.value.as_deref().map(|value| (it.field.as_str(), value))).collect();
    if values.is_empty() {
        return;
    }
    // Each value gets an even share of the line, so that a long one does not push the others out.
    let names: usize = values.iter().map(|(field, _)| escape::terminal(field).width() + 3).sum();
    let share = (screen.width.saturating_sub(6 + names) / values.len()).max(12);
    screen.put(Style::Plain, "     ");
    for (field, value) in values {
        screen.put(Style::Dim, &format!(" {field}="));
        screen.put(Style::Plain, &words::shorten(&escape::terminal(value), share));
        screen.put(Style::Plain, " ");
    }
    screen.end();
}

/// Who is behind it, if it was done with somebody else's credentials.
fn behind(finding: &Finding, screen: &mut Screen) {
    let told = summary::behind(finding);
    if let [first, others @ ..] = told.as_slice() {
        let more = if others.is_empty() { String::new() } else { format!(" (and {} more)", words::count(others.len() as u64)) };
        screen.wrapped(Style::Plain, "      ", &format!("behind it: {first}{more}"));
    }
}

fn requirements(document: &Document, screen: &mut Screen) {
    let matched = document.policies.iter().filter(|policy| policy.matches > 0).count() as u64;
    let policies = words::plural(document.policies.len() as u64, "policy", "policies");
    let unjudged = |policy: &&Policy| policy.matches == 0 && policy.not_evaluable == 0 && policy.status == "not evaluable";
    let silent = document.policies.iter().filter(unjudged).count() as u64;
    let quiet = words::count(document.policies.len() as u64 - matched - silent);
    let matched = words::count(matched);
    let silent = if silent > 0 { format!(", {} could not be judged", words::count(silent)) } else { String::new() };
    screen.wrapped(Style::Plain, "", &format!("{policies}: {matched} matched, {quiet} did not match in what was read{silent}"));
    for framework in &document.frameworks {
        let statuses: Vec<String> = summary::by_status(framework)
            .iter()
            .map(|status| format!("{} {}", words::count(status.count), status.label))
            .collect();
        let of = words::plural(framework.requirements.len() as u64, "requirement", "requirements");
        screen.wrapped(Style::Plain, "", &format!("{}: {}, of {of}", framework.id, statuses.join(", ")));
    }
    screen.end();
}

fn for_review(document: &Document, screen: &mut Screen) {
    let policies: Vec<_> = document.policies.iter().filter(|policy| policy.not_evaluable > 0).collect();
    if policies.is_empty() {
        return;
    }
    let records = policies.iter().map(|policy| policy.not_evaluable).sum();
    let count = words::plural(records, "record", "records");
    screen.line(Style::Bold, &format!("{count} could not be judged, because AWS omitted a field; they need a person"));
    for policy in policies.iter().take(REVIEWS) {
        screen.line(Style::Plain, &format!("  {}  {}", policy.id, words::plural(policy.not_evaluable, "record", "records")));
    }
    left_out(policies.len().saturating_sub(REVIEWS) as u64, "policies", screen);
    screen.end();
}

fn problems(document: &Document, screen: &mut Screen) {
    let (tampering, others) = summary::problems(document);
    if !tampering.is_empty() {
        let signs = words::plural(tampering.len() as u64, "sign", "signs");
        screen.line(Style::Alarm, &format!("{signs} that evidence may have been altered"));
        list(&tampering, tampering.len() as u64, screen);
    }
    let rest = document.coverage.problems_total.saturating_sub(tampering.len() as u64);
    if rest > 0 {
        let place = if document.scope.is_some() { "collected" } else { "read" };
        screen.line(Style::Bold, &format!("{} in what was {place}", words::plural(rest, "problem", "problems")));
        list(&others, rest, screen);
    }
}

fn list(problems: &[&Problem], total: u64, screen: &mut Screen) {
    for problem in problems.iter().take(PROBLEMS) {
        let record = problem.record.map(|record| format!(", record {record}")).unwrap_or_default();
        let offset = problem.offset.map(|offset| format!(", offset {offset}")).unwrap_or_default();
        let code = format!("  {}", problem.code);
        let room = screen.width.saturating_sub(code.width() + 2 + record.width() + offset.width()).max(20);
        screen.put(if problem.tampering { Style::Alarm } else { Style::Bold }, &code);
        let object = words::shorten(&escape::terminal(&problem.object), room);
        screen.put(Style::Plain, &format!("  {object}{record}{offset}"));
        screen.end();
        screen.wrapped(Style::Dim, "    ", &problem.message);
    }
    left_out(total.saturating_sub(problems.len().min(PROBLEMS) as u64), "problems", screen);
    screen.end();
}

fn left_out(number: u64, what: &str, screen: &mut Screen) {
    if number > 0 {
        screen.line(Style::Dim, &format!("  … {} more {what}; the JSON and HTML reports list them", words::count(number)));
    }
}

fn books(document: &Document, screen: &mut Screen) {
    let (objects, records) = (&document.books.objects, &document.books.records);
    let sum = |parts: &[(&str, u64)]| {
        parts.iter().map(|(label, number)| format!("{label} {}", words::count(*number))).collect::<Vec<_>>().join(" + ")
    };
    let objects_are = sum(&[("read", objects.read), ("skipped", objects.skipped), ("failed", objects.failed)]);
    let records_are = sum(&[
        ("evaluated", records.evaluated),
        ("duplicate", records.duplicate),
        ("malformed", records.malformed),
        ("other kinds", records.other_kinds),
        ("outside the period", records.outside_period),
    ]);
    screen.wrapped(Style::Plain, "", &format!("objects: listed {} = {objects_are}", words::count(objects.listed)));
    screen.wrapped(Style::Plain, "", &format!("records: read {} = {records_are}", words::count(records.read)));
    if !document.books.balanced {
        screen.wrapped(
            Style::Alarm,
            "",
            "The books do not balance: something was lost or counted twice. Report this as a fault.",
        );
    }
    // With a scope the statement stands above, before everything that it bounds.
    if document.scope.is_none() {
        screen.wrapped(Style::Plain, "", &document.coverage.statement);
    }
}

fn verdict(document: &Document, screen: &mut Screen) {
    let verdict = Verdict::of(document);
    let style = match verdict.kind {
        "clean" => Style::Bold,
        "incomplete" => Style::Warning,
        _ => Style::Alarm,
    };
    screen.line(style, &verdict.words);
}

/// How a piece of text looks, if colours are on.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Bold,
    Dim,
    Warning,
    Alarm,
    High,
    Medium,
    Low,
}

impl Style {
    fn of_level(level: &str) -> Self {
        match level {
            "critical" => Self::Alarm,
            "high" => Self::High,
            "medium" => Self::Medium,
            "low" => Self::Low,
            _ => Self::Dim,
        }
    }

    /// The parameters of the escape sequence that turns it on.
    fn sequence(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Warning => "1;33",
            Self::Alarm => "1;31",
            Self::High => "31",
            Self::Medium => "33",
            Self::Low => "36",
        }
    }
}

/// Where all text goes through on its way out.
struct Screen {
    out: String,
    colour: bool,
    width: usize,
}

impl Screen {
    /// Text on the current line.
    fn put(&mut self, style: Style, text: &str) {
        let text = escape::terminal(text);
        let sequence = style.sequence();
        if self.colour && !sequence.is_empty() {
            self.out.extend(["\u{1b}[", sequence, "m", &text, "\u{1b}[0m"]);
        } else {
            self.out.push_str(&text);
        }
    }

    /// Text in a column of this width, and two spaces.
    fn cell(&mut self, style: Style, text: &str, width: usize) {
        self.put(style, text);
        let used = escape::terminal(text).width();
        self.out.extend(std::iter::repeat_n(' ', width.saturating_sub(used) + 2));
    }

    /// Ends the line.
    fn end(&mut self) {
        let trimmed = self.out.trim_end_matches(' ').len();
        self.out.truncate(trimmed);
        self.out.push('\n');
    }

    /// A line of its own.
    fn line(&mut self, style: Style, text: &str) {
        self.put(style, text);
        self.end();
    }

    /// Text on as many lines as it needs, broken at white space.
    fn wrapped(&mut self, style: Style, indent: &str, text: &str) {
        for line in words::wrapped(text, self.width.saturating_sub(indent.width())) {
            self.line(style, &format!("{indent}{line}"));
        }
    }
}

#[cfg(test)]
mod tests;
