//! From a line cut out of a picture to probabilities of characters.

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::geometry::Point;
use crate::mrz::decode::{Step, index};
use crate::picture::{Edge, Picture};
use crate::plan::Network;
use crate::{Models, ModelsError};

/// Height of the network's input.
const HEIGHT: u32 = 48;
/// Pixels a time step.
const STEP: usize = 8;
/// Widest line: eighty times as long as high.
const WIDEST: u32 = 48 * 80;
const NAME: &str = "ppocrv6-rec-small";

/// The network with its character list.
pub(crate) struct Recogniser<'a> {
    network: &'a Network,
    /// Class 0 is the blank; the last one is the space.
    characters: Vec<String>,
    /// Class to place in the alphabet of zones, for classes that mean such a character.
    zone: HashMap<usize, usize>,
}

/// What the network saw: for each time step a probability of each class.
pub(crate) struct Seen {
    steps: usize,
    classes: usize,
    values: Zeroizing<Vec<f32>>,
}

impl<'a> Recogniser<'a> {
    /// With the character list from the metadata of the model.
    pub(crate) fn of(models: &'a Models) -> Result<Self, ModelsError> {
        let network = &models.document()?.recogniser;
        let list = network.metadata("character").ok_or_else(|| ModelsError::Malformed {
            model: NAME,
            reason: "no character list in the metadata".into(),
        })?;
        // Some entries are odd spaces, so only the line feed separates.
        let characters: Vec<String> =
            std::iter::once("").chain(list.split('\n')).chain([" "]).map(str::to_owned).collect();
        let zone = characters
            .iter()
            .enumerate()
            .filter_map(|(class, text)| {
                let byte = match text.as_str() {
                    "\u{ff1c}" | "\u{2039}" | "\u{3008}" => b'<',
                    _ => match text.as_bytes() {
                        [byte] => byte.to_ascii_uppercase(),
                        _ => return None,
                    },
                };
                Some((class, index(byte)?))
            })
            .collect();
        Ok(Self { network, characters, zone })
    }

    /// Cuts the line out and runs the network on it.
    ///
    /// Narrow inputs are padded with grey up to a few fixed widths, so that few plans are needed.
    pub(crate) fn read(&self, picture: &Picture, quad: [Point; 4]) -> Result<Seen, ModelsError> {
        let (width, height) = crate::ocr::size(&quad);
        let (width, height) = (width.round().clamp(1.0, 8192.0), height.round().clamp(1.0, 2048.0));
        let Some(line) = picture.straighten(quad, width as u32, height as u32, Edge::Nearest) else {
            return Ok(Seen { steps: 0, classes: 0, values: Zeroizing::new(Vec::new()) });
        };
        let target = ((HEIGHT as f32 * width / height).ceil() as u32).clamp(16, WIDEST);
        let (content, input_width) = fit(target);
        let line = line.resize(content, HEIGHT);
        let plane = line.planes([2, 1, 0], 1.0 / 127.5, -1.0);
        let mut input = Zeroizing::new(vec![0f32; 3 * (HEIGHT * input_width) as usize]);
        for (to, from) in input.chunks_exact_mut(input_width as usize).zip(plane.chunks_exact(content as usize)) {
            to[..from.len()].copy_from_slice(from);
        }
        drop(Zeroizing::new(plane));
        let mut outputs = self.network.run(&[1, 3, HEIGHT as usize, input_width as usize], &input)?;
        let output = if outputs.is_empty() { None } else { Some(outputs.swap_remove(0)) };
        match output {
            Some(output) if output.shape.len() == 3 && output.shape[2] == self.characters.len() => {
                let steps = output.shape[1].min((content as usize).div_ceil(STEP) + 1);
                Ok(Seen { steps, classes: output.shape[2], values: output.values })
            }
            _ => Err(ModelsError::Network { model: NAME, reason: "unexpected output".into() }),
        }
    }
}

/// Width to which the line is scaled, and width of the network's input.
///
/// Each width is a plan of its own, of which only a few are kept: short lines are padded up to one of five widths, long
/// ones are stretched by at most a tenth to a multiple of 128.
fn fit(target: u32) -> (u32, u32) {
    match WIDTHS.into_iter().find(|&width| width >= target) {
        Some(width) => (target, width),
        None => {
            let width = ((target as f32 / 128.0).round() as u32 * 128).max(640);
            (width, width)
        }
    }
}

/// Widths to which short lines are padded.
const WIDTHS: [u32; 5] = [96, 160, 256, 384, 576];

impl Seen {
    fn step(&self, time: usize) -> &[f32] {
        &self.values[time * self.classes..(time + 1) * self.classes]
    }

    /// The likeliest class at each step, repetitions and blanks removed, and the mean probability of what is left.
    pub(crate) fn greedy(&self, recogniser: &Recogniser<'_>) -> (String, f32) {
        let mut text = String::new();
        let (mut sum, mut count, mut last) = (0.0, 0u32, 0);
        for time in 0..self.steps {
            let mut best = (0, f32::MIN);
            for (class, &value) in self.step(time).iter().enumerate() {
                if value > best.1 {
                    best = (class, value);
                }
            }
            if best.0 != 0 && best.0 != last {
                text.push_str(&recogniser.characters[best.0]);
                sum += best.1;
                count += 1;
            }
            last = best.0;
        }
        (text, if count == 0 { 0.0 } else { sum / count as f32 })
    }

    /// The steps as the reading of zones needs them: classes that mean the same character are added up.
    pub(crate) fn zone(&self, recogniser: &Recogniser<'_>) -> Vec<Step> {
        (0..self.steps)
            .map(|time| {
                let step = self.step(time);
                let mut characters = [0f32; 37];
                for (&class, &at) in &recogniser.zone {
                    characters[at] += step[class];
                }
                Step { blank: step[0], characters }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_few_and_wide_enough() {
        let mut widths = std::collections::BTreeSet::new();
        for target in 16..=1500 {
            let (content, width) = fit(target);
            assert!(content <= width && width % 8 == 0);
            assert!((content as f32 / target as f32 - 1.0).abs() < 0.115, "{target}: {content}");
            widths.insert(width);
        }
        assert!(widths.len() <= 13, "{widths:?}");
    }
}
