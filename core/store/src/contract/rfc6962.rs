//! A verifier written from the text of RFC 6962 section 2.1 (and RFC 9162 sections 2.1.3.2 and 2.1.4.2, which spell the
//! steps out), to check the store with something that shares no code with it.

use sha2::{Digest, Sha256};

fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    Sha256::digest([&[1], &left[..], &right[..]].concat()).into()
}

/// `MTH(D[n])`.
pub(super) fn root(leaves: &[Vec<u8>]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => Sha256::digest([&[0], &leaf[..]].concat()).into(),
        _ => {
            // The largest power of two below n.
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node(root(left), root(right))
        }
    }
}

pub(super) fn includes(index: usize, size: usize, leaf: &[u8], proof: &[[u8; 32]], root: [u8; 32]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, Sha256::digest([&[0], leaf].concat()).into());
    for step in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node(*step, hash);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at / 2, last / 2);
            }
        } else {
            hash = node(hash, *step);
        }
        (at, last) = (at / 2, last / 2);
    }
    last == 0 && hash == root
}

pub(super) fn continues(from: usize, to: usize, proof: &[[u8; 32]], older: [u8; 32], newer: [u8; 32]) -> bool {
    if from == to {
        return proof.is_empty() && older == newer;
    }
    let whole = if from.is_power_of_two() { Some(&older) } else { None };
    let mut steps = whole.into_iter().chain(proof);
    let (mut at, mut last) = (from - 1, to - 1);
    while at % 2 == 1 {
        (at, last) = (at / 2, last / 2);
    }
    let Some(&first) = steps.next() else { return false };
    let (mut old, mut new) = (first, first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            (old, new) = (node(*step, old), node(*step, new));
            while at % 2 == 0 && at != 0 {
                (at, last) = (at / 2, last / 2);
            }
        } else {
            new = node(new, *step);
        }
        (at, last) = (at / 2, last / 2);
    }
    last == 0 && old == older && new == newer
}
