//! Whole exchanges without a network: registry, issuer and verifier are the other halves, called by hand.

mod choice;
mod copies;
mod exchanges;
mod mdoc;
mod pages;
mod prefixes;
mod registration;
mod selfie;
mod world;
