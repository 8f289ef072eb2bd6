//! `assize verify`: is what was kept what AWS delivered, and is it all?

use std::path::Path;
use std::sync::Arc;

use assize_bucket::{Bucket, LocalFolder};
use assize_cloud::{S3Options, SessionOptions, Sessions};
use assize_engine::evaluate::Period;
use assize_engine::inflate::Limits;

use super::CommandError;
use super::scan::period;
use crate::aws::AuditError;
use crate::bundle::{self, BundleError};
use crate::cli::{VerifyArgs, VerifyFormat};
use crate::config::Config;
use crate::console::Console;
use crate::exit::Exit;
use crate::manifest::key::VerifyingKey;
use crate::manifest::time_stamp::Roots;
use crate::pack::{self, Pack};
use crate::run::{self, RunError, recalled};
use crate::scan;
use crate::state::{StateError, View};
use crate::verify::account::{self, KeySource};
use crate::verify::keys::PublicKeys;
use crate::verify::place::{Choice, Layout, Listed, Vault};
use crate::verify::reading::{Again, Noted};
use crate::verify::run::outcome::RunVerified;
use crate::verify::run::replay::Means;
use crate::verify::run::{self as of_run, Asked};
use crate::verify::{self, render};

/// Runs `assize verify`.
pub(crate) fn run(args: &VerifyArgs, console: &Console) -> Result<Exit, CommandError> {
    let Period { since, until } = period(args.since.as_deref(), args.until.as_deref())?;
    let mut choice = Choice { since, until, accounts: args.accounts.clone(), elsewhere: None };
    if let Some(verified) = run_of(args)? {
        console.result(&match args.format {
            VerifyFormat::Text => of_run::render::text(&verified),
            VerifyFormat::Json => serde_json::to_string_pretty(&verified).map_err(CommandError::Json)? + "\n",
            VerifyFormat::Junit => return Err(CommandError::JunitOfRun),
        })?;
        return Ok(verified.exit());
    }
    let verified = super::runtime()?.block_on(async {
        let (vault, config) = match &args.path {
            Some(place) => match place.to_str().and_then(|place| place.strip_prefix("s3://")) {
                Some(place) => (original(place).await?, None),
                None => (copy(place)?, None),
            },
            None => {
                let (vault, config) = audit(args.config.as_deref()).await?;
                (vault, Some(config))
            }
        };
        let view = state_of(&vault).await?;
        if let (Some(config), Some(view), None) = (&config, &view, choice.until) {
            choice.until = due(config, view).await?;
        }
        let mut listed = vault.list(&choice).await.map_err(CommandError::Evidence)?;
        let noted = noted(view.as_ref(), &choice, &mut listed).await?;
        let (keys, source) = keys(args, &vault, &listed).await?;
        let again = again(args, noted.is_some());
        let (keys, noted, limits) = ((&keys, source), noted.as_ref(), Limits::default());
        let question = verify::Question { vault: &vault, listed: &listed, keys, choice: &choice, again, noted, limits };
        Ok::<_, CommandError>(verify::verify(question).await)
    })?;
    console.result(&match args.format {
        VerifyFormat::Text => render::text(&verified),
        VerifyFormat::Json => serde_json::to_string_pretty(&verified).map_err(CommandError::Json)? + "\n",
        VerifyFormat::Junit => render::junit(&verified),
    })?;
    Ok(verified.exit())
}

/// Without a ledger, everything is read unless a sample is asked for.
fn again(args: &VerifyArgs, has_ledger: bool) -> Again {
    match (args.sample, args.seed) {
        (Some(count), Some(seed)) => Again::Sample { count, seed },
        _ if args.full || !has_ledger => Again::All,
        _ => Again::Unknown,
    }
}

fn failed(error: StateError) -> Box<RunError> {
    Box::new(RunError::State(error))
}

/// What runs know, in an audit bucket.
async fn state_of(vault: &Vault) -> Result<Option<View>, CommandError> {
    match vault.layout {
        Layout::Audit => Ok(Some(View::open(Arc::clone(&vault.bucket)).await.map_err(failed)?)),
        Layout::Original { .. } | Layout::Copy => Ok(None),
    }
}

/// The time up to which digests were due when the last run was there: later ones are not collected yet, so their absence means
/// nothing.
async fn due(config: &Config, view: &View) -> Result<Option<i64>, CommandError> {
    let last = recalled::last_run(view).await.map_err(failed)?;
    Ok(last.map(|as_of| config.judge.hours(as_of, None, None).end * 3600))
}

/// The ledger of an audit bucket, if there is one.
async fn noted(view: Option<&View>, choice: &Choice, listed: &mut Listed) -> Result<Option<Noted>, CommandError> {
    let Some(view) = view.filter(|view| view.row_count() > 0) else { return Ok(None) };
    Ok(Some(Noted::read(view, choice, listed).await.map_err(failed)?))
}

