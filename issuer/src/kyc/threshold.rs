//! What a measured value is held against.
//!
//! A [`Threshold`] is kept and sent in its written form, such as `sharpness >= 15`, which stays the same for programs;
//! pages say it in the reader's language, by what was measured.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! measures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $form:literal;)*) => {
        /// What is measured and how the value has to stand to the numbers of a threshold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Measure {
            $($(#[$doc])* $variant,)*
        }

        impl Measure {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Stable name; message catalogues translate it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The written form of a threshold, with `{}` for each number.
            fn form(self) -> &'static str {
                match self {
                    $(Self::$variant => $form,)*
                }
            }
        }
    };
}

measures! {
    /// Shorter side of a picture, in pixels.
    ShortSide = "short_side", "short side >= {} px";
    /// Mean grey level, 0 to 255, that is not too dark.
    NotDark = "not_dark", "brightness >= {}";
    /// Mean grey level, 0 to 255, that is not too bright.
    NotBright = "not_bright", "brightness <= {}";
    /// Variance of the Laplacian, in grey levels squared.
    Sharpness = "sharpness", "sharpness >= {}";
    /// How far eyes or mouth are hidden, 0 to 1.
    Covered = "covered", "covered < {}";
    /// Share of burnt-out pixels, 0 to 1.
    Glare = "glare", "glare <= {}";
    /// Lines of text on a page.
    TextLines = "text_lines", "text lines >= {}";
    /// Lines of a machine-readable zone.
    MrzLines = "mrz_lines", "2 or 3 lines";
    /// Wrong check digits in the zone.
    WrongDigits = "wrong_digits", "0 wrong check digits, no doubt";
    /// Printed fields that agree with the zone.
    PrintedFields = "printed_fields", "{} fields agree";
    /// Distance between the eyes, in pixels.
    Eyes = "eyes", "eyes >= {} px apart";
    /// Faces in a selfie.
    Faces = "faces", "exactly 1 face";
    /// Days until the document expires.
    DaysLeft = "days_left", "days left >= {}";
    /// Age of the holder, in years.
    Age = "age", "age >= {}";
    /// Liveness score, 0 to 1.
    Score = "score", "score >= {}";
    /// Euclidean distance of two face templates: below the first number is the same person, up to the second a person
    /// looks.
    Distance = "distance", "distance < {}, review to {}";
    /// Euclidean distance to the nearest kept face: from the first number on it is somebody else's, below the second it
    /// is certain, between them possible.
    NearestFace = "nearest_face", "nearest face >= {}, certain below {}";
}

/// What a value is held against: what was measured, and the numbers of its rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Threshold {
    measure: Measure,
    numbers: Vec<f64>,
}

/// A text that is no written form of a threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a threshold")]
pub struct NotAThreshold;

impl Measure {
    /// The threshold with these numbers, as many as the rule has.
    #[must_use]
    pub fn held_to(self, numbers: impl Into<Vec<f64>>) -> Threshold {
        Threshold { measure: self, numbers: numbers.into() }
    }

    fn read(self, text: &str) -> Option<Threshold> {
        let mut pieces = self.form().split("{}");
        let mut rest = text.strip_prefix(pieces.next()?)?;
        let mut numbers = Vec::new();
        for piece in pieces {
            let end = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | '-')).unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            numbers.push(number.parse().ok()?);
            rest = after.strip_prefix(piece)?;
        }
        rest.is_empty().then_some(Threshold { measure: self, numbers })
    }
}

impl Threshold {
    /// What was measured.
    #[must_use]
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// The numbers of the rule, in the unit of the measure.
    #[must_use]
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pieces = self.measure.form().split("{}");
        f.write_str(pieces.next().unwrap_or_default())?;
        pieces.zip(&self.numbers).try_for_each(|(piece, number)| write!(f, "{number}{piece}"))
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

impl TryFrom<String> for Threshold {
    type Error = NotAThreshold;

    fn try_from(text: String) -> Result<Self, NotAThreshold> {
        Measure::ALL.iter().find_map(|measure| measure.read(&text)).ok_or(NotAThreshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_form_reads_back() {
        let check = |threshold: Threshold, written: &str| {
            assert_eq!(threshold.to_string(), written);
            assert_eq!(Threshold::try_from(written.to_owned()), Ok(threshold));
        };
        check(Measure::Sharpness.held_to([15.0]), "sharpness >= 15");
        check(Measure::Glare.held_to([0.12]), "glare <= 0.12");
        check(Measure::MrzLines.held_to([]), "2 or 3 lines");
        check(Measure::PrintedFields.held_to([5.0]), "5 fields agree");
        check(Measure::Eyes.held_to([20.0]), "eyes >= 20 px apart");
        check(Measure::DaysLeft.held_to([-1.5]), "days left >= -1.5");
        check(Measure::Distance.held_to([0.55, 0.62]), "distance < 0.55, review to 0.62");
        for measure in Measure::ALL {
            let numbers = [0.25, 7.0];
            let numbers = &numbers[..measure.form().matches("{}").count()];
            check(measure.held_to(numbers), &measure.held_to(numbers).to_string());
        }
        for text in ["", "sharpness >= ", "sharpness >= x", "sharpness >= 15 px", "distance < 0.55", "2 or 4 lines"] {
            assert_eq!(Threshold::try_from(text.to_owned()), Err(NotAThreshold), "{text}");
        }
    }
}
