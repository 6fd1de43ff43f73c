//! What a log says about itself and signs: a checkpoint (`c2sp.org/tlog-checkpoint`, version 1) in a signed note
//! (`c2sp.org/signed-note`, version 1).
//!
//! ```text
//! issuer.example/audit
//! 42
//! zLnSgSgOqmkHWLnaAqO0nzXRvRJNBpSmsPmB1h7Bi1g=
//!
//! — issuer.example/audit 0Um+BGqz…
//! ```
//! Only Ed25519 signatures (type 1) are made and read; lines of other keys are kept and passed over, as the
//! specification asks. This module writes and reads the text; the signature itself is made and checked by the caller,
//! who holds the key.

use std::{fmt, str::FromStr};

use base64ct::{Base64, Encoding};
use sha2::{Digest as _, Sha256};

use super::{Hash, Root};

/// Largest note that is read, in bytes, and most signatures in it.
const NOTE_CAP: usize = 16 * 1024;
const SIGNATURES_CAP: usize = 32;
/// The signature type of Ed25519 (signed-note, "Signature types").
const ED25519: u8 = 1;

/// A text that is no checkpoint, no note or no note key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The note has no empty line before its signatures, a line that is no signature, or a size beyond the cap.
    #[error("not a signed note")]
    Note,
    /// The text of the note is not origin, size and root.
    #[error("not a checkpoint")]
    Checkpoint,
    /// Not `name+id+key`, or the identifier belongs to another key.
    #[error("not the key of a note")]
    Key,
    /// A name with a space, a plus sign or a control character, or none.
    #[error("not a name for the key of a note")]
    Name,
}

/// Which log, how long it is, and the root over all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, for all time; also the name of the key that signs.
    pub origin: String,
    /// Size and root.
    pub root: Root,
}

impl Checkpoint {
    /// The text that is signed; ends with a line feed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.root.size, Base64::encode_string(self.root.hash.as_bytes()))
    }

    /// Reads the text of a note. Lines after the root are extensions, which this log does not write and refuses.
    ///
    /// # Errors
    /// [`Malformed::Checkpoint`] for any other text, one more space included.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let lines: Vec<_> = text.split('\n').collect();
        let &[origin, size, root, ""] = &lines[..] else { return Err(Malformed::Checkpoint) };
        let mut hash = [0; 32];
        let decoded = Base64::decode(root, &mut hash).map_err(|_| Malformed::Checkpoint)?.len();
        let size = size.parse().map_err(|_| Malformed::Checkpoint)?;
        let checkpoint = Self { origin: origin.to_owned(), root: Root { size, hash: Hash::from_bytes(hash) } };
        // A plus sign, leading zeros and loose bits at the end of the root are no second spelling.
        let same = decoded == 32 && !origin.is_empty() && checkpoint.text() == text;
        if same { Ok(checkpoint) } else { Err(Malformed::Checkpoint) }
    }
}

/// The public key a note is signed with, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    public: [u8; 32],
}

impl NoteKey {
    /// An Ed25519 public key under a name: a host and a path, without a scheme.
    ///
    /// # Errors
    /// [`Malformed::Name`] for a name that cannot stand in a signature line.
    pub fn new(name: impl Into<String>, public: [u8; 32]) -> Result<Self, Malformed> {
        let name = name.into();
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.chars().any(forbidden) { Err(Malformed::Name) } else { Ok(Self { name, public }) }
    }

    /// The name in its signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The first four bytes of SHA-256 over name, line feed, signature type and public key.
    fn id(&self) -> [u8; 4] {
        let digest =
            Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.public).finalize();
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

/// The spelling of the C2SP tools: `name+1a2b3c4d+AQ…`.
impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519], &self.public[..]].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), Base64::encode_string(&key))
    }
}

impl FromStr for NoteKey {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Malformed::Key);
        };
        let key = Base64::decode_vec(key).map_err(|_| Malformed::Key)?;
        let Some((&ED25519, public)) = key.split_first() else { return Err(Malformed::Key) };
        let key = Self::new(name, public.try_into().map_err(|_| Malformed::Key)?)?;
        if key.to_string() == text { Ok(key) } else { Err(Malformed::Key) }
    }
}

/// A text and the signatures over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<(String, [u8; 4], Vec<u8>)>,
}

impl SignedNote {
    /// Signs a checkpoint: `sign` is given the text and answers with the 64 bytes of an Ed25519 signature by `key`.
    ///
    /// # Errors
    /// What `sign` says.
    pub fn sign<E>(
        checkpoint: &Checkpoint,
        key: &NoteKey,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let text = checkpoint.text();
        let signature = sign(text.as_bytes())?;
        Ok(Self { text, signatures: vec![(key.name.clone(), key.id(), signature)] })
    }

    /// The checkpoint, if `key` signed it. `verify` is given public key, message and signature.
    ///
    /// # Errors
    /// [`Unsigned::NotBy`] without a line of that key, [`Unsigned::Wrong`] when its signature does not hold,
    /// [`Unsigned::Text`] when what it signed is no checkpoint, [`Unsigned::Origin`] when it is of another log.
    pub fn checkpoint(
        &self,
        key: &NoteKey,
        verify: impl FnOnce(&[u8; 32], &[u8], &[u8]) -> bool,
    ) -> Result<Checkpoint, Unsigned> {
        let by_key = |(name, id, _): &&(String, [u8; 4], Vec<u8>)| *name == key.name && *id == key.id();
        let (.., signature) = self.signatures.iter().find(by_key).ok_or(Unsigned::NotBy)?;
        if !verify(&key.public, self.text.as_bytes(), signature) {
            return Err(Unsigned::Wrong);
        }
        let checkpoint = Checkpoint::parse(&self.text).map_err(|_| Unsigned::Text)?;
        if checkpoint.origin == key.name { Ok(checkpoint) } else { Err(Unsigned::Origin) }
    }
}