async fn keys(args: &VerifyArgs, vault: &Vault, listed: &Listed) -> Result<(PublicKeys, KeySource), CommandError> {
    let mut keys = PublicKeys::default();
    keys.add_archive(&*vault.bucket).await?;
    if !args.keys_from_account {
        args.keys.iter().try_for_each(|folder| keys.add_folder(folder))?;
        return Ok((keys, KeySource::archive()));
    }
    let failed = |error| Box::new(RunError::Credentials(error));
    let sessions = Sessions::open(SessionOptions::default()).await.map_err(failed)?;
    Ok(account::ask(&sessions.base(), listed, &keys).await?)
}

/// Verifies a run, in a bundle or in an audit bucket, if that is what is asked for.
fn run_of(args: &VerifyArgs) -> Result<Option<RunVerified>, CommandError> {
    let file = args.path.as_ref().filter(|path| path.is_file());
    if args.path.is_some() && args.config.is_some() && !args.replay {
        return Err(CommandError::PlaceAndConfig);
    }
    if args.replay && (file.is_some() || args.run.is_none()) {
        return Err(if file.is_some() { CommandError::ReplayOfBundle } else { CommandError::ReplayWithoutRun });
    }
    if file.is_none() && args.run.is_none() {
        let without = args.public_key.is_empty() && args.time_stamp_roots.is_none();
        return if without { Ok(None) } else { Err(CommandError::PublicKeyWithoutRun) };
    }
    let keys: Vec<VerifyingKey> = args.public_key.iter().map(|path| VerifyingKey::load(path)).collect::<Result<_, _>>()?;
    let roots = args.time_stamp_roots.as_deref().map(Roots::load).transpose()?;
    super::runtime()?.block_on(async {
        if let Some(file) = file {
            let mut cloudtrail = PublicKeys::default();
            args.keys.iter().try_for_each(|folder| cloudtrail.add_folder(folder))?;
            return Ok(Some(bundle::verify::verify(file, args.run.as_deref(), (&keys, roots.as_ref()), cloudtrail).await?));
        }
        let Some(run) = args.run.as_deref() else { return Ok(None) };
        let vault = audit_at(args.path.as_deref(), args.config.as_deref()).await?;
        let by = if args.replay { Some(configured(args.config.as_deref())?) } else { None };
        let threads = scan::threads(0);
        let means = by.as_ref().map(|(config, pack)| Means { config, pack, threads });
        let asked = Asked { run, keys: &keys, roots: roots.as_ref(), part: None, replay: means.as_ref() };
        Ok(Some(of_run::verify(&vault.bucket, &asked).await.map_err(BundleError::from)?))
    })
}

/// The configuration, and the policies that it asks for.
fn configured(config: Option<&Path>) -> Result<(Config, Pack), CommandError> {
    let config = Config::of_option(config)?;
    let pack = pack::configured(&config)?;
    Ok((config, pack))
}

/// A folder: one that an audit bucket was copied into, or CloudTrail's own.
fn copy(folder: &Path) -> Result<Vault, CommandError> {
    let bucket = LocalFolder::open(folder).map_err(CommandError::Evidence)?;
    let layout = if folder.join("evidence").is_dir() { Layout::Audit } else { Layout::Copy };
    Ok(Vault { bucket: Arc::new(bucket) as Arc<dyn Bucket>, layout })
}

/// The bucket that CloudTrail writes to, `BUCKET[/PREFIX]`, with the credentials of the environment.
async fn original(place: &str) -> Result<Vault, CommandError> {
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    let bucket = s3_bucket(S3Options { bucket: name.to_owned(), ..S3Options::default() }).await?;
    Ok(Vault { bucket, layout: Layout::Original { bucket: name.to_owned(), prefix: prefix.to_owned() } })
}

async fn s3_bucket(options: S3Options) -> Result<Arc<dyn Bucket>, CommandError> {
    let failed = |error| CommandError::Run(Box::new(RunError::Audit(AuditError::Cloud(error))));
    let sessions = Sessions::open(SessionOptions::default()).await.map_err(failed)?;
    Ok(Arc::new(sessions.base().bucket(options).await.map_err(failed)?))
}

/// An audit bucket: a folder or `s3://BUCKET/PREFIX`, or else that of the configuration.
pub(super) async fn audit_at(place: Option<&Path>, config: Option<&Path>) -> Result<Vault, CommandError> {
    let Some(place) = place else { return Ok(audit(config).await?.0) };
    let Some(s3) = place.to_str().and_then(|place| place.strip_prefix("s3://")) else { return copy(place) };
    let (name, prefix) = s3.split_once('/').unwrap_or((s3, ""));
    let prefix = prefix.trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let bucket = s3_bucket(S3Options { bucket: name.to_owned(), prefix, ..S3Options::default() }).await?;
    Ok(Vault { bucket, layout: Layout::Audit })
}

/// The audit bucket of the configuration.
async fn audit(config: Option<&Path>) -> Result<(Vault, Config), CommandError> {
    let config = Config::of_option(config)?;
    let bucket = run::audit_to_read(&config).await.map_err(Box::new)?;
    Ok((Vault { bucket, layout: Layout::Audit }, config))
}
