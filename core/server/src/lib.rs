//! What every role's server shares: the clock and the random source, the door for requests and the door outwards, and
//! the look and language of the pages.
//!
//! A role's `http` module builds an [`axum::Router`], takes its arguments with [`extract`] and [`clock::Now`], answers
//! mistakes with [`problem::Problem`], and hands the router to [`run::Listener::serve`]. Whatever it needs from
//! elsewhere it gets through [`fetch::Fetcher`], the only outbound client of the project: it reaches no private
//! address, follows no redirect and reads no more than it was told.
//!
//! Pages are written with [`page`] and speak through [`text`]; their scripts, style and pictures come from
//! [`assets`], so that a strict content security policy holds everywhere.
//!
//! Left out on purpose: TLS (a reverse proxy's work), sessions of people (a role's work), configuration files.

pub mod assets;
pub mod audit;
pub mod clock;
pub mod csrf;
pub mod delivery;
pub mod entropy;
pub mod extract;
pub mod fetch;
pub mod limit;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod run;
pub mod telemetry;
pub mod text;

pub use clock::{Clock, Now};
pub use entropy::System;
pub use problem::Problem;
