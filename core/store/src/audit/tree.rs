//! The Merkle tree over the log (RFC 6962 section 2.1): roots and proofs for every size the log ever had.
//!
//! Leaf `n` is the record of entry `n`, byte for byte as it lies in the store and as it is exported. Beside the entries
//! the store keeps the hash of every perfect subtree above the leaves, written in the same commit as the entry that
//! completes it: less than one hash an entry. A root or a proof reads about twice as many records as the tree has
//! levels. What a truncated subtree at the right edge hashes to is put together when it is asked for.
//!
//! Which nodes a proof needs, and whether a proof holds, says `ct-merkle`.

use ct_merkle::{
    ConsistencyProof, InclusionProof, RootHash, indices_for_consistency_proof, indices_for_inclusion_proof,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{COLLECTION as ENTRIES, Hash, Log, Sealed};

/// The collection that holds the hashes of the perfect subtrees.
pub(crate) const COLLECTION: &str = "_audit_tree";

/// Why there is no root or proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log never had this size.
    #[error("the log has {log} entries, not {size}")]
    NoSuchSize {
        /// The size asked for.
        size: u64,
        /// Entries in the log.
        log: u64,
    },
    /// The entry is not in a log of this size.
    #[error("entry {index} is not in a log of {size}")]
    NoSuchEntry {
        /// The entry asked for.
        index: u64,
        /// The size asked for.
        size: u64,
    },
    /// The earlier size is the larger one.
    #[error("a log of {to} entries does not continue one of {from}")]
    Backwards {
        /// The earlier size.
        from: u64,
        /// The later size.
        to: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
}

/// The Merkle tree hash of the first `size` entries: who keeps it can tell whether any of them changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// How many entries it covers.
    pub size: u64,
    /// RFC 6962 section 2.1, `MTH(D[size])`; of an empty log, the hash of nothing.
    pub hash: Hash,
}

/// A proof that does not fit what it should prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not lead to the root")]
pub struct NotProven;

impl Root {
    /// Checks that `leaf`, the bytes of an entry, stands at `index` under this root (RFC 6962 section 2.1.1).
    ///
    /// # Errors
    /// [`NotProven`]; the proof may be of any length and content.
    pub fn includes(&self, index: u64, leaf: &[u8], proof: &[Hash]) -> Result<(), NotProven> {
        let proof = InclusionProof::<Sha256>::from_digests(&digests(proof));
        self.to_ct().ok_or(NotProven)?.verify_inclusion(&leaf, index, &proof).map_err(|_| NotProven)
    }

    /// Checks that the log under this root continues the one under `older` (RFC 6962 section 2.1.2). A log continues
    /// the empty one without proof.
    ///
    /// # Errors
    /// [`NotProven`]; the proof may be of any length and content.
    pub fn continues(&self, older: &Self, proof: &[Hash]) -> Result<(), NotProven> {
        if older.size == 0 {
            return if *older == Peaks::default().root() && proof.is_empty() { Ok(()) } else { Err(NotProven) };
        }
        let proof = ConsistencyProof::<Sha256>::from_digests(&digests(proof));
        let (new, old) = (self.to_ct().ok_or(NotProven)?, older.to_ct().ok_or(NotProven)?);
        new.verify_consistency(&old, &proof).map_err(|_| NotProven)
    }

    /// The library counts to half of 2^64 and panics beyond.
    fn to_ct(self) -> Option<RootHash<Sha256>> {
        (self.size <= u64::MAX / 2).then(|| RootHash::new(self.hash.0.into(), self.size))
    }
}

fn digests(hashes: &[Hash]) -> Vec<sha2::digest::Output<Sha256>> {
    hashes.iter().map(|hash| hash.0.into()).collect()
}

/// The hash of a leaf (RFC 6962 section 2.1).
pub(crate) fn leaf(bytes: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(bytes).finalize().into())
}

fn parent(left: Hash, right: Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The perfect subtree number `index`, from the left, among those with 2^`level` leaves; leaves are level 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) level: u32,
    pub(crate) index: u64,
}

impl Node {
    pub(crate) fn record_key(self) -> String {
        format!("{:02}.{:020}", self.level, self.index)
    }
}

/// The perfect subtrees that entry `index` completes, from the smallest up: none for every second entry, one more for
/// every second of the others, and so on. `left` gives the hash of a subtree that was complete before.
pub(crate) fn completed(
    index: u64,
    leaf: Hash,
    mut left: impl FnMut(Node) -> Result<Hash, crate::Error>,
) -> Result<Vec<(Node, Hash)>, crate::Error> {
    let (mut node, mut hash, mut completed) = (Node { level: 0, index }, leaf, Vec::new());
    while node.index % 2 == 1 {
        hash = parent(left(Node { index: node.index - 1, ..node })?, hash);
        node = Node { level: node.level + 1, index: node.index / 2 };
        completed.push((node, hash));
    }
    Ok(completed)
}

/// The perfect subtrees a row of leaves falls into, from the left. `start` is a multiple of the largest.
fn perfect(start: u64, end: u64) -> impl DoubleEndedIterator<Item = Node> {
    let length = end - start;
    (0..u64::BITS).rev().filter(move |level| length >> level & 1 == 1).map(move |level| {
        let before = length.checked_shr(level + 1).unwrap_or(0).checked_shl(level + 1).unwrap_or(0);
        Node { level, index: (start + before) >> level }
    })
}

/// The root of a row of leaves that is read once, front to back: keeps one hash a level.
#[derive(Clone, Debug, Default)]
pub struct Peaks {
    size: u64,
    peaks: Vec<Hash>,
}

