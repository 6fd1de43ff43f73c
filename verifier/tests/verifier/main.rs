//! The verifier over loopback HTTP: a small registry, an issuer with its status list, and a wallet made of the holder's
//! halves stand around it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod attacks;
mod confirmation;
mod digital;
mod import;
mod mdoc;
mod pages;
mod policies;
mod prefixes;
mod presentation;
mod registration;
mod statuses;
mod told;
mod types;
mod world;
