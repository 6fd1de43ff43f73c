//! Neural models behind plain functions: a picture goes in, plain values come out.
//!
//! This is the only crate that knows tract. Weights are not in the repository: [`manifest`] pins where each file
//! comes from, its SHA-256, its licence and its tensor contract; a [`Weights`] source hands the bytes over and
//! [`Models::load`] turns them into plans. No type of an image or tensor library appears in a public signature.
//!
//! * [`picture`]: decoding with limits, EXIF orientation, plain RGB pixels.
//! * [`face`]: detect, landmarks, align, embed, template, distance, quality.
//! * [`liveness`]: passive presentation-attack score, or [`liveness::Passive::NotPerformed`] without its weights.
//! * [`plugin`]: models of the user's own, used only after a trial on labelled pictures.
//! * `document`: text lines, the machine-readable zone, the portrait on the page.
//! * `mrz`: ICAO Doc 9303 machine-readable zones as data: formats, check digits, fields.
//! * `specimen`: draws fictional Utopia passports for tests and the sandbox.

pub mod document;
pub mod face;
pub mod geometry;
pub mod liveness;
pub mod manifest;
pub mod mrz;
pub mod ocr;
pub mod picture;
pub mod plugin;
pub mod rate;
pub mod specimen;
pub mod weights;

mod graph;
mod load;
mod minifas;
mod plan;
mod resnet;
mod tfjs;
mod torch;

pub use load::{Models, ModelsError, Parts};
pub use weights::{Weights, WeightsError};
