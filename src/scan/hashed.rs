//! The SHA-256 of a text that is read in parts.

use assize_engine::text::Text;
use sha2::{Digest as _, Sha256};

use crate::state;

/// A text whose bytes are hashed as they are given up.
pub(crate) struct Hashed<'t> {
    text: &'t mut dyn Text,
    hash: Sha256,
}

impl<'t> Hashed<'t> {
    /// `text` from where it stands.
    pub(crate) fn new(text: &'t mut dyn Text) -> Hashed<'t> {
        Hashed { text, hash: Sha256::new() }
    }

    /// Goes to the end; the SHA-256 of all as lower-case hex.
    pub(crate) fn sha256(mut self) -> String {
        while let (at_hand, true) = self.at_hand() {
            let used = at_hand.len();
            self.go_on(used);
        }
        self.hash.update(self.text.at_hand().0);
        state::hex(&self.hash.finalize())
    }
}

impl Text for Hashed<'_> {
    fn at_hand(&self) -> (&[u8], bool) {
        self.text.at_hand()
    }

    fn go_on(&mut self, used: usize) {
        self.hash.update(self.text.at_hand().0.get(..used).unwrap_or_default());
        self.text.go_on(used);
    }
}
