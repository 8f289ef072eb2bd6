//! The text of an object, handed out in parts, so that a giant takes no more memory than a small object.

/// Bytes that are at hand at once, if nothing in the text needs more.
pub(crate) const PART: usize = 4 << 20;

/// A text of which some is at hand at a time.
pub trait Text {
    /// What is at hand, from the first byte that was not given up, and whether more follows.
    fn at_hand(&self) -> (&[u8], bool);

    /// Gives up the first `used` bytes of what is at hand. If more follows, more is at hand afterwards than the rest, or
    /// it has turned out that nothing follows.
    fn go_on(&mut self, used: usize);
}

/// How many bytes are to be at hand where `rest` were kept because they did not tell enough: so much more that going over them
/// again and again costs twice as much as going over them once.
pub(crate) fn enough(rest: usize) -> usize {
    PART.max(rest.saturating_mul(2))
}

/// The whole text at once.
impl Text for &[u8] {
    fn at_hand(&self) -> (&[u8], bool) {
        (self, false)
    }

    fn go_on(&mut self, used: usize) {
        *self = self.get(used..).unwrap_or_default();
    }
}

impl<T: Text + ?Sized> Text for &mut T {
    fn at_hand(&self) -> (&[u8], bool) {
        T::at_hand(self)
    }

    fn go_on(&mut self, used: usize) {
        T::go_on(self, used);
    }
}

/// A text that is whole in memory, handed out in parts, because what is noted of a part takes memory too.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'t> {
    rest: &'t [u8],
    at_hand: usize,
}

impl<'t> Parts<'t> {
    /// The parts of `text`.
    pub fn of(text: &'t [u8]) -> Parts<'t> {
        Parts { rest: text, at_hand: PART.min(text.len()) }
    }
}

impl Text for Parts<'_> {
    fn at_hand(&self) -> (&[u8], bool) {
        (self.rest.get(..self.at_hand).unwrap_or_default(), self.at_hand < self.rest.len())
    }

    fn go_on(&mut self, used: usize) {
        let used = used.min(self.at_hand);
        self.rest = self.rest.get(used..).unwrap_or_default();
        self.at_hand = enough(self.at_hand - used).min(self.rest.len());
    }
}
