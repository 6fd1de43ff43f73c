//! The log as one file that anybody can check: JSON lines, the first with the signed checkpoint and the key it is signed
//! with, then the entries from 0 on, each byte for byte as it is hashed into the tree.
//!
//! ```text
//! {"format":"warifu audit export 1","key":"issuer.example/audit+…","checkpoint":"issuer.example/audit\n42\n…"}
//! {"sequence":0,"entry":{…},"previous":"…","hash":"…"}
//! …
//! ```
//! Nothing in such a file is free: every line has one spelling, so a changed byte shows wherever it stands. The key in
//! the file only guards against accidents; whoever wants proof brings the key, or a checkpoint, from elsewhere.

use std::io::{BufRead, Read as _};

use serde::{Deserialize, Serialize};

use super::{Broken, Checkpoint, Hash, NoteKey, Peaks, Root, Sealed, SignedNote, Unsigned, follows};

const FORMAT: &str = "warifu audit export 1";
/// Longest line that is read, in bytes: far above what a store takes as one record.
const LINE_CAP: u64 = 8 * 1024 * 1024;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    key: String,
    checkpoint: String,
}

/// The first line of an export, without its line feed.
#[must_use]
pub fn head(key: &NoteKey, checkpoint: &SignedNote) -> String {
    let head = Head { format: FORMAT.to_owned(), key: key.to_string(), checkpoint: checkpoint.to_string() };
    // A struct of strings cannot fail to be written.
    serde_json::to_string(&head).unwrap_or_default()
}

/// The line of an entry, without its line feed: the bytes of its leaf in the tree.
#[must_use]
pub fn line(sealed: &Sealed) -> String {
    serde_json::to_string(sealed).unwrap_or_default()
}

/// What an export that holds together shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The signed checkpoint.
    pub checkpoint: Checkpoint,
    /// The key that signed it.
    pub key: NoteKey,
}

/// Where and why an export is not what the log's owner signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The first line is not the head of an export, or not in its one spelling.
    #[error("line 1 is not the head of an audit export")]
    Head,
    /// The file names another key than the one that was brought.
    #[error("the export names the key {0}, which is not the one it is checked with")]
    OtherKey(Box<NoteKey>),
    /// The checkpoint is not signed with the key.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// A line is no entry, or not in its one spelling.
    #[error("line {0} is not an entry as the log writes it")]
    Entry(u64),
    /// An entry does not stand where it belongs, or was altered.
    #[error("line {line}: {broken}")]
    Broken {
        /// The line in the file, from 1.
        line: u64,
        /// What is wrong there.
        #[source]
        broken: Broken,
    },
    /// The file ends before the checkpoint does, or in the middle of a line.
    #[error("the checkpoint covers {size} entries and the file ends after {found}")]
    Short {
        /// Entries the checkpoint covers.
        size: u64,
        /// Whole entries in the file.
        found: u64,
    },
    /// A line after the last entry the checkpoint covers.
    #[error("line {0} is beyond the checkpoint")]
    Surplus(u64),
    /// Each entry follows the one before, but together they are not the log that was signed: it was written anew.
    #[error("the entries do not lead to the signed root: the log was written anew from some entry on")]
    Root,
    /// The log is not the one the older checkpoint speaks of.
    #[error("the first {} entries are not those of the older checkpoint", .0.size)]
    Rewritten(Root),
    /// The older checkpoint is of another log, or covers more than the export.
    #[error("the older checkpoint is not one of this log up to here")]
    NotOlder,
    /// The file could not be read.
    #[error("the export could not be read")]
    Read(#[from] std::io::Error),
}

/// Checks an export from the first byte to the last.
///
/// `key` is the Ed25519 public key that the checkpoint must be signed with; without it the file's own is taken. `older` is a checkpoint
/// kept from before: the log must begin with what it covers. `verify` is given public key, message and signature.
///
/// # Errors
/// The first [`Fault`].
pub fn check(
    mut file: impl BufRead,
    key: Option<&[u8; 32]>,
    older: Option<&Checkpoint>,
    verify: impl FnOnce(&[u8; 32], &[u8], &[u8]) -> bool,
) -> Result<Checked, Fault> {
    let (found, note) = read_head(&mut file).ok_or(Fault::Head)?;
    if key.is_some_and(|key| key != found.public()) {
        return Err(Fault::OtherKey(Box::new(found)));
    }
    let checkpoint = note.checkpoint(&found, verify)?;
    if older.is_some_and(|older| older.origin != checkpoint.origin || older.root.size > checkpoint.root.size) {
        return Err(Fault::NotOlder);
    }

    let (mut peaks, mut previous) = (Peaks::default(), Hash::GENESIS);
    loop {
        let root = peaks.root();
        if let Some(older) = older.filter(|older| older.root.size == root.size)
            && older.root != root
        {
            return Err(Fault::Rewritten(older.root));
        }
        let line = root.size + 2;
        let Some(bytes) = next_line(&mut file)? else {
            return match root {
                _ if root.size < checkpoint.root.size => {
                    Err(Fault::Short { size: checkpoint.root.size, found: root.size })
                }
                _ if root != checkpoint.root => Err(Fault::Root),
                _ => Ok(Checked { checkpoint, key: found }),
            };
        };
        if root.size == checkpoint.root.size {
            return Err(Fault::Surplus(line));
        }
        let bytes = bytes.strip_suffix(b"\n").ok_or(Fault::Short { size: checkpoint.root.size, found: root.size })?;
        let sealed: Sealed = serde_json::from_slice(bytes).map_err(|_| Fault::Entry(line))?;
        if self::line(&sealed).as_bytes() != bytes {
            return Err(Fault::Entry(line));
        }
        follows(root.size, previous, &sealed).map_err(|broken| Fault::Broken { line, broken })?;
        previous = sealed.hash;
        peaks.push(bytes);
    }
}

