//! Randomness as an argument.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{base64url, sha256};

/// A source of unpredictable bytes. The system's source lives in the server crate; tests bring a [`Seeded`] one.
pub trait Entropy: Send + Sync {
    /// Overwrites all of `bytes` with fresh random values.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` fresh random bytes.
    #[must_use]
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A fresh URL-safe token of 256 random bits (43 characters).
    #[must_use]
    pub fn token(&self) -> String {
        base64url::encode(&self.array::<32>())
    }

    /// A uniformly distributed number below `bound`, by rejection; 0 when `bound` is 0.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let number = u64::from_le_bytes(self.array());
            if number < limit {
                return number % bound;
            }
        }
    }
}

/// A reproducible stream: SHA-256 over seed and counter. For tests only; anyone who knows the seed knows every key.
#[derive(Debug)]
pub struct Seeded {
    seed: [u8; 32],
    counter: AtomicU64,
}

impl Seeded {
    /// The stream that belongs to `seed`.
    #[must_use]
    pub fn dangerous_new(seed: &str) -> Self {
        Self { seed: sha256(seed.as_bytes()), counter: AtomicU64::new(0) }
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let count = self.counter.fetch_add(1, Ordering::Relaxed);
            let mut input = [0; 40];
            input[..32].copy_from_slice(&self.seed);
            input[32..].copy_from_slice(&count.to_le_bytes());
            chunk.copy_from_slice(&sha256(&input)[..chunk.len()]);
        }
    }
}
