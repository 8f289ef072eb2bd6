//! One chain: the digests of one trail for one account and region, each checked alone and against its neighbours.
//!
//! The chain is checked as a set and not by walking back from the newest: a digest that is gone, or may not be read,
//! then hides nothing but itself.

use std::collections::HashMap;
use std::ops::Range;

use super::{Check, DigestDocument, DocumentError, Doubt, Fault, Keys, SIGNATURE_ALGORITHM};
use crate::layout;

/// Seconds. The window that the end of the span cuts may be named up to so much later.
const HOUR: i64 = 3_600;

/// A digest object as it was found.
#[derive(Clone, Debug)]
pub struct FoundDigest {
    /// Bucket and key where CloudTrail put it, whichever copy was read.
    pub place: (String, String),
    /// Its content.
    pub content: Result<Content, Unreadable>,
}

/// The content of a digest object.
#[derive(Clone, Debug)]
pub struct Content {
    /// SHA-256 of the inflated bytes, lower-case hexadecimal.
    pub inflated_sha256: String,
    /// What it says.
    pub document: Result<DigestDocument, DocumentError>,
    /// `signature` of its metadata, hexadecimal.
    pub signature: Option<String>,
    /// `signature-algorithm` of its metadata.
    pub algorithm: Option<String>,
    /// Bytes after the gzip member.
    pub trailing: u64,
}

/// Why a digest object has no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It may not be read; why.
    Denied(String),
    /// Its gzip stream is broken; how.
    Damaged(String),
}

/// What is to be expected of a chain.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The time to be covered, seconds since 1970 UTC: from the first second asked for (or the trail's beginning) to
    /// where digests are due. Digests come up to an hour and some minutes after their window.
    pub span: Range<i64>,
    /// Whether the trail writes digests at all.
    pub validating: bool,
}

/// A digest, checked.
#[derive(Clone, Debug)]
pub struct CheckedDigest {
    /// Bucket and key where CloudTrail put it.
    pub place: (String, String),
    /// What came of it.
    pub check: Check,
    /// Its text, if it is valid.
    pub document: Option<DigestDocument>,
    /// The signature came from the digest after it, because the object's own was lost.
    pub recovered: bool,
}

/// A stretch of delivery time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A valid digest covers it.
    Valid,
    /// No digest covers it, and the chain begins anew after it: logging was stopped, or had not begun.
    Gap,
    /// A digest covered it that is not there.
    Missing,
    /// A digest that is not what AWS delivered stands there.
    Invalid,
    /// A digest stands there of which nothing can be said, or the trail writes none.
    Unverifiable,
}

/// A chain, checked.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Every digest that was found, and every one that is known to be missing by name, by place.
    pub digests: Vec<CheckedDigest>,
    /// The expected span, cut into stretches, in order and without holes; seconds since 1970 UTC.
    pub windows: Vec<(Range<i64>, Window)>,
}

/// Checks the digests of one chain.
pub fn check(found: Vec<FoundDigest>, expected: &Expected, keys: &dyn Keys) -> Chain {
    let signatures = named_signatures(&found);
    let mut digests: Vec<CheckedDigest> = found.iter().map(|digest| alone(digest, &signatures, keys)).collect();
    links(&found, &mut digests, expected);
    digests.sort_by(|a, b| a.place.cmp(&b.place));
    let windows = windows(&digests, expected);
    Chain { digests, windows }
}

type Place = (String, String);

/// The signatures that digests tell of the ones before them: they stand in for lost metadata. A false one proves nothing,
/// because it has to fit the content all the same.
fn named_signatures(found: &[FoundDigest]) -> HashMap<&Place, &str> {
    let documents = found.iter().filter_map(|digest| digest.content.as_ref().ok()?.document.as_ref().ok());
    documents
        .filter_map(|document| document.previous.as_ref())
        .map(|previous| (&previous.place, previous.signature.as_str()))
        .collect()
}

/// What a digest is by itself: its place, its account, its signature.
fn alone(found: &FoundDigest, signatures: &HashMap<&Place, &str>, keys: &dyn Keys) -> CheckedDigest {
    let done = |check, document, recovered| CheckedDigest { place: found.place.clone(), check, document, recovered };
    let content = match &found.content {
        Ok(content) => content,
        Err(Unreadable::Denied(why)) => return done(Check::Unverifiable(Doubt::Unreadable(why.clone())), None, false),
        Err(Unreadable::Damaged(how)) => return done(Check::Invalid(Fault::Damaged(how.clone())), None, false),
    };
    let document = match &content.document {
        Ok(document) => document,
        Err(error) => return done(Check::Invalid(Fault::Document(error.to_string())), None, false),
    };
    if let Some(fault) = fault(found, content, document) {
        return done(Check::Invalid(fault), None, false);
    }
    let (signature, recovered) = match (&content.signature, signatures.get(&found.place)) {
        (Some(own), _) => (own.as_str(), false),
        (None, Some(named)) => (*named, true),
        (None, None) => return done(Check::Unverifiable(Doubt::NoSignature), None, false),
    };
    let Some(signature) = unhex(signature) else { return done(Check::Invalid(Fault::Signature), None, recovered) };
    match keys.verify(&document.fingerprint, document.signed_text(&content.inflated_sha256).as_bytes(), &signature) {
        Some(true) => done(Check::Valid, Some(document.clone()), recovered),
        Some(false) => done(Check::Invalid(Fault::Signature), None, recovered),
        None => done(Check::Unverifiable(Doubt::NoKey(document.fingerprint.clone())), None, recovered),
    }
}

