//! Drawing a page: background, print, portrait, zone.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use jiff::civil::Date;

use crate::mrz::{Format, Sex};
use crate::picture::Picture;
use crate::specimen::{Fonts, Random, Specimen, SpecimenError};

/// Dots a millimetre at 300 dots an inch.
const MM: f32 = 300.0 / 25.4;
const INK: [u8; 3] = [15, 15, 20];
const BLUE: [u8; 3] = [20, 30, 90];
const GREY: [u8; 3] = [90, 90, 110];

/// Measures of a format in millimetres.
struct Layout {
    page: (f32, f32),
    portrait: (f32, f32),
    step: f32,
    label: f32,
    value: f32,
    title: &'static str,
}

fn layout(format: Format) -> Option<Layout> {
    let card = "IDENTITY CARD   SPECIMEN";
    match format {
        Format::Td3 => Some(Layout {
            page: (125.0, 88.0),
            portrait: (32.0, 42.0),
            step: 7.0,
            label: 1.5,
            value: 2.9,
            title: "PASSPORT / PASSEPORT   SPECIMEN",
        }),
        Format::Td2 => {
            Some(Layout { page: (105.0, 74.0), portrait: (26.0, 34.0), step: 5.6, label: 1.4, value: 2.6, title: card })
        }
        Format::Td1 => {
            Some(Layout { page: (85.6, 54.0), portrait: (24.0, 31.0), step: 5.2, label: 1.3, value: 2.4, title: card })
        }
        Format::MrvA | Format::MrvB => None,
    }
}

/// Where the portrait stands, in pixels of the page: left, top, width, height. `None` for formats that are not drawn.
pub fn portrait_box(format: Format) -> Option<(u32, u32, u32, u32)> {
    let layout = layout(format)?;
    Some(((4.0 * MM) as u32, (11.0 * MM) as u32, (layout.portrait.0 * MM) as u32, (layout.portrait.1 * MM) as u32))
}

/// Draws the page. A card has its front above and its back, with the zone, below.
///
/// `portrait` fills its window, cut at the longer side; give it as head and shoulders
/// ([`crate::face`] finds the face, [`head_and_shoulders`] cuts). Errors: visas are not drawn; a value does not fit into
/// the zone.
pub fn draw(specimen: &Specimen, portrait: &Picture, fonts: &Fonts<'_>) -> Result<Picture, SpecimenError> {
    let layout = layout(specimen.format).ok_or(SpecimenError::Format { format: specimen.format.name() })?;
    let zone = specimen.zone()?;
    let (width, height) = ((layout.page.0 * MM) as u32, (layout.page.1 * MM) as u32);
    let mut random = Random::new(specimen.number.bytes().fold(7, |sum, byte| sum * 31 + u64::from(byte)));
    let mut front = background(width, height, &mut random);

    text(&mut front, &fonts.sans, 4.0, 3.0, 4.2, BLUE, "UTOPIA");
    text(&mut front, &fonts.sans, 24.0, 3.9, 2.8, BLUE, layout.title);

    if let Some((x, y, w, h)) = portrait_box(specimen.format) {
        front.paste(&filled(portrait, w, h), x, y);
    }
    let left = 4.0 + layout.portrait.0 + 4.0;
    let sex = match specimen.sex {
        Sex::Male => "M",
        Sex::Female => "F",
        Sex::Unspecified => "X",
    };
    let rows: [(f32, usize, &str, &str); 8] = [
        (0.0, 0, "Surname / Nom", &specimen.surname),
        (0.0, 1, "Given names / Prénoms", &specimen.given_names),
        (0.0, 2, "Nationality / Nationalité", "UTOPIAN"),
        (0.0, 3, "Date of birth / Date de naissance", &printed(specimen.birth_date)),
        (0.0, 4, "Sex / Sexe", sex),
        (0.0, 5, "Date of issue / Date de délivrance", &printed(specimen.issued)),
        (0.0, 6, "Date of expiry / Date d'expiration", &printed(specimen.expiry)),
        (0.5, 4, "Document No. / No. du document", &specimen.number),
    ];
    // Cards are too low for the date of issue and have the number beside the sex; all else is the same.
    let room = layout.page.0 - left - 4.0;
    let last = if specimen.format == Format::Td3 { 7 } else { 6 };
    for (across, row, label, value) in rows {
        let row = match (last, row) {
            (6, 5) => continue,
            (6, 6) => 5,
            (_, row) => row,
        };
        let (x, y) = (left + room * across, 11.0 + row as f32 * layout.step);
        text(&mut front, &fonts.sans, x, y, layout.label, GREY, label);
        text(&mut front, &fonts.sans, x, y + layout.label * 1.35, layout.value, INK, value);
    }
    if specimen.format == Format::Td3 {
        // Larger than the other labels: a place of birth is only found by its label, so the label has to be read.
        let (x, y) = (left + room * 0.5, 11.0 + 2.8 * layout.step);
        text(&mut front, &fonts.sans, x, y, layout.value * 0.75, INK, "Place of birth / Lieu de naissance");
        let y = 11.0 + 3.0 * layout.step + layout.label * 1.35;
        text(&mut front, &fonts.sans, x, y, layout.value, INK, &specimen.birth_place);
    }

    if specimen.format != Format::Td1 {
        zone_lines(&mut front, fonts, &zone, layout.page, 1.0);
        return Ok(front);
    }
    let mut back = background(width, height, &mut random);
    text(&mut back, &fonts.sans, 4.0, 6.0, 2.8, BLUE, "UTOPIA   SPECIMEN");
    zone_lines(&mut back, fonts, &zone, layout.page, 0.965);
    let gap = (4.0 * MM) as u32;
    let mut both = Picture::filled(width, 2 * height + gap, [255; 3]);
    both.paste(&front, 0, 0);
    both.paste(&back, 0, height + gap);
    Ok(both)
}