impl Peaks {
    /// Appends a leaf: the bytes of the next entry.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut hash = leaf(bytes);
        for _ in 0..self.size.trailing_ones() {
            // One peak for each bit that is set in the size, the largest first.
            let Some(left) = self.peaks.pop() else { break };
            hash = parent(left, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root over what was pushed so far.
    #[must_use]
    pub fn root(&self) -> Root {
        let hash = self.peaks.iter().rev().copied().reduce(|right, left| parent(left, right));
        Root { size: self.size, hash: hash.unwrap_or_else(|| Hash(Sha256::digest([]).into())) }
    }
}

impl Log {
    /// How many entries the log has.
    ///
    /// # Errors
    /// As [`crate::Store::scan`].
    pub async fn size(&self) -> Result<u64, crate::Error> {
        Ok(self.newest().await?.map_or(0, |newest| newest.sequence + 1))
    }

    /// The root over the first `size` entries.
    ///
    /// # Errors
    /// [`Error::NoSuchSize`] beyond the end of the log; [`Error::Store`] from below.
    pub async fn root(&self, size: u64) -> Result<Root, Error> {
        self.check_size(size).await?;
        match size {
            0 => Ok(Peaks::default().root()),
            _ => Ok(Root { size, hash: self.hash_of(0, size).await? }),
        }
    }

    /// The hashes that lead from entry `index` to the root over the first `size` entries (RFC 6962 section 2.1.1).
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`] when the index is not below the size; otherwise as [`Log::root`].
    pub async fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
        self.check_size(size).await?;
        if index >= size {
            return Err(Error::NoSuchEntry { index, size });
        }
        self.hashes(indices_for_inclusion_proof(size, index), size).await
    }

    /// The hashes that show that the log of `to` entries continues the one of `from` (RFC 6962 section 2.1.2). Nothing
    /// needs to be shown from an empty log on, nor between equal sizes.
    ///
    /// # Errors
    /// [`Error::Backwards`] when `from` is larger; otherwise as [`Log::root`].
    pub async fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
        self.check_size(to).await?;
        match to.checked_sub(from) {
            None => Err(Error::Backwards { from, to }),
            Some(_) if from == 0 => Ok(Vec::new()),
            Some(added) => self.hashes(indices_for_consistency_proof(from, added), to).await,
        }
    }

    async fn check_size(&self, size: u64) -> Result<(), Error> {
        let log = self.size().await?;
        if size > log { Err(Error::NoSuchSize { size, log }) } else { Ok(()) }
    }

    /// The library numbers nodes from left to right: the level is the count of ones at the end, and a node at the right
    /// edge covers only what is there (RFC 9420 appendix C).
    async fn hashes(&self, indices: Vec<u64>, size: u64) -> Result<Vec<Hash>, Error> {
        let mut hashes = Vec::with_capacity(indices.len());
        for index in indices {
            let level = index.trailing_ones();
            let start = (index >> (level + 1)) << level;
            hashes.push(self.hash_of(start, size.min(start + (1 << level))).await?);
        }
        Ok(hashes)
    }

    /// `MTH(D[start:end])`, where `start` is a multiple of the largest power of two in the row.
    async fn hash_of(&self, start: u64, end: u64) -> Result<Hash, crate::Error> {
        let mut hash = None;
        for node in perfect(start, end).rev() {
            let left = self.node(node).await?;
            hash = Some(hash.map_or(left, |right| parent(left, right)));
        }
        hash.ok_or(crate::Error::Corrupt("an empty part of the audit tree"))
    }

    async fn node(&self, node: Node) -> Result<Hash, crate::Error> {
        const MISSING: crate::Error = crate::Error::Corrupt("a node of the audit tree is missing");
        if node.level == 0 {
            let record = self.store.get(ENTRIES, &Sealed::record_key(node.index)).await?.ok_or(MISSING)?;
            return Ok(leaf(&record.body));
        }
        Hash::read(&self.store.get(COLLECTION, &node.record_key()).await?.ok_or(MISSING)?.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: Hash) -> String {
        hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The tree that the Certificate Transparency project publishes with its roots
    /// (google/certificate-transparency `cpp/merkletree/merkle_tree_test.cc`).
    #[test]
    fn published_roots() {
        let leaves: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut peaks = Peaks::default();
        assert_eq!(hex(peaks.root().hash), roots[0]);
        for (leaf, root) in leaves.iter().zip(&roots[1..]) {
            peaks.push(leaf);
            assert_eq!(hex(peaks.root().hash), *root, "{} leaves", peaks.root().size);
        }
    }

    #[test]
    fn a_row_falls_into_its_perfect_subtrees() {
        let nodes = |start, end| perfect(start, end).map(|node| (node.level, node.index)).collect::<Vec<_>>();
        assert_eq!(nodes(0, 7), [(2, 0), (1, 2), (0, 6)]);
        assert_eq!(nodes(8, 11), [(1, 4), (0, 10)]);
        assert_eq!(nodes(0, 8), [(3, 0)]);
        assert_eq!(nodes(5, 6), [(0, 5)]);
        assert_eq!(nodes(3, 3), []);
    }

    #[test]
    fn foreign_sizes_and_proofs_do_not_panic() {
        let hash = Hash([7; 32]);
        for size in [0, 1, 2, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
            let root = Root { size, hash };
            for index in [0, 1, u64::MAX / 2, u64::MAX] {
                for length in [0, 1, 62, 63, 64, 65] {
                    let proof = vec![hash; length];
                    assert_eq!(root.includes(index, b"", &proof), Err(NotProven));
                    let older = Root { size: index, hash: Hash([8; 32]) };
                    assert_eq!(root.continues(&older, &proof), Err(NotProven), "{size} {index} {length}");
                }
            }
        }
    }
}
