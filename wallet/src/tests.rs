//! Whole exchanges without a network: registry, issuer and verifier are the other halves, called by hand.

mod exchanges;
mod mdoc;
mod pages;
mod selfie;
mod world;
