//! Certificate chains that were verified before.
//!
//! An issuer signs thousands of credentials under one chain. Verifying it costs as much as the credential itself and says
//! the same every time, so a verifier may keep the outcome: for the same certificates and purpose, as long as the anchor
//! is still trusted and all of them are valid. What is kept is a proof and no decision; revocation is looked up elsewhere.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;
use warifu_keys::cose::{CoseError, Sign1};
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::x509::{self, Certificate, Purpose, VerifiedChain, X509Error};
use warifu_keys::{PublicKey, sha256};

/// Chains that were verified; belongs to the caller, who also says what time it is.
#[derive(Debug)]
pub struct ChainCache {
    chains: HashMap<[u8; 32], Kept>,
    capacity: usize,
    /// Counts look-ups, to know which chain was asked for last.
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    chain: VerifiedChain,
    key: PublicKey,
    from: Timestamp,
    until: Timestamp,
    used: u64,
}

impl ChainCache {
    /// An empty cache for at most `capacity` chains; the one that was not asked for longest makes room.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { chains: HashMap::new(), capacity, clock: 0 }
    }

    /// The issuer of `jws` by its `x5c` under one of `anchors`, as [`x509::verify_chain`] finds it, and its key.
    pub(crate) fn verify(
        &mut self,
        jws: &Unverified,
        anchors: &[Certificate],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<(&VerifiedChain, &PublicKey), JwsError> {
        self.look_up(name(jws, purpose)?, || jws.x5c(), anchors, purpose, now)
    }

    /// The issuer of a COSE message by its `x5chain`, as [`ChainCache::verify`].
    pub(crate) fn verify_cose(
        &mut self,
        message: &Sign1,
        anchors: &[Certificate],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<(&VerifiedChain, &PublicKey), CoseError> {
        self.look_up(cose_name(&message.x5chain_der()?, purpose), || message.x5chain(), anchors, purpose, now)
    }

    fn look_up<E: From<X509Error>>(
        &mut self,
        name: [u8; 32],
        chain: impl FnOnce() -> Result<Vec<Certificate>, E>,
        anchors: &[Certificate],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<(&VerifiedChain, &PublicKey), E> {
        self.clock += 1;
        let good = |kept: &Kept| (kept.from..=kept.until).contains(&now) && anchors.contains(&kept.chain.anchor);
        if !self.chains.get(&name).is_some_and(good) {
            self.chains.remove(&name);
            let kept = Kept::verify(&chain()?, anchors, purpose, now)?;
            self.make_room();
            self.chains.insert(name, kept);
        }
        let kept = self.chains.get_mut(&name).ok_or(X509Error::Missing)?;
        kept.used = self.clock;
        Ok((&kept.chain, &kept.key))
    }

    fn make_room(&mut self) {
        while self.chains.len() >= self.capacity.max(1) {
            let oldest = self.chains.iter().min_by_key(|(_, kept)| kept.used).map(|(name, _)| *name);
            match oldest {
                Some(name) => drop(self.chains.remove(&name)),
                None => return,
            }
        }
    }
}

impl Kept {
    fn verify(
        chain: &[Certificate],
        anchors: &[Certificate],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Self, X509Error> {
        let verified = x509::verify_chain(chain, anchors, purpose, now)?;
        let (mut from, mut until) = (verified.anchor.not_before()?, verified.anchor.not_after()?);
        for certificate in chain {
            from = from.max(certificate.not_before()?);
            until = until.min(certificate.not_after()?);
        }
        Ok(Self { key: verified.leaf.public_key()?, chain: verified, from, until, used: 0 })
    }
}

/// What the chain is known by: its purpose, and the texts of its certificates, each of which stands for one DER encoding
/// because base64 is read strictly.
fn name(jws: &Unverified, purpose: Purpose) -> Result<[u8; 32], JwsError> {
    let list = jws.header("x5c").and_then(Value::as_array).ok_or(X509Error::Missing)?;
    let mut text = purpose.name().to_owned();
    for certificate in list {
        text.push(',');
        text.push_str(certificate.as_str().ok_or_else(|| X509Error::Malformed("x5c".to_owned()))?);
    }
    Ok(sha256(text.as_bytes()))
}

/// The same for DER encodings, each with its length before it; no such name is that of texts.
fn cose_name(chain: &[&[u8]], purpose: Purpose) -> [u8; 32] {
    let mut bytes = purpose.name().as_bytes().to_vec();
    for certificate in chain {
        bytes.push(0);
        bytes.extend_from_slice(&(certificate.len() as u64).to_be_bytes());
        bytes.extend_from_slice(certificate);
    }
    sha256(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{World, after, now, world};

    fn jws(world: &World) -> Unverified {
        let text = world.signed(serde_json::json!({}), &[]);
        Unverified::parse(text.trim_end_matches('~')).unwrap()
    }

    #[test]
    fn says_what_verifying_says() {
        let (one, two) = (world("one"), world("two"));
        let anchors = [one.root.clone(), two.root.clone()];
        let mut cache = ChainCache::new(8);
        let mut issuer = |world: &World, anchors: &[Certificate], at: Timestamp| {
            let jws = jws(world);
            cache.verify(&jws, anchors, Purpose::DocumentSigner, at).map(|(chain, key)| (chain.clone(), key.clone()))
        };
        for _ in 0..2 {
            for world in [&one, &two] {
                let (chain, key) = issuer(world, &anchors, now()).unwrap();
                assert_eq!((&chain.leaf, &chain.anchor), (&world.chain[0], &world.root));
                assert_eq!(key, chain.leaf.public_key().unwrap());
            }
        }
        // Kept and still good, but not under other anchors, and not outside of its validity.
        fn refused<T>(result: Result<T, JwsError>) -> X509Error {
            match result {
                Err(JwsError::Certificate(error)) => error,
                Err(other) => panic!("{other:?}"),
                Ok(_) => panic!("accepted"),
            }
        }
        assert!(matches!(refused(issuer(&one, std::slice::from_ref(&two.root), now())), X509Error::NoAnchor { .. }));
        issuer(&one, &anchors, now()).unwrap();
        assert!(matches!(refused(issuer(&one, &[], now())), X509Error::NoAnchor { .. }));
        issuer(&one, &anchors, now()).unwrap();
        for seconds in [86_400 * 400, -86_400 * 40] {
            assert!(matches!(refused(issuer(&one, &anchors, after(seconds))), X509Error::NotValidNow { .. }));
            issuer(&one, &anchors, now()).unwrap();
        }
        // What was verified for one purpose says nothing about another.
        let other = cache.verify(&jws(&one), &anchors, Purpose::Access, now());
        assert!(matches!(refused(other), X509Error::WrongPurpose { .. }));
    }

    #[test]
    fn is_bounded_and_forgets_the_longest_unused() {
        let worlds = ["a", "b", "c"].map(world);
        let anchors = worlds.each_ref().map(|world| world.root.clone());
        let mut cache = ChainCache::new(2);
        for world in [&worlds[0], &worlds[1], &worlds[0], &worlds[2]] {
            cache.verify(&jws(world), &anchors, Purpose::DocumentSigner, now()).unwrap();
        }
        let kept = |world: &World| cache.chains.contains_key(&name(&jws(world), Purpose::DocumentSigner).unwrap());
        assert_eq!(worlds.each_ref().map(kept), [true, false, true]);
    }
}
