//! How usable a picture of a page is: sharpness, glare, exposure, size of the letters.

use crate::picture::Picture;

/// Measured on the whole picture; thresholds are the caller's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageQuality {
    /// Sharpness: variance of the Laplacian of the brightness (0 to 255) at a longer side of at most 1024 pixels.
    /// Below about 50 letters run together.
    pub sharpness: f32,
    /// Share of pixels of which all three colours are at least 250, 0 to 1.
    pub glare: f32,
    /// Mean brightness, 0 to 255.
    pub brightness: f32,
    /// Height of the lowest line of the machine-readable zone as cut out, in pixels.
    pub line_height: Option<f32>,
}

impl PageQuality {
    pub(super) fn measure(picture: &Picture, line_height: Option<f32>) -> Self {
        let scale = (1024.0 / picture.width().max(picture.height()) as f32).min(1.0);
        let side = |side: u32| ((side as f32 * scale).round() as u32).max(1);
        let small = picture.resize(side(picture.width()), side(picture.height()));
        let (pixels, _) = small.rgb().as_chunks::<3>();
        let count = pixels.len().max(1) as f32;
        let glare = pixels.iter().filter(|pixel| pixel.iter().all(|&value| value >= 250)).count() as f32 / count;
        let luma = small.luma();
        let brightness = luma.iter().map(|&value| f64::from(value)).sum::<f64>() as f32 / count;
        Self { sharpness: sharpness(&luma, small.width() as usize), glare, brightness, line_height }
    }
}

fn sharpness(luma: &[u8], width: usize) -> f32 {
    let height = luma.len() / width.max(1);
    let (mut sum, mut squares, mut count) = (0f64, 0f64, 0f64);
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = |dx: usize, dy: usize| f64::from(luma[(y + dy - 1) * width + x + dx - 1]);
            let value = at(0, 1) + at(2, 1) + at(1, 0) + at(1, 2) - 4.0 * at(1, 1);
            sum += value;
            squares += value * value;
            count += 1.0;
        }
    }
    if count == 0.0 { 0.0 } else { (squares / count - (sum / count).powi(2)) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sharp_and_flat_pages_differ() {
        let flat = PageQuality::measure(&Picture::filled(64, 48, [255, 255, 255]), None);
        assert_eq!((flat.sharpness, flat.glare, flat.brightness), (0.0, 1.0, 255.0));
        let checks = (0..64 * 48).flat_map(|at| [if (at / 4 + at / 256) % 2 == 0 { 30 } else { 200 }; 3]).collect();
        let sharp = PageQuality::measure(&Picture::from_rgb(64, 48, checks).unwrap(), Some(20.0));
        assert!(sharp.sharpness > 500.0 && sharp.glare == 0.0, "{sharp:?}");
        PageQuality::measure(&Picture::filled(1, 1, [0; 3]), None);
    }
}
