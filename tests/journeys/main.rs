//! Everything that needs more than one crate: the floors, the journeys of the four roles, the pages in a browser.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod browser;
mod by_hand;
mod faces;
mod floors;
mod integration;
mod interop;
mod killed;
mod liveness;
mod matrix;
mod mdoc;
mod people;
mod prefixes;
mod presented;
mod refusals;
mod webhooks;
mod whole;
