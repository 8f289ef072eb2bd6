//! Choices for the generators, taken one by one from a list of random numbers.
//!
//! When the list is used up every choice is the first one, so the first one should be the simplest: that is how proptest,
//! which shortens the list, arrives at small examples.

pub(crate) struct Draw {
    choices: std::vec::IntoIter<u16>,
}

impl Draw {
    pub(crate) fn new(choices: Vec<u16>) -> Draw {
        Draw { choices: choices.into_iter() }
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.choices.next().unwrap_or(0)) % limit
    }

    /// True in about that many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}