/// The part of a picture that a passport shows: the face is half as wide as the result, its eyes above the middle.
///
/// `eyes` are the two eyes in pixels of the picture. The result has the aspect of a TD3 portrait window and is at least
/// as large as that; what lies beyond the picture repeats its edge.
pub fn head_and_shoulders(picture: &Picture, eyes: [crate::geometry::Point; 2]) -> Picture {
    let (_, _, width, height) = portrait_box(Format::Td3).unwrap_or((0, 0, 378, 496));
    // ISO/IEC 19794-5: the eyes are a quarter of the picture's width apart, their line at about 0.45 of its height.
    let distance = eyes[0].distance(eyes[1]).max(1.0);
    let scale = distance / (0.25 * width as f32);
    let middle = eyes[0].middle(eyes[1]);
    let map = crate::geometry::Affine {
        x: [scale, 0.0, middle.x - scale * width as f32 * 0.5],
        y: [0.0, scale, middle.y - scale * height as f32 * 0.45],
    };
    picture.warp_affine(&map, width, height, crate::picture::Edge::Nearest)
}

/// `12 AUG 1974`.
fn printed(date: Date) -> String {
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let month = MONTHS.get(usize::from(date.month().unsigned_abs()).saturating_sub(1)).unwrap_or(&"");
    format!("{:02} {month} {:04}", date.day(), date.year())
}

/// Pale ground with fine waves.
fn background(width: u32, height: u32, random: &mut Random) -> Picture {
    let base = [205 + random.below(31), 215 + random.below(26), 215 + random.below(31)].map(|value| value as u8);
    let mut page = Picture::filled(width, height, base);
    for _ in 0..26 {
        let (swing, pitch, phase) = (random.between(4.0, 20.0), random.between(0.004, 0.02), random.between(0.0, 6.3));
        let (y, darker) = (random.between(0.0, height as f32), 10 + random.below(31) as u8);
        for x in 0..width {
            let at = y + swing * (pitch * x as f32 + phase).sin();
            for (row, share) in [(at.floor(), 1.0 - at.fract()), (at.floor() + 1.0, at.fract())] {
                blend(&mut page, x as i64, row as i64, base.map(|value| value - darker), share);
            }
        }
    }
    page
}

/// The zone on its pale band: ten characters an inch, 4.25 mm between lines (Doc 9303 part 3, section 4).
fn zone_lines(page: &mut Picture, fonts: &Fonts<'_>, lines: &[String], size: (f32, f32), condensed: f32) {
    let pitch = 2.54 * condensed;
    let top = size.1 - (lines.len() as f32 * 4.25 + 3.4);
    let band = ((top - 2.2) * MM).max(0.0) as u32;
    let ground = Picture::filled(page.width(), page.height() - band.min(page.height() - 1), [244, 244, 240]);
    page.paste(&ground, 0, band);
    for (row, line) in lines.iter().enumerate() {
        let left = (size.0 - line.len() as f32 * pitch) / 2.0;
        let baseline = (top + row as f32 * 4.25 + 3.2) * MM;
        for (column, character) in line.chars().enumerate() {
            let centre = (left + (column as f32 + 0.5) * pitch) * MM;
            glyph(page, &fonts.ocr_b, character, 3.55 * MM, centre, baseline, [10; 3]);
        }
    }
}

