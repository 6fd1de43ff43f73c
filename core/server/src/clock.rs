//! Time: the only place that reads the system's clock.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use jiff::Timestamp;

/// Tells the time: the system's, or what a test's [`Hands`] show. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<Timestamp>>>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            None => Timestamp::now(),
            Some(shown) => *shown.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The hands of a clock that only moves when told to, for tests. All its clocks show the same time.
#[derive(Clone, Debug)]
pub struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    /// Hands that stand at this time.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    /// A clock with these hands.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock(Some(Arc::clone(&self.0)))
    }

    /// Moves on by this much; stays at the end of time.
    pub fn step(&self, by: Duration) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = shown.checked_add(by).unwrap_or(Timestamp::MAX);
    }

    /// Jumps to this time, also backwards.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }
}

/// The time of this request, from the [`Clock`] in the router's state.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub Timestamp);

impl<S: Send + Sync> FromRequestParts<S> for Now
where
    Clock: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Clock::from_ref(state).now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_move_all_their_clocks() {
        let start = Timestamp::from_second(1_795_000_000).unwrap();
        let hands = Hands::at(start);
        let (a, b) = (hands.clock(), hands.clock());
        assert_eq!(a.now(), start);
        hands.step(Duration::from_secs(90));
        assert_eq!((a.now(), b.now()), (start + Duration::from_secs(90), start + Duration::from_secs(90)));
        hands.set(start);
        assert_eq!(a.now(), start);
    }
}
