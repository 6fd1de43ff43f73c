//! Faces that are kept to be found again: those of approved people, and those on the blocklist.
//!
//! A [`record::FaceRecord`] is written in the commit that approves its session and goes in the commit that erases it.
//! Its template is sealed under a key of its own, so a record that is gone can not be opened from an old copy of anything
//! else. At first use all records are opened into memory ([`gallery`]), one index for each model and list, and after every
//! commit the record that changed is read again from the store: memory never knows more than the store, and a process
//! that dies between the two finds everything at its next start.
//!
//! Two issuers on one store: each sees at once what it commits itself, and what the other enrolled or blocked after
//! [`crate::Issuer::load_faces`]. What the other erased counts for nobody at once, because a face in memory counts only
//! while its record stands in the store.
//!
//! Left out for now: lists beside these two, retention beyond the session, asking other nodes for their partitions.

pub(crate) mod blocklist;
pub(crate) mod gallery;
pub(crate) mod record;
pub(crate) mod search;

pub use blocklist::Blocked;
