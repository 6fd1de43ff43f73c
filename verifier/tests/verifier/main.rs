//! The verifier over loopback HTTP: a small registry, an issuer with its status list, and a wallet made of the holder's
//! halves stand around it.

mod import;
mod pages;
mod presentation;
mod world;
