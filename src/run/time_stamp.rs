//! Asks an authority for the time of a run's signed manifest. Whatever it answers, the run stays what it is: what came of it is kept
//! beside the manifest and told.

use std::time::Duration;

use assize_bucket::BucketError;
use assize_cloud::web::{Post, Web};
use serde_json::{Value, json};

use super::manifest::put_once;
use super::{Context, RunError};
use crate::config::{Config, TimeStampAuthority};
use crate::manifest;
use crate::manifest::time_stamp::{self, MEDIA, MOST_BYTES, Query, Refusal, Roots, Stamp, TimeStampError};
use crate::state::{StateError, View};

/// The longest that one request may take.
const REQUEST: Duration = Duration::from_secs(10);

/// The waits before the second and third attempt.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Who is asked, and what is believed of it.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    url: String,
    roots: Roots,
}

/// What came of asking: when the authority saw the manifest, or why it did not say.
pub(crate) type Stamped = Result<Stamp, String>;

impl Authority {
    /// The authority that the configuration names, if it names one.
    ///
    /// # Errors
    /// Its roots cannot be read.
    pub(crate) fn load(config: &Config) -> Result<Option<Authority>, TimeStampError> {
        let Some(TimeStampAuthority { url, roots }) = &config.time_stamp else { return Ok(None) };
        Ok(Some(Authority { url: url.clone(), roots: Roots::load(roots)? }))
    }

    /// An authority at an address.
    #[cfg(test)]
    pub(crate) fn at(url: &str, roots: Roots) -> Authority {
        Authority { url: url.to_owned(), roots }
    }

    /// Asks for the time of an envelope: query, answer and what it states. An answer that does not hold is none.
    async fn stamp(&self, envelope: &[u8]) -> Result<(Query, Vec<u8>, Stamp), String> {
        let query = Query::new(envelope).map_err(|error| error.to_string())?;
        let answer = self.answer(&query).await?;
        let stamp = time_stamp::check(&query, &answer, envelope, &self.roots).map_err(|error| error.to_string())?;
        Ok((query, answer, stamp))
    }

    async fn answer(&self, query: &Query) -> Result<Vec<u8>, String> {
        let web = Web::new();
        let mut waits = WAITS.into_iter();
        loop {
            let headers = vec![("content-type", MEDIA.0.to_owned()), ("accept", MEDIA.1.to_owned())];
            let post = Post { url: self.url.clone(), headers, body: query.bytes() };
            let (why, again) = match web.ask(&post, REQUEST, MOST_BYTES).await {
                Ok(answer) if answer.status == 200 && answer.kind.starts_with(MEDIA.1) => return Ok(answer.body),
                Ok(answer) if answer.status == 200 => ("it answered with something that is no time stamp".to_owned(), false),
                Ok(answer) => {
                    (format!("it answered with status {}", answer.status), answer.status >= 500 || answer.status == 429)
                }
                Err(error) => (error.to_string(), true),
            };
            match waits.next().filter(|_| again) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(why),
            }
        }
    }
}

/// Asks for the time of the envelope, and keeps what came of it under the run, once.
pub(super) async fn keep(context: &Context<'_>, authority: &Authority, envelope: &[u8]) -> Result<Stamped, RunError> {
    let place = |file| manifest::place(&context.run_id, file);
    match authority.stamp(envelope).await {
        Ok((query, answer, stamp)) => {
            put_once(&*context.audit, &place(time_stamp::QUERY), query.bytes()).await?;
            put_once(&*context.audit, &place(time_stamp::ROOT), stamp.root.clone()).await?;
            put_once(&*context.audit, &place(time_stamp::ANSWER), answer).await?;
            Ok(Ok(stamp))
        }
        Err(reason) => {
            let (run, authority) = (context.run_id.clone(), authority.url.clone());
            let refusal = Refusal { version: 1, run, authority, reason: reason.clone() };
            put_once(&*context.audit, &place(time_stamp::REFUSAL), manifest::written(&refusal)?).await?;
            Ok(Err(reason))
        }
    }
}

/// Says in the record of the run, which the manifest covers, that a time stamp is asked for: one that is taken away is missed.
pub(super) fn into_record(mut record: Value, authority: Option<&Authority>) -> Value {
    if let (Some(record), Some(authority)) = (record.as_object_mut(), authority) {
        record.insert(manifest::TIME_STAMP.to_owned(), json!({"authority": authority.url}));
    }
    record
}

/// What a report says of the run before, if that has no time stamp and asked for one. A run cannot say it of itself: its report is
/// part of what is stamped.
pub(super) async fn before(context: &Context<'_>, view: &View) -> Result<Option<String>, RunError> {
    if context.config.time_stamp.is_none() {
        return Ok(None);
    }
    let Some(link) = manifest::newest(view).await? else { return Ok(None) };
    let key = manifest::place(&link.run, time_stamp::REFUSAL);
    let bytes = match context.audit.get(&key, None).await {
        Ok(object) => object.bytes,
        Err(BucketError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(StateError::from(error).into()),
    };
    // Whoever may write to the bucket must not be able to stop a report by it.
    let reason = match serde_json::from_slice::<Refusal>(&bytes) {
        Ok(refusal) => refusal.reason,
        Err(error) => format!("what {key} says cannot be read ({error})"),
    };
    Ok(Some(format!("the manifest of the run {} has no time stamp: {reason}", link.run)))
}
