//! The roots that somebody trusts: certificates as PEM.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::TimeStampError;

/// Characters of base64 on a line of PEM (RFC 7468).
const LINE: usize = 64;

/// Certificates that are trusted because somebody said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roots(pub(super) Vec<CertificateDer<'static>>);

impl Roots {
    /// Reads a file of PEM blocks.
    ///
    /// # Errors
    /// It cannot be read, or holds no certificate, or something that is none.
    pub(crate) fn load(path: &Path) -> Result<Roots, TimeStampError> {
        let bytes = std::fs::read(path).map_err(|source| TimeStampError::Unreadable { path: path.to_owned(), source })?;
        Roots::of(&bytes, &path.display().to_string())
    }

    /// Reads PEM blocks; `place` is where they stand.
    ///
    /// # Errors
    /// As [`Roots::load`].
    pub(crate) fn of(bytes: &[u8], place: &str) -> Result<Roots, TimeStampError> {
        let refused = |reason| TimeStampError::NoRoots { place: place.to_owned(), reason };
        let read: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        let roots = read.map_err(|_| refused("a PEM block is damaged"))?;
        if roots.is_empty() {
            return Err(refused("there is no block BEGIN CERTIFICATE"));
        }
        match roots.iter().all(|root| webpki::anchor_from_trusted_cert(root).is_ok()) {
            true => Ok(Roots(roots)),
            false => Err(refused("a certificate is damaged, or of a version before 3 with extensions")),
        }
    }
}

/// A certificate as PEM: one form for one certificate.
pub(super) fn pem(certificate: &CertificateDer<'_>) -> Vec<u8> {
    let text = STANDARD.encode(certificate);
    let mut out = b"-----BEGIN CERTIFICATE-----\n".to_vec();
    for line in text.as_bytes().chunks(LINE) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(b"-----END CERTIFICATE-----\n");
    out
}
