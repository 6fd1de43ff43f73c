//! W3C credentials: the data model, Data Integrity proofs and JOSE around it, Bitstring Status Lists, canonical JSON and
//! RDF, pinned contexts, and decentralized identifiers.
//!
//! The only crate that names `ssi`, and of it only JSON-LD expansion ([`context`]). Hashes and signatures are ours: every
//! signature is made by a [`warifu_keys::Signer`] and checked by a [`warifu_keys::PublicKey`]. Like its neighbours below
//! the roles this crate neither fetches nor asks for the time: documents, instants and randomness are arguments.

pub mod attestation;
pub mod bitstring_status_list;
pub mod context;
pub mod credential;
pub mod data_integrity;
pub mod did;
pub mod jcs;
pub mod jose;
pub mod multikey;
pub mod rdfc;
pub mod time;
pub mod verify;
