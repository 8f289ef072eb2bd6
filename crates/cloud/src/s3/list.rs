//! Listing: pages of ListObjectsV2, the next one fetched while one is read.

use assize_bucket::{BucketError, Entry, Etag, MAX_KEY_BYTES};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object, OptionalObjectAttributes};
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;

use super::S3Bucket;
use super::error::Action;

type Page = Vec<Entry>;

/// The listing as a stream. The first request is made when the stream is first asked.
pub(super) fn list(bucket: S3Bucket, prefix: &str, start_after: Option<&str>) -> BoxStream<'static, Result<Entry, BucketError>> {
    let full = format!("{}{prefix}", bucket.prefix());
    if full.len() > MAX_KEY_BYTES {
        // Nothing begins with more than a key has, and S3 would refuse to be asked.
        return stream::empty().boxed();
    }
    let after = start_after.filter(|after| !after.is_empty()).map(|after| format!("{}{after}", bucket.prefix()));
    let request = Request { bucket, prefix: prefix.to_owned(), full, after };
    stream::unfold(Pages::Asked(Box::new(request)), |pages| async {
        let mut fetched = match pages {
            Pages::Asked(request) => Fetched::begin(*request),
            Pages::Fetched(fetched) => fetched,
        };
        let page = fetched.pages.recv().await?;
        let entries: Vec<Result<Entry, BucketError>> = match page {
            Ok(page) => page.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        Some((stream::iter(entries), Pages::Fetched(fetched)))
    })
    .flatten()
    .boxed()
}

enum Pages {
    Asked(Box<Request>),
    Fetched(Fetched),
}

/// A listing on its way. Dropping it ends the fetching.
struct Fetched {
    pages: Receiver<Result<Page, BucketError>>,
    task: JoinHandle<()>,
}

impl Fetched {
    fn begin(request: Request) -> Self {
        let (sender, pages) = mpsc::channel(1);
        let task = tokio::spawn(async move { request.send_pages(&sender).await });
        Self { pages, task }
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Request {
    bucket: S3Bucket,
    /// As the caller gave it.
    prefix: String,
    /// As S3 knows it.
    full: String,
    after: Option<String>,
}

impl Request {
    /// Sends pages until the last, the first error, or nobody wants more.
    async fn send_pages(&self, pages: &Sender<Result<Page, BucketError>>) {
        let mut token = None;
        loop {
            let answer = self.page(token.take()).await;
            let (page, next) = match answer {
                Ok((page, next)) => (Ok(page), next),
                Err(error) => (Err(error), None),
            };
            if pages.send(page).await.is_err() || next.is_none() {
                return;
            }
            token = next;
        }
    }

    /// One page and the token of the next.
    async fn page(&self, token: Option<String>) -> Result<(Page, Option<String>), BucketError> {
        let request = self
            .bucket
            .inner
            .client
            .list_objects_v2()
            .bucket(self.bucket.name())
            .set_prefix((!self.full.is_empty()).then(|| self.full.clone()))
            .set_start_after(self.after.clone().filter(|_| token.is_none()))
            .set_continuation_token(token.clone())
            // Keys may hold characters that XML cannot.
            .encoding_type(EncodingType::Url)
            // Of what is archived, whether it has been restored.
            .optional_object_attributes(OptionalObjectAttributes::RestoreStatus)
            .set_expected_bucket_owner(self.bucket.owner());
        let _under_way = self.bucket.inner.pace.enter().await;
        let answer = request.send().await.map_err(|error| self.bucket.failed(Action::List, &self.prefix, &error))?;
        let malformed = |reason: &str| self.bucket.malformed(Action::List, &self.prefix, reason);
        let page: Result<Page, BucketError> =
            answer.contents().iter().map(|object| self.entry(&answer, object).map_err(malformed)).collect();
        let next = match (answer.is_truncated(), answer.next_continuation_token()) {
            (Some(true), None) => return Err(malformed("the listing goes on, but the answer does not say where")),
            (Some(true), Some(next)) if token.as_deref() == Some(next) => {
                return Err(malformed("the same page comes again and again"));
            }
            (Some(true), Some(next)) => Some(next.to_owned()),
            _ => None,
        };
        Ok((page?, next))
    }

    fn entry(&self, answer: &ListObjectsV2Output, object: &Object) -> Result<Entry, &'static str> {
        let key = object.key().ok_or("an object has no key")?;
        let key = match answer.encoding_type() {
            Some(EncodingType::Url) => decode(key).ok_or("a key is not encoded as asked")?,
            _ => key.to_owned(),
        };
        let key = key.strip_prefix(self.bucket.prefix()).ok_or("a key does not begin with the prefix asked for")?;
        let size = object.size().and_then(|size| u64::try_from(size).ok()).ok_or("an object has no size")?;
        Ok(Entry {
            key: key.to_owned(),
            size,
            etag: object.e_tag().map(Etag::new),
            storage_class: object.storage_class().filter(|_| !restored(object)).map(|class| class.as_str().to_owned()),
        })
    }
}

/// Whether there is a copy of an archived object that can be read, for some days.
fn restored(object: &Object) -> bool {
    let status = object.restore_status();
    status.is_some_and(|status| status.is_restore_in_progress() != Some(true) && status.restore_expiry_date().is_some())
}

/// Undoes S3's URL encoding of keys: `%XX`, and `+` for a space.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{Object, RestoreStatus};
    use aws_smithy_types::DateTime;

    use super::{decode, restored};

    #[test]
    fn what_is_being_restored_is_not_restored() {
        let object = |status: Option<RestoreStatus>| Object::builder().set_restore_status(status).build();
        let begun = RestoreStatus::builder().is_restore_in_progress(true);
        let done = RestoreStatus::builder().is_restore_in_progress(false).restore_expiry_date(DateTime::from_secs(1));
        assert!(!restored(&object(None)) && !restored(&object(Some(begun.build()))));
        assert!(restored(&object(Some(done.build()))));
    }

    #[test]
    fn keys_are_decoded() {
        assert_eq!(decode("a/b%2Fc+d%2B%E9%8D%B5%0A").as_deref(), Some("a/b/c d+鍵\n"));
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
