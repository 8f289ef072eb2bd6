//! The templates of the reports: those in the binary, and a user's folder that replaces them by name.
//!
//! Escaping is set here, once, and no template can switch it off: what a template prints is escaped for its output
//! unless this crate made it (a style sheet, a script, a code span). A folder is checked before a run starts: each
//! file must be known, must parse, and must render a small document that has one of everything.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};
use tera::{ErrorKind, Kwargs, State, Tera, Value};

use crate::config::{Lang, Timezone};
use crate::report::language::{self, Catalogue, CatalogueError};
use crate::report::{escape, example, html, markdown, scope, words};

/// Name, content in the binary, and what the file is.
const FILES: [(&str, &str); 10] = [
    ("report.html", include_str!("../../reports/report.html")),
    ("account.html", include_str!("../../reports/account.html")),
    ("components.html", include_str!("../../reports/components.html")),
    ("scope.html", include_str!("../../reports/scope.html")),
    ("report.css", include_str!("../../reports/report.css")),
    ("scope.css", include_str!("../../reports/scope.css")),
    ("report.js", include_str!("../../reports/report.js")),
    ("report.md", include_str!("../../reports/report.md")),
    ("en.yaml", include_str!("../../reports/en.yaml")),
    ("ja.yaml", include_str!("../../reports/ja.yaml")),
];

/// Templates that render any number of documents.
#[derive(Clone, Debug)]
pub(crate) struct Templates {
    /// What is parsed when it is first needed: a report for a terminal never needs it.
    markup: Vec<(&'static str, String)>,
    engines: OnceLock<Engines>,
    /// Content of `report.css`.
    pub(crate) css: String,
    /// Content of `scope.css`, for a document that has a scope.
    pub(crate) scope_css: String,
    /// Content of `report.js`.
    pub(crate) script: String,
    /// The language of what is rendered.
    pub(crate) lang: Lang,
    /// The zone of a second time beside each one in UTC; none for UTC alone.
    pub(crate) zone: Option<String>,
    /// Its seconds east of UTC.
    offset: i64,
    catalogues: Catalogues,
}

/// Parsed templates.
#[derive(Clone, Debug)]
struct Engines {
    html: Tera,
    markdown: Tera,
}

/// Texts for one, and texts in Japanese.
#[derive(Clone, Debug)]
struct Catalogues {
    singular: Arc<Texts>,
    japanese: Arc<Texts>,
}

/// A catalogue that is read when the first text is asked for: reports in English never ask the Japanese one, and reading it takes
/// longer than all else before a scan.
#[derive(Debug)]
struct Texts {
    yaml: String,
    read: OnceLock<Catalogue>,
}

impl Texts {
    /// One of a user's is read at once, so that its mistakes are told before anything runs.
    fn of(name: &str, yaml: String) -> Result<Texts, CatalogueError> {
        let read = OnceLock::new();
        if !FILES.contains(&(name, &yaml)) {
            let catalogue = Catalogue::read(&yaml)?;
            read.get_or_init(|| catalogue);
        }
        Ok(Texts { yaml, read })
    }

    fn get(&self) -> &Catalogue {
        let read = || Catalogue::read(&self.yaml).expect("a test reads the embedded catalogues, and others were read already");
        self.read.get_or_init(read)
    }
}

/// Why a folder of templates cannot be used. Each message names all that is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplatesError {
    /// The folder cannot be listed.
    #[error("cannot read the template folder {}: {source}; give a folder that exists, or leave the option out", folder.display())]
    Folder {
        /// The folder as given.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Files in the folder cannot be used.
    #[error("{}", list(problems))]
    Files {
        /// By file name.
        problems: Vec<TemplateProblem>,
    },
}

/// What is wrong with one template file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {why}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct TemplateProblem {
    /// The file.
    pub(crate) file: PathBuf,
    /// One-based line, if the problem has one.
    pub(crate) line: Option<usize>,
    /// What is wrong, and what to do.
    pub(crate) why: String,
}

