//! Text lines: where they are and what they say (PP-OCRv6 small, detection and recognition).
//!
//! Detection follows "differentiable binarization" (Liao et al. 2020) with the publisher's thresholds; every line is cut
//! out with its own perspective, so that the page need not be straightened first. Recognition is read greedily here;
//! machine-readable zones are read by [`crate::mrz::decode`] from the same probabilities.
//!
//! Left out: text in Cyrillic, Arabic, Thai, Devanagari and Hangul, which the character list of the recogniser lacks.

use rayon::prelude::*;

use crate::geometry::Point;
use crate::picture::Picture;
use crate::{Models, ModelsError};

pub(crate) mod detect;
pub(crate) mod recognise;

/// A line of text on a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// Corners in pixels of the picture: top left, top right, bottom right, bottom left in reading direction.
    pub quad: [Point; 4],
    /// What it says.
    pub text: String,
    /// Mean probability of the characters, 0 to 1.
    pub confidence: f32,
}

/// All lines of text, in the order of their top edge; lines that stand upright are read from top to bottom.
///
/// Lines in which nothing was read are left out. Takes about 0.3 s and 20 ms a line on one core.
pub fn text_lines(models: &Models, picture: &Picture) -> Result<Vec<TextLine>, ModelsError> {
    let quads = detect::find(&models.document()?.detector, picture, detect::Size::Full)?;
    let recogniser = recognise::Recogniser::of(models)?;
    let lines: Result<Vec<TextLine>, ModelsError> = quads
        .par_iter()
        .map(|&quad| {
            let (text, confidence) = recogniser.read(picture, quad)?.greedy(&recogniser);
            Ok(TextLine { quad, text, confidence })
        })
        .collect();
    let mut lines = lines?;
    lines.retain(|line| !line.text.trim().is_empty());
    Ok(lines)
}

/// Length of a line along its reading direction and its height, in pixels.
pub(crate) fn size(quad: &[Point; 4]) -> (f32, f32) {
    let width = quad[0].distance(quad[1]).max(quad[3].distance(quad[2]));
    let height = quad[0].distance(quad[3]).max(quad[1].distance(quad[2]));
    (width, height)
}

/// The middle of a line.
pub(crate) fn centre(quad: &[Point; 4]) -> Point {
    quad[0].middle(quad[2])
}