/// Why a note is not the checkpoint of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// No signature line has the name and identifier of the key.
    #[error("the checkpoint carries no signature of this key")]
    NotBy,
    /// The signature does not fit the text.
    #[error("the signature of the checkpoint does not hold")]
    Wrong,
    /// The signed text is no checkpoint.
    #[error("what was signed is no checkpoint")]
    Text,
    /// The checkpoint names another log than the key does.
    #[error("the checkpoint is of another log")]
    Origin,
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for (name, id, signature) in &self.signatures {
            writeln!(f, "\u{2014} {name} {}", Base64::encode_string(&[&id[..], signature].concat()))?;
        }
        Ok(())
    }
}

impl FromStr for SignedNote {
    type Err = Malformed;

    fn from_str(note: &str) -> Result<Self, Malformed> {
        if note.len() > NOTE_CAP || note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Malformed::Note);
        }
        // The last empty line: a text may hold empty lines, a signature may not.
        let at = note.rfind("\n\n").ok_or(Malformed::Note)?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or(Malformed::Note)?;
        let signatures: Vec<_> = signatures.split('\n').map(signature_line).collect::<Result<_, _>>()?;
        if signatures.len() > SIGNATURES_CAP {
            return Err(Malformed::Note);
        }
        let read = Self { text: text.to_owned(), signatures };
        if read.to_string() == note { Ok(read) } else { Err(Malformed::Note) }
    }
}

fn signature_line(line: &str) -> Result<(String, [u8; 4], Vec<u8>), Malformed> {
    let (name, signature) =
        line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')).ok_or(Malformed::Note)?;
    let signature = Base64::decode_vec(signature).map_err(|_| Malformed::Note)?;
    let (id, signature) = signature.split_first_chunk().ok_or(Malformed::Note)?;
    if name.is_empty() || signature.is_empty() {
        return Err(Malformed::Note);
    }
    Ok((name.to_owned(), *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `golang.org/x/mod/sumdb/note`, its documentation: key and signed text of the package's example.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_published_key_and_note_are_read() {
        let key: NoteKey = KEY.parse().unwrap();
        assert_eq!(key.name(), "PeterNeumann");
        let note: SignedNote = NOTE.parse().unwrap();
        assert_eq!(note.to_string(), NOTE);
        assert_eq!((&*note.signatures[0].0, note.signatures[0].1), ("PeterNeumann", key.id()));
        assert_eq!(note.signatures[0].2.len(), 64);
        // It is signed, and no checkpoint.
        assert_eq!(note.checkpoint(&key, |_, _, _| true), Err(Unsigned::Text));
        assert_eq!(note.checkpoint(&key, |_, _, _| false), Err(Unsigned::Wrong));
    }

    #[test]
    fn a_checkpoint_reads_what_it_writes_and_nothing_else() {
        let root = Root { size: 42, hash: Hash::from_bytes([9; 32]) };
        let checkpoint = Checkpoint { origin: "issuer.example/audit".to_owned(), root };
        let text = checkpoint.text();
        assert_eq!(text, "issuer.example/audit\n42\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n");
        assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
        for other in [
            text.replace("42", "042"),
            text.replace("42", "+42"),
            text.replace("42", "-1"),
            text.replace("CQk=", "CQl="),
            text.replace("CQk=", "CQ=="),
            format!("{text}extension\n"),
            text.trim_end().to_owned(),
            text.replace("issuer.example/audit", ""),
        ] {
            assert_eq!(Checkpoint::parse(&other), Err(Malformed::Checkpoint), "{other}");
        }
    }

    #[test]
    fn a_signature_of_another_key_or_for_another_log_does_not_count() {
        let key = NoteKey::new("a.example/audit", [1; 32]).unwrap();
        let root = Root { size: 0, hash: Hash::GENESIS };
        let signed = |origin: &str| {
            let checkpoint = Checkpoint { origin: origin.to_owned(), root };
            SignedNote::sign(&checkpoint, &key, |_| Ok::<_, ()>(vec![0; 64])).unwrap()
        };
        let note = signed("a.example/audit");
        assert!(note.checkpoint(&key, |_, _, _| true).is_ok());
        let same_name = NoteKey::new("a.example/audit", [2; 32]).unwrap();
        let same_key = NoteKey::new("b.example/audit", [1; 32]).unwrap();
        for other in [same_name, same_key] {
            assert_eq!(note.checkpoint(&other, |_, _, _| true), Err(Unsigned::NotBy));
        }
        assert_eq!(signed("b.example/audit").checkpoint(&key, |_, _, _| true), Err(Unsigned::Origin));
    }

    #[test]
    fn keys_that_cannot_stand_in_a_line_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
            assert_eq!(NoteKey::new(name, [1; 32]), Err(Malformed::Name), "{name:?}");
        }
        for text in ["", "a", "a+b", "a+00000000+AQ==", &KEY.replace("c74f20a3", "c74f20a4")] {
            assert!(text.parse::<NoteKey>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_is_refused_or_read_back(text in "[a-z0-9\u{2014} =\n+]{0,80}") {
            if let Ok(note) = text.parse::<SignedNote>() {
                prop_assert_eq!(note.to_string(), text);
            }
        }
    }
}
