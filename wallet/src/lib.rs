//! The wallet: holds credentials, matches the selfie on the device, presents and shares with consent.
//!
//! [`Wallet`] is the front: accept an offer, list and show, inspect a request, answer it, share, look back. What it
//! keeps lies encrypted in one file ([`store`]); what it says to others goes through one seam ([`wire`]). Nothing leaves
//! without a [`consent::Ready`], and where a selfie is demanded that cannot be had without a [`presence::Matched`].
//!
//! Knows no other role, no database and no clock: time is an argument. Left out so far: W3C credentials, shares
//! of an mdoc, backup and export, deletion requests.

pub mod accept;
pub mod consent;
mod error;
pub mod history;
pub mod holding;
pub mod http;
pub mod presence;
pub mod present;
pub mod qr;
pub mod share;
pub mod store;
mod trusted;
mod wallet;
pub mod wire;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use wallet::{LinkKind, LoadModels, Seams, Wallet, WalletFacts};