/// A template failed on a document. The embedded templates do not; a folder's may, where the document has what the
/// check at loading had not.
#[derive(Debug, thiserror::Error)]
#[error("cannot render {template}: {why}")]
pub(crate) struct RenderError {
    /// Name of the template file.
    pub(crate) template: &'static str,
    /// One-based line, if known.
    pub(crate) line: Option<usize>,
    /// What failed.
    pub(crate) why: String,
}

impl Templates {
    /// The embedded templates, with those of `folder` in place of the ones they share a name with.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or holds anything but usable templates; all problems are in one error.
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, TemplatesError> {
        let (overrides, mut problems) = match folder {
            Some(folder) => read_folder(folder)?,
            None => (Vec::new(), Vec::new()),
        };
        problems.extend(overrides.iter().filter_map(|(name, content)| syntax_problem(name, content)));
        if problems.is_empty() {
            let built = Self::build(&with_overrides(&overrides));
            // The embedded templates render the example in a test; only overrides have to show it here.
            match built.and_then(|it| if overrides.is_empty() { Ok(it) } else { it.try_out() }) {
                Ok(templates) => return Ok(templates),
                Err(found) => problems = found,
            }
        }
        for problem in &mut problems {
            problem.place_in(folder, &overrides);
        }
        problems.sort_by(|a, b| a.file.cmp(&b.file).then(a.line.cmp(&b.line)));
        Err(TemplatesError::Files { problems })
    }