/// Scale at which one em is `size` pixels: the library counts the height from ascender to descender.
fn em(font: &FontRef<'_>, size: f32) -> PxScale {
    let units = font.units_per_em().unwrap_or(1000.0);
    PxScale::from(size * font.height_unscaled() / units)
}

/// One character, centred on its advance.
fn glyph(
    page: &mut Picture,
    font: &FontRef<'_>,
    character: char,
    size: f32,
    centre: f32,
    baseline: f32,
    colour: [u8; 3],
) {
    let scaled = font.as_scaled(em(font, size));
    let id = font.glyph_id(character);
    let left = centre - scaled.h_advance(id) / 2.0;
    outline(page, font, id.with_scale_and_position(em(font, size), point(left, baseline)), colour);
}

/// A line of print; measures in millimetres from the top left, `size` is the em.
fn text(page: &mut Picture, font: &FontRef<'_>, x: f32, y: f32, size: f32, colour: [u8; 3], text: &str) {
    let scale = em(font, size * MM);
    let scaled = font.as_scaled(scale);
    let baseline = y * MM + scaled.ascent();
    let mut pen = x * MM;
    let mut last = None;
    for character in text.chars() {
        let id = font.glyph_id(character);
        if let Some(last) = last {
            pen += scaled.kern(last, id);
        }
        outline(page, font, id.with_scale_and_position(scale, point(pen, baseline)), colour);
        pen += scaled.h_advance(id);
        last = Some(id);
    }
}

fn outline(page: &mut Picture, font: &FontRef<'_>, glyph: ab_glyph::Glyph, colour: [u8; 3]) {
    let Some(outline) = font.outline_glyph(glyph) else { return };
    let bounds = outline.px_bounds();
    let (left, top) = (bounds.min.x as i64, bounds.min.y as i64);
    outline.draw(|x, y, share| blend(page, left + i64::from(x), top + i64::from(y), colour, share));
}

fn blend(page: &mut Picture, x: i64, y: i64, colour: [u8; 3], share: f32) {
    let (width, height) = (i64::from(page.width()), i64::from(page.height()));
    if !(0..width).contains(&x) || !(0..height).contains(&y) {
        return;
    }
    let at = ((y * width + x) * 3) as usize;
    for (value, colour) in page.rgb_mut()[at..at + 3].iter_mut().zip(colour) {
        let mixed = f32::from(*value) + (f32::from(colour) - f32::from(*value)) * share.clamp(0.0, 1.0);
        *value = (mixed + 0.5) as u8;
    }
}

/// The picture scaled to cover `width` x `height`, cut equally on both sides and at the bottom.
fn filled(picture: &Picture, width: u32, height: u32) -> Picture {
    let scale = (width as f32 / picture.width() as f32).max(height as f32 / picture.height() as f32);
    let side = |side: u32, least: u32| ((side as f32 * scale).ceil() as u32).max(least);
    let scaled = picture.resize(side(picture.width(), width), side(picture.height(), height));
    scaled.crop((scaled.width() - width) / 2, 0, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_printed_with_the_month_in_letters() {
        assert_eq!(printed(jiff::civil::date(1974, 8, 2)), "02 AUG 1974");
    }

    #[test]
    fn the_portrait_covers_its_window() {
        for (width, height) in [(10, 10), (500, 100), (100, 500), (1, 1)] {
            let out = filled(&Picture::filled(width, height, [9; 3]), 40, 50);
            assert_eq!((out.width(), out.height()), (40, 50));
        }
    }

    #[test]
    fn eyes_are_where_a_passport_has_them() {
        let mut picture = Picture::filled(400, 400, [200; 3]);
        let eyes = [(150.0, 120.0), (210.0, 120.0)].map(|(x, y)| crate::geometry::Point { x, y });
        for eye in eyes {
            picture.paste(&Picture::filled(5, 5, [0; 3]), eye.x as u32 - 2, eye.y as u32 - 2);
        }
        let out = head_and_shoulders(&picture, eyes);
        let (width, height) = (out.width() as f32, out.height() as f32);
        for side in [0.375, 0.625] {
            assert!(out.pixel((width * side) as u32, (height * 0.45) as u32)[0] < 60);
        }
        assert!(width * 0.25 >= 60.0);
    }
}
