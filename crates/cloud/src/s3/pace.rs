//! How many requests a bucket is sent at once: as many as the caller likes, until S3 refuses some for their rate. Then half of
//! those that were under way, and with each round of answers one more.
//!
//! The SDK waits and tries again; that alone leaves as many requests under way as before, and S3 refuses them again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::sync::Notify;

/// The pace of one bucket.
#[derive(Debug, Default)]
pub(super) struct Pace {
    state: Mutex<State>,
    /// There may be room for another request.
    room: Notify,
}

#[derive(Debug)]
struct State {
    under_way: usize,
    /// Requests at once; a part of one grows with each answer. Infinite until S3 refuses.
    limit: f64,
    /// Answers to requests that were under way when the limit was lowered: their refusals say nothing new.
    old: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { under_way: 0, limit: f64::INFINITY, old: 0 }
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.limit.is_infinite() || (self.under_way as f64) < self.limit.floor()
    }

    /// An attempt was answered. Says whether the limit was lowered.
    fn answered(&mut self, refused: bool) -> bool {
        if self.old > 0 {
            self.old -= 1;
            return false;
        }
        if refused {
            self.limit = (self.limit.min(self.under_way as f64) / 2.0).max(1.0);
            self.old = self.under_way;
        } else if self.limit.is_finite() && self.under_way as f64 + 1.0 >= self.limit {
            // Only where it is the limit that holds requests back.
            self.limit += 1.0 / self.limit;
        }
        refused
    }
}

/// A request under way. It ends when this is dropped.
pub(super) struct Permit<'p>(&'p Pace);

impl Pace {
    /// Waits until another request may be sent.
    pub(super) async fn enter(&self) -> Permit<'_> {
        loop {
            let room = self.room.notified();
            {
                let mut state = self.state();
                if state.has_room() {
                    state.under_way += 1;
                    if state.has_room() {
                        self.room.notify_one();
                    }
                    return Permit(self);
                }
            }
            room.await;
        }
    }

    /// Notes the answer to an attempt.
    fn answered(&self, refused: bool) {
        let (lowered, limit) = {
            let mut state = self.state();
            (state.answered(refused), state.limit)
        };
        if lowered {
            tracing::info!(at_once = limit.floor(), "S3 refuses requests for their rate; fewer are sent at once");
        }
        self.room.notify_one();
    }

    /// How many requests are sent at once at present; none while there is no limit.
    pub(super) fn at_once(&self) -> Option<u32> {
        let limit = self.state().limit;
        limit.is_finite().then_some(limit.floor() as u32)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers only, each changed in one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
        self.0.room.notify_one();
    }
}

/// Sees the answer to every attempt, those that the SDK repeats too.
#[derive(Debug)]
pub(super) struct Watch(pub(super) Arc<Pace>);

#[dyn_dispatch_hint]
impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(response) = context.response() {
            // SlowDown and ServiceUnavailable; other stores answer 429.
            self.0.answered(matches!(response.status().as_u16(), 429 | 503));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn at(under_way: usize) -> State {
        State { under_way, ..State::default() }
    }

    #[test]
    fn a_refusal_halves_once_for_all_that_were_under_way() {
        let mut state = at(64);
        assert!(state.has_room() && state.answered(true));
        assert_eq!((state.limit, state.has_room()), (32.0, false));
        for _ in 0..64 {
            assert!(!state.answered(true), "these were sent before it was lowered");
        }
        state.under_way = 32;
        assert!(state.answered(true));
        assert_eq!(state.limit, 16.0);
        state = at(1);
        state.answered(true);
        assert_eq!(state.limit, 1.0, "never less than one");
    }

    #[test]
    fn a_round_of_answers_gives_one_back() {
        let mut state = State { under_way: 8, limit: 8.0, old: 0 };
        for _ in 0..8 {
            state.answered(false);
        }
        assert!((8.9..9.1).contains(&state.limit), "{}", state.limit);
        state.under_way = 2;
        let before = state.limit;
        state.answered(false);
        assert_eq!(state.limit, before, "nothing is learnt of what is not used");
        let mut free = at(8);
        free.answered(false);
        assert!(free.limit.is_infinite());
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_the_limit_and_none_waits_for_ever() {
        let pace = Arc::new(Pace::default());
        *pace.state() = State { under_way: 0, limit: 3.0, old: 0 };
        let most = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200_usize {
            let (pace, most) = (Arc::clone(&pace), Arc::clone(&most));
            tasks.spawn(async move {
                let permit = pace.enter().await;
                most.fetch_max(pace.state().under_way, Ordering::Relaxed);
                tokio::task::yield_now().await;
                if number % 7 == 0 {
                    pace.answered(number % 2 == 0);
                }
                drop(permit);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert!(most.load(Ordering::Relaxed) <= 8, "{most:?}");
        assert_eq!(pace.state().under_way, 0);
    }
}
