//! Is it a document, can it be read, and does it say the same everywhere?

use crate::kyc::check::{Check, CheckName, Code, Outcome, Signal};
use crate::kyc::evidence::{Agreement, Doubt, Evidence};
use crate::kyc::threshold::Measure;

/// The picture is sharp, bright and large enough.
///
/// Fails only where nothing can be read anyhow; what was read has its own checks. The thresholds are rules of thumb:
/// 43 specimen and made-up documents have sharpness 82 and more, brightness 121 to 233, and a short side of 178 pixels
/// and more, so none of them fails.
#[derive(Debug, Clone, Copy)]
pub struct ImageQuality {
    /// Shortest side below which the picture fails, in pixels.
    pub short_side: u32,
    /// Variance of the Laplacian below which it fails.
    pub sharpness: f64,
    /// Mean grey level below which it is too dark.
    pub dark: f64,
    /// Mean grey level above which it is too bright.
    pub bright: f64,
    /// Share of burnt-out pixels from which a reflection is mentioned.
    pub glare: f64,
    /// Mean grey level from which burnt-out pixels are white paper and no reflection.
    pub paper: f64,
}

impl Default for ImageQuality {
    fn default() -> Self {
        Self { short_side: 160, sharpness: 15.0, dark: 35.0, bright: 248.0, glare: 0.12, paper: 185.0 }
    }
}

impl Check for ImageQuality {
    fn name(&self) -> CheckName {
        CheckName::ImageQuality
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(document) = evidence.document() else {
            return Signal::new(self.name(), Outcome::NotRun, Code::NotMade);
        };
        let found = document.quality;
        let say = |outcome, code| Signal::new(self.name(), outcome, code);
        if found.short_side < self.short_side {
            let rule = Measure::ShortSide.held_to([f64::from(self.short_side)]);
            return say(Outcome::Fail, Code::QualitySmall).measured(f64::from(found.short_side), rule);
        }
        if found.brightness < self.dark {
            return say(Outcome::Fail, Code::QualityDark)
                .measured(found.brightness, Measure::NotDark.held_to([self.dark]));
        }
        if found.brightness > self.bright {
            return say(Outcome::Fail, Code::QualityBright)
                .measured(found.brightness, Measure::NotBright.held_to([self.bright]));
        }
        if found.sharpness < self.sharpness {
            return say(Outcome::Fail, Code::QualityBlurred)
                .measured(found.sharpness, Measure::Sharpness.held_to([self.sharpness]));
        }
        if found.glare > self.glare && found.brightness < self.paper {
            return say(Outcome::Warn, Code::QualityGlare).measured(found.glare, Measure::Glare.held_to([self.glare]));
        }
        say(Outcome::Pass, Code::QualityGood).measured(found.sharpness, Measure::Sharpness.held_to([self.sharpness]))
    }
}

/// There is a document in the picture: a page has lines of text.
#[derive(Debug, Clone, Copy)]
pub struct DocumentFound {
    /// Fewest lines of text.
    pub lines: u32,
}

impl Default for DocumentFound {
    fn default() -> Self {
        Self { lines: 2 }
    }
}

impl Check for DocumentFound {
    fn name(&self) -> CheckName {
        CheckName::DocumentFound
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(document) = evidence.document() else {
            return Signal::new(self.name(), Outcome::NotRun, Code::NotMade);
        };
        let lines = document.text_lines;
        let (outcome, code) = if lines >= self.lines {
            (Outcome::Pass, Code::DocumentSeen)
        } else {
            (Outcome::Fail, Code::DocumentNotSeen)
        };
        let rule = Measure::TextLines.held_to([f64::from(self.lines)]);
        Signal::new(self.name(), outcome, code).measured(f64::from(lines), rule)
    }
}

/// There is a machine-readable zone (ICAO Doc 9303).
#[derive(Debug, Clone, Copy)]
pub struct MrzFound;

impl Check for MrzFound {
    fn name(&self) -> CheckName {
        CheckName::MrzFound
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(document) = evidence.document() else {
            return Signal::new(self.name(), Outcome::NotRun, Code::NotMade);
        };
        let zone = document.mrz.as_ref();
        let lines = zone.map_or(0, |mrz| mrz.lines.len());
        let (outcome, code) =
            if zone.is_some() { (Outcome::Pass, Code::MrzSeen) } else { (Outcome::Fail, Code::MrzNotSeen) };
        Signal::new(self.name(), outcome, code).measured(lines as f64, Measure::MrzLines.held_to([]))
    }
}