/// What is wrong with a digest before its signature is looked at.
fn fault(found: &FoundDigest, content: &Content, document: &DigestDocument) -> Option<Fault> {
    if content.trailing > 0 {
        return Some(Fault::Trailing(content.trailing));
    }
    if document.place != found.place {
        return Some(Fault::OtherPlace(format!("s3://{}/{}", document.place.0, document.place.1)));
    }
    let algorithms = [Some(&document.algorithm), content.algorithm.as_ref()];
    if let Some(other) = algorithms.into_iter().flatten().find(|algorithm| *algorithm != SIGNATURE_ALGORITHM) {
        return Some(Fault::Algorithm(other.clone()));
    }
    let key = layout::parse(&found.place.1).ok()?;
    if key.account != document.account {
        return Some(Fault::OtherAccount(document.account.clone()));
    }
    // A backfill digest is named after the time that it was made at.
    (key.named && !is_backfill(&found.place.1) && key.delivered != document.end).then_some(Fault::OtherTime)
}

fn is_backfill(key: &str) -> bool {
    key.contains("_backfill.json")
}

/// Compares each valid digest with what it says of the one before it.
fn links(found: &[FoundDigest], digests: &mut Vec<CheckedDigest>, expected: &Expected) {
    // A copy may hold several versions of what was replaced under its key.
    let mut index: HashMap<&Place, Vec<usize>> = HashMap::new();
    found.iter().enumerate().for_each(|(at, digest)| index.entry(&digest.place).or_default().push(at));
    let (mut replaced, mut gone) = (Vec::new(), Vec::new());
    let documents = digests.iter().filter_map(|digest| digest.document.as_ref());
    for previous in documents.filter_map(|document| document.previous.as_ref()) {
        let Some(versions) = index.get(&previous.place) else {
            // One that ended before the span was not looked for.
            if ends(&previous.place.1).is_none_or(|end| end > expected.span.start) {
                gone.push(previous.place.clone());
            }
            continue;
        };
        for &at in versions {
            let Some(Ok(content)) = found.get(at).map(|digest| &digest.content) else { continue };
            let signature = content.signature.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(&previous.signature));
            if content.inflated_sha256 != previous.hash || !signature {
                replaced.push(at);
            }
        }
    }
    for at in replaced {
        // What was wrong with it by itself says more.
        if let Some(digest) = digests.get_mut(at).filter(|digest| !matches!(digest.check, Check::Invalid(_))) {
            (digest.check, digest.document) = (Check::Invalid(Fault::Replaced), None);
        }
    }
    gone.sort();
    gone.dedup();
    digests.extend(gone.into_iter().map(|place| CheckedDigest {
        place,
        check: Check::Missing,
        document: None,
        recovered: false,
    }));
}

/// The end of a digest's window, by its name.
fn ends(key: &str) -> Option<i64> {
    layout::parse(key).ok().filter(|key| key.named).map(|key| key.delivered)
}

/// Cuts the expected span by what the digests prove.
fn windows(digests: &[CheckedDigest], expected: &Expected) -> Vec<(Range<i64>, Window)> {
    let span = expected.span.clone();
    let mut valid: Vec<&DigestDocument> = digests.iter().filter_map(|digest| digest.document.as_ref()).collect();
    valid.sort_by_key(|document| (document.start, document.end));
    let mut cut = Vec::new();
    let mut at = span.start;
    for document in valid {
        if document.start > at {
            let hole = at..document.start.min(span.end);
            let otherwise = if document.previous.is_none() { Window::Gap } else { Window::Missing };
            push(&mut cut, hole.clone(), between(digests, &hole, otherwise));
            at = at.max(hole.end);
        }
        let end = document.end.min(span.end);
        push(&mut cut, at..end, Window::Valid);
        at = at.max(end);
    }
    let last = if expected.validating { Window::Missing } else { Window::Unverifiable };
    push(&mut cut, at..span.end, between(digests, &(at..span.end), last));
    cut
}

/// What stands in a hole between valid digests: the worst of what is known by name, else `otherwise`.
fn between(digests: &[CheckedDigest], hole: &Range<i64>, otherwise: Window) -> Window {
    let named =
        digests.iter().filter(|digest| ends(&digest.place.1).is_some_and(|end| end > hole.start && end <= hole.end + HOUR));
    let known = named.filter_map(|digest| match digest.check {
        Check::Invalid(_) => Some((3, Window::Invalid)),
        Check::Missing => Some((2, Window::Missing)),
        Check::Unverifiable(_) => Some((1, Window::Unverifiable)),
        Check::Valid | Check::Orphan => None,
    });
    known.max_by_key(|(rank, _)| *rank).map_or(otherwise, |(_, window)| window)
}

fn push(cut: &mut Vec<(Range<i64>, Window)>, range: Range<i64>, window: Window) {
    if range.is_empty() {
        return;
    }
    match cut.last_mut() {
        Some((last, same)) if *same == window && last.end == range.start => last.end = range.end,
        _ => cut.push((range, window)),
    }
}

/// Bytes of hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect())?
}