fn next_line(file: &mut impl BufRead) -> Result<Option<Vec<u8>>, Fault> {
    let mut line = Vec::new();
    file.by_ref().take(LINE_CAP).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

/// Key and checkpoint in the first line of an export; `None` where it is not one. Nothing is checked yet.
#[must_use]
pub fn read_head(mut file: impl BufRead) -> Option<(NoteKey, SignedNote)> {
    let line = next_line(&mut file).ok()??;
    let bytes = line.strip_suffix(b"\n")?;
    let read: Head = serde_json::from_slice(bytes).ok()?;
    let (key, note) = (read.key.parse().ok()?, read.checkpoint.parse().ok()?);
    (read.format == FORMAT && head(&key, &note).as_bytes() == bytes).then_some((key, note))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::audit::{Entry, Reference};

    fn key() -> NoteKey {
        NoteKey::new("issuer.example/audit", [7; 32]).unwrap()
    }

    /// A stand-in that hangs on every byte of key and message, as a signature does.
    fn signature(public: &[u8; 32], message: &[u8]) -> Vec<u8> {
        let half = |n: u8| Sha256::new().chain_update([n]).chain_update(public).chain_update(message).finalize();
        [half(0), half(1)].concat()
    }

    fn verify(public: &[u8; 32], message: &[u8], told: &[u8]) -> bool {
        signature(public, message) == told
    }

    fn entries(length: u64) -> Vec<Sealed> {
        let mut previous = Hash::GENESIS;
        (0..length)
            .map(|sequence| {
                let at = Timestamp::from_second(1_795_000_000).unwrap();
                let subject = Reference::keyed(&[7; 32], "session", &format!("s{sequence}"));
                let entry = Entry::new(at, "session.opened", Reference::public("role", "issuer"), subject);
                let entry = if sequence % 2 == 0 { entry.fact("status", "Not Started") } else { entry };
                let sealed = Sealed::seal(sequence, previous, entry).unwrap();
                previous = sealed.hash;
                sealed
            })
            .collect()
    }

    fn checkpoint(entries: &[Sealed]) -> Checkpoint {
        let mut peaks = Peaks::default();
        entries.iter().for_each(|sealed| peaks.push(line(sealed).as_bytes()));
        Checkpoint { origin: key().name().to_owned(), root: peaks.root() }
    }

    fn export(entries: &[Sealed], checkpoint: &Checkpoint) -> Vec<String> {
        let note =
            SignedNote::sign(checkpoint, &key(), |message| Ok::<_, ()>(signature(key().public(), message))).unwrap();
        std::iter::once(head(&key(), &note)).chain(entries.iter().map(line)).collect()
    }

    fn file(lines: &[String]) -> Vec<u8> {
        lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
    }

    fn told(bytes: &[u8]) -> Result<Checked, Fault> {
        check(bytes, Some(key().public()), None, verify)
    }

    #[test]
    fn an_untouched_export_holds() {
        for length in [0, 1, 5, 8] {
            let entries = entries(length);
            let checkpoint = checkpoint(&entries);
            let bytes = file(&export(&entries, &checkpoint));
            assert_eq!(told(&bytes).unwrap(), Checked { checkpoint: checkpoint.clone(), key: key() });
            assert!(check(&bytes[..], None, Some(&checkpoint), verify).is_ok());
        }
    }

    /// The line the fault names, as far as it names one.
    fn named(fault: &Fault) -> Option<u64> {
        match fault {
            Fault::Head => Some(1),
            Fault::Entry(line) | Fault::Surplus(line) | Fault::Broken { line, .. } => Some(*line),
            Fault::OtherKey(_)
            | Fault::Unsigned(_)
            | Fault::Short { .. }
            | Fault::Root
            | Fault::Rewritten(_)
            | Fault::NotOlder
            | Fault::Read(_) => None,
        }
    }

    #[test]
    fn a_changed_byte_is_found_wherever_it_stands() {
        let entries = entries(5);
        let lines = export(&entries, &checkpoint(&entries));
        let bytes = file(&lines);
        for at in 0..bytes.len() {
            let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            for flip in [0x01, 0x20, 0x80, 0x0f] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                let fault = told(&changed).expect_err(&format!("byte {at} of line {line}, flipped by {flip}"));
                // A line feed that is gone joins two lines; a new one cuts its line in two. Head and end have faults
                // that name no line because they name the thing.
                if let Some(named) = named(&fault) {
                    assert_eq!(named, line, "byte {at}: {fault}");
                } else {
                    let of_head = line == 1 && matches!(fault, Fault::Unsigned(_) | Fault::OtherKey(_));
                    let of_end = at + 1 == bytes.len() && matches!(fault, Fault::Short { .. });
                    assert!(of_head || of_end, "byte {at}: {fault}");
                }
            }
            let mut dropped = bytes.clone();
            dropped.remove(at);
            told(&dropped).expect_err(&format!("byte {at} dropped"));
            for byte in [b' ', b'\n', b'0', bytes[at]] {
                let mut added = bytes.clone();
                added.insert(at, byte);
                told(&added).expect_err(&format!("{byte} added before byte {at}"));
            }
        }
        for tail in [&b"\n"[..], b" ", b"{}\n", b"\0"] {
            assert_eq!(named(&told(&[&bytes, tail].concat()).unwrap_err()), Some(7), "{tail:?}");
        }
    }

    #[test]
    fn a_dropped_swapped_or_added_entry_is_named() {
        let entries = entries(5);
        let lines = export(&entries, &checkpoint(&entries));
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            told(&file(&lines)).unwrap_err()
        };
        let fault = with(&|lines| drop(lines.remove(3)));
        assert!(matches!(fault, Fault::Broken { line: 4, broken: Broken::Gap { expected: 2 } }), "{fault}");
        let fault = with(&|lines| lines.swap(2, 4));
        assert!(matches!(fault, Fault::Broken { line: 3, broken: Broken::Gap { expected: 1 } }), "{fault}");
        let fault = with(&|lines| lines.insert(3, lines[2].clone()));
        assert!(matches!(fault, Fault::Broken { line: 4, broken: Broken::Gap { expected: 2 } }), "{fault}");
        let fault = with(&|lines| drop(lines.pop()));
        assert!(matches!(fault, Fault::Short { size: 5, found: 4 }), "{fault}");
        let fault = with(&|lines| lines.push(lines[5].clone()));
        assert!(matches!(fault, Fault::Surplus(7)), "{fault}");
        let fault = with(&|lines| drop(lines.remove(0)));
        assert!(matches!(fault, Fault::Head), "{fault}");
        assert!(matches!(told(b""), Err(Fault::Head)));
    }

    #[test]
    fn a_log_that_was_written_anew_is_found() {
        let honest = entries(6);
        let kept = checkpoint(&honest[..4]);
        let signed = checkpoint(&honest);
        // Someone alters entry 2 and seals all that follow afresh.
        let mut forged = honest[..2].to_vec();
        let mut previous = forged[1].hash;
        for sealed in &honest[2..] {
            let mut entry = sealed.entry.clone();
            entry.action = if sealed.sequence == 2 { "session.approved".to_owned() } else { entry.action };
            forged.push(Sealed::seal(sealed.sequence, previous, entry).unwrap());
            previous = forged[forged.len() - 1].hash;
        }
        assert!(matches!(told(&file(&export(&forged, &signed))), Err(Fault::Root)));
        // With the log's own key it can be signed afresh: only what was kept elsewhere shows it.
        let resigned = file(&export(&forged, &checkpoint(&forged)));
        assert!(told(&resigned).is_ok());
        let fault = check(&resigned[..], Some(key().public()), Some(&kept), verify).unwrap_err();
        assert!(matches!(fault, Fault::Rewritten(root) if root.size == 4), "{fault}");
        // And a log that lost its end is no continuation.
        let cut = file(&export(&honest[..3], &checkpoint(&honest[..3])));
        assert!(matches!(check(&cut[..], Some(key().public()), Some(&kept), verify), Err(Fault::NotOlder)));
    }

    #[test]
    fn the_key_that_was_brought_decides() {
        let entries = entries(2);
        let bytes = file(&export(&entries, &checkpoint(&entries)));
        let fault = check(&bytes[..], Some(&[8; 32]), None, verify).unwrap_err();
        assert!(matches!(fault, Fault::OtherKey(_)), "{fault}");
        assert!(matches!(check(&bytes[..], None, None, |_, _, _| false), Err(Fault::Unsigned(Unsigned::Wrong))));
    }
}
