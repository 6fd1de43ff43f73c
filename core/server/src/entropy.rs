//! Randomness: the only place that asks the system for it.

use warifu_keys::Entropy;

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Entropy for System {
    /// Where the system has no randomness to give, the process ends: a key made from anything else would be worse.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            tracing::error!(%error, "the system gives no randomness");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let source: &dyn Entropy = &System;
        assert_ne!(source.array::<32>(), source.array::<32>());
        assert_eq!(source.token().len(), 43);
    }
}