/// The zone was read with certainty and its check digits hold.
///
/// A repaired reading passes only where the printed text confirms it: measured on 144 made-up documents, 4 of 31 unique
/// repairs were wrong, of the unrepaired readings 2 of 107.
#[derive(Debug, Clone, Copy)]
pub struct MrzCheckDigits;

impl Check for MrzCheckDigits {
    fn name(&self) -> CheckName {
        CheckName::MrzCheckDigits
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(document) = evidence.document() else {
            return Signal::new(self.name(), Outcome::NotRun, Code::NotMade);
        };
        let Some(mrz) = &document.mrz else {
            return Signal::new(self.name(), Outcome::NotRun, Code::MrzNotSeen);
        };
        let (outcome, code) = if mrz.wrong_digits > 0 || mrz.doubts.contains(&Doubt::CheckDigit) {
            (Outcome::Fail, Code::DigitsWrong)
        } else if !mrz.doubts.is_empty() {
            (Outcome::Warn, Code::DigitsUncertain)
        } else if mrz.repaired {
            (Outcome::Pass, Code::DigitsConfirmed)
        } else {
            (Outcome::Pass, Code::DigitsHold)
        };
        Signal::new(self.name(), outcome, code).measured(f64::from(mrz.wrong_digits), Measure::WrongDigits.held_to([]))
    }
}

/// The printed text agrees with the zone: the safety net for what check digits cannot see (a 6 read as G keeps them all).
///
/// Passes when number, names and dates agree. Printed text that says something else leaves it open; a field that was not
/// found in print was not compared.
#[derive(Debug, Clone, Copy)]
pub struct MrzVisualZone;

impl Check for MrzVisualZone {
    fn name(&self) -> CheckName {
        CheckName::MrzVisualZone
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(document) = evidence.document() else {
            return Signal::new(self.name(), Outcome::NotRun, Code::NotMade);
        };
        let printed = &document.visual_zone;
        let agreeing = printed.count(Agreement::Agrees);
        let (outcome, code) = if document.mrz.is_none() || printed.0.is_empty() {
            (Outcome::NotRun, Code::VisualNotRead)
        } else if printed.count(Agreement::Differs) > 0 {
            (Outcome::Warn, Code::VisualDiffers)
        } else if printed.count(Agreement::NotRead) > 0 {
            (Outcome::NotRun, Code::VisualNotRead)
        } else {
            (Outcome::Pass, Code::VisualAgrees)
        };
        let rule = Measure::PrintedFields.held_to([printed.0.len() as f64]);
        Signal::new(self.name(), outcome, code).measured(agreeing as f64, rule)
    }
}

/// The document shows a portrait, large enough to compare.
///
/// Measured with the face model: at 40 pixels between the eyes comparison is as good as with large pictures, at 20
/// pixels one match in eight is lost.
#[derive(Debug, Clone, Copy)]
pub struct PortraitFound {
    /// Distance between the eyes below which it is said to be small, in pixels.
    pub eyes: f64,
    /// Distance below which there is nothing to compare.
    pub fewest: f64,
}

impl Default for PortraitFound {
    fn default() -> Self {
        Self { eyes: 20.0, fewest: 10.0 }
    }
}

impl Check for PortraitFound {
    fn name(&self) -> CheckName {
        CheckName::PortraitFound
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let Some(document) = evidence.document() else {
            return Signal::new(self.name(), Outcome::NotRun, Code::NotMade);
        };
        let eyes = document.portrait.as_ref().map_or(0.0, |portrait| portrait.eye_distance);
        let (outcome, code) = if eyes >= self.eyes {
            (Outcome::Pass, Code::PortraitSeen)
        } else if eyes >= self.fewest {
            (Outcome::Warn, Code::PortraitSmall)
        } else {
            (Outcome::Fail, Code::PortraitNotSeen)
        };
        Signal::new(self.name(), outcome, code).measured(eyes, Measure::Eyes.held_to([self.eyes]))
    }
}