    fn build(files: &[(&'static str, String)]) -> Result<Self, Vec<TemplateProblem>> {
        let content =
            |wanted: &str| files.iter().find(|(name, _)| *name == wanted).map(|(_, content)| content.clone()).unwrap_or_default();
        let catalogue = |name: &'static str| {
            let read = Texts::of(name, content(name)).map(Arc::new);
            read.map_err(|error| vec![TemplateProblem { file: name.into(), line: None, why: error.to_string() }])
        };
        let catalogues = Catalogues { singular: catalogue("en.yaml")?, japanese: catalogue("ja.yaml")? };
        let (css, scope_css, script) = (content("report.css"), content("scope.css"), content("report.js"));
        let markup = files.iter().filter(|(name, _)| name.ends_with(".html") || name.ends_with(".md")).cloned().collect();
        let (lang, zone, engines, offset) = (Lang::En, None, OnceLock::new(), 0);
        Ok(Self { markup, engines, css, scope_css, script, lang, zone, offset, catalogues })
    }

    /// The same templates in a language.
    pub(crate) fn speaking(self, lang: Lang) -> Self {
        Self { lang, engines: OnceLock::new(), ..self }
    }

    /// The same templates with a second time beside each one in UTC.
    pub(crate) fn in_zone(self, zone: &Timezone) -> Self {
        if zone.offset_seconds == 0 {
            return self;
        }
        Self { zone: Some(zone.name.clone()), offset: zone.offset_seconds.into(), engines: OnceLock::new(), ..self }
    }

    /// The templates of HTML.
    pub(crate) fn html(&self) -> &Tera {
        &self.engines().html
    }

    /// The templates of Markdown.
    pub(crate) fn markdown(&self) -> &Tera {
        &self.engines().markdown
    }

    fn engines(&self) -> &Engines {
        let parse = || self.parse().expect("a test parses the embedded templates, and others were parsed when they were loaded");
        self.engines.get_or_init(parse)
    }

    fn parse(&self) -> Result<Engines, Vec<TemplateProblem>> {
        let markup = |suffix: &str| self.markup.iter().filter(|(name, _)| name.ends_with(suffix)).cloned().collect::<Vec<_>>();
        let mut html = engine(".html", escape::html);
        self.add_filters(&mut html);
        html.add_raw_templates(markup(".html")).map_err(|error| problems_of("report.html", &error))?;
        let mut markdown = engine(".md", escape::markdown);
        self.add_filters(&mut markdown);
        markdown.register_filter("code", |text: &str, _: Kwargs, _: &State| Value::safe_string(&escape::markdown_code(text)));
        markdown.add_raw_templates(markup(".md")).map_err(|error| problems_of("report.md", &error))?;
        Ok(Engines { html, markdown })
    }

    /// The filters that depend on the language and the zone.
    fn add_filters(&self, engine: &mut Tera) {
        let lang = self.lang;
        let (singular, japanese) = (Arc::clone(&self.catalogues.singular), Arc::clone(&self.catalogues.japanese));
        engine.register_filter("tr", move |text: &str, arguments: Kwargs, _: &State| {
            let one = arguments.get::<u64>("n").ok().flatten() == Some(1);
            let arguments: Vec<(String, String)> =
                arguments.iter().map(|(name, value)| (name.to_string(), language::value(value))).collect();
            match lang {
                Lang::Ja => japanese.get().text(text, &arguments),
                Lang::En if one => singular.get().text(text, &arguments),
                Lang::En => language::filled(text, &arguments),
            }
        });
        let japanese = Arc::clone(&self.catalogues.japanese);
        engine.register_filter("sentence", move |text: &str, _: Kwargs, _: &State| match lang {
            Lang::Ja => japanese.get().whole(text),
            Lang::En => language::ended(text, "."),
        });
        let zone = self.zone.clone().map(|name| (name, self.offset));
        engine.register_filter("time", move |text: &str, _: Kwargs, _: &State| match &zone {
            Some((name, offset)) => words::time_in(text, (name, *offset)),
            None => words::time(text),
        });
    }

    /// Renders a document that has one of everything, to find misspelt fields before a long run does.
    fn try_out(self) -> Result<Self, Vec<TemplateProblem>> {
        let engines = self.parse()?;
        self.engines.get_or_init(|| engines);
        let document = example::document();
        let results = [html::render(&document, &self), markdown::render(&document, &self)];
        let problems: Vec<_> = results
            .into_iter()
            .filter_map(Result::err)
            .map(|error| TemplateProblem { file: error.template.into(), line: error.line, why: error.why })
            .collect();
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// The content security policy of the HTML report: no network, only this script.
    pub(crate) fn content_security_policy(&self) -> String {
        let hash = BASE64_STANDARD.encode(Sha256::digest(self.script.as_bytes()));
        format!(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{hash}'; \
             base-uri 'none'; form-action 'none'"
        )
    }
}

impl TemplateProblem {
    /// Makes the file the one in the user's folder. A problem that shows in an embedded template is put down to the
    /// overrides that it is used with.
    fn place_in(&mut self, folder: Option<&Path>, overrides: &[(&'static str, String)]) {
        let Some(folder) = folder else { return };
        if self.file.starts_with(folder) {
            return;
        }
        if !overrides.iter().any(|(name, _)| self.file.as_os_str() == *name) {
            let line = self.line.take().map(|line| format!(":{line}")).unwrap_or_default();
            self.why = format!("the embedded {}{line} does not work with the files here: {}", self.file.display(), self.why);
            self.file = folder.to_owned();
        } else {
            self.file = folder.join(&self.file);
        }
    }
}

impl RenderError {
    pub(crate) fn new(template: &'static str, error: &tera::Error) -> Self {
        let first = problems_of(template, error).into_iter().next();
        let Some(problem) = first else {
            return Self { template, line: None, why: error.to_string() };
        };
        // An error may lie in a file that the template uses.
        let named = FILES.iter().map(|(name, _)| *name).find(|name| problem.file.as_os_str() == *name);
        Self { template: named.unwrap_or(template), line: problem.line, why: problem.why }
    }
}

/// An engine that escapes what templates with this suffix print.
fn engine(suffix: &'static str, escape: tera::EscapeFn) -> Tera {
    let mut engine = Tera::new();
    engine.autoescape_on([suffix]);
    engine.set_escape_fn(escape);
    engine.register_filter("safe", |_: Value, _: Kwargs, _: &State| -> tera::TeraResult<Value> {
        Err(tera::Error::message("`safe` is not available: text from logs is always escaped"))
    });
    engine.register_filter("count", |number: u64, _: Kwargs, _: &State| words::count(number));
    engine.register_filter("bytes", |number: u64, _: Kwargs, _: &State| words::bytes(number));
    engine.register_filter("answer", |text: &str, _: Kwargs, _: &State| scope::answer(text));
    engine.register_filter("prose", |text: &str, _: Kwargs, _: &State| words::prose(text));
    engine.register_filter("shorten", |text: &str, arguments: Kwargs, _: &State| {
        arguments.must_get::<usize>("width").map(|width| words::shorten(&escape::terminal(text), width))
    });
    engine
}

/// The override files of a folder, and what else is in it.
type Folder = (Vec<(&'static str, String)>, Vec<TemplateProblem>);

fn read_folder(folder: &Path) -> Result<Folder, TemplatesError> {
    let unreadable = |source| TemplatesError::Folder { folder: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let known = FILES.iter().map(|(name, _)| *name).find(|name| path.file_name().is_some_and(|file| file == *name));
        let failure = match known {
            None => format!("not the name of a template; the names are {}", FILES.map(|(name, _)| name).join(", ")),
            Some(name) => match fs::read_to_string(&path) {
                Ok(content) => {
                    files.push((name, content));
                    continue;
                }
                Err(error) => format!("cannot be read: {error}; make it a UTF-8 text file"),
            },
        };
        problems.push(TemplateProblem { file: path, line: None, why: failure });
    }
    Ok((files, problems))
}

fn with_overrides(overrides: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let replaced = |name: &str| overrides.iter().find(|(other, _)| *other == name).map(|(_, content)| content.clone());
    FILES.iter().map(|(name, content)| (*name, replaced(name).unwrap_or_else(|| (*content).to_owned()))).collect()
}

/// What is wrong with one override by itself: a template that does not parse, or a style sheet or script that could end
/// the element it stands in.
fn syntax_problem(name: &'static str, content: &str) -> Option<TemplateProblem> {
    let forbidden: &[&str] = match name {
        "report.css" | "scope.css" => &["</style"],
        "report.js" => &["</script", "<script", "<!--"],
        "en.yaml" | "ja.yaml" => &[],
        _ => {
            let error = Tera::new().add_raw_template(name, content).err()?;
            // Errors of reference are judged with all templates together.
            let parses = !matches!(error.kind(), ErrorKind::SyntaxError(_));
            return if parses { None } else { problems_of(name, &error).into_iter().next() };
        }
    };
    content.lines().enumerate().find_map(|(at, line)| {
        let line = line.to_ascii_lowercase();
        let found = forbidden.iter().find(|text| line.contains(**text))?;
        let why = format!("contains `{found}`, which would end or confuse the element it is put in; write it differently");
        Some(TemplateProblem { file: name.into(), line: Some(at + 1), why })
    })
}

/// File, line and message of each thing an engine's error names; `template` where it names no file.
fn problems_of(template: &str, error: &tera::Error) -> Vec<TemplateProblem> {
    if let ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) = error.kind() {
        let (file, line) = (report.filename().into(), Some(report.span().start_line));
        return vec![TemplateProblem { file, line, why: report.message().to_owned() }];
    }
    // Errors of reference come as one text: for each, `error: what`, then ` --> report.md:5:5`, then the source line.
    let text = error.to_string();
    let problem = |part: &str| {
        let why = part.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let place = part.split_once("--> ").and_then(|(_, rest)| rest.lines().next()).unwrap_or_default();
        let mut parts = place.split(':');
        let file = parts.next().filter(|file| !file.is_empty()).unwrap_or(template);
        TemplateProblem { file: file.into(), line: parts.next().and_then(|line| line.parse().ok()), why }
    };
    text.split("\n\n").map(problem).collect()
}

fn list(problems: &[TemplateProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
