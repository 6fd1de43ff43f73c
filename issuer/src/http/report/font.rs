//! What a report is written with: Helvetica for Latin text, which every reader of PDF files has, and for all other scripts
//! fonts of this machine, of which the glyphs that are used go into the file.
//!
//! Left out on purpose: scripts whose letters join or run from right to left. Their glyphs side by side would be wrong, so
//! they count as scripts that can not be drawn.

use std::path::{Path, PathBuf};

use ttf_parser::{Face, GlyphId};

/// Where Debian and its kin put fonts that have Japanese or many other scripts, in order of preference.
const WELL_KNOWN: [&str; 8] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipagp.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    "/usr/share/fonts/truetype/vlgothic/VL-PGothic-Regular.ttf",
    "/usr/share/fonts/truetype/fonts-japanese-gothic.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
];

/// Largest font file that is read, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Font files in order of preference, each read and found to be one.
#[derive(Default)]
pub(crate) struct Fonts(Vec<Vec<u8>>);

impl Fonts {
    /// The fonts that the operator named, else those of the well-known folders. What is no font, or may not be put into a
    /// file, is passed over and said in the log. Reads files.
    pub(crate) fn find(named: Option<&[PathBuf]>) -> Self {
        let known = || WELL_KNOWN.iter().map(PathBuf::from).filter(|path| path.exists()).collect::<Vec<_>>();
        let paths = named.map_or_else(known, <[PathBuf]>::to_vec);
        Self(paths.iter().filter_map(|path| read(path)).collect())
    }

    /// The parsed fonts.
    pub(super) fn faces(&self) -> Vec<(&[u8], Face<'_>)> {
        self.0.iter().filter_map(|data| Some((data.as_slice(), Face::parse(data, 0).ok()?))).collect()
    }

    /// Whether texts in Japanese can be written.
    pub(super) fn has_japanese(&self) -> bool {
        let faces = self.faces();
        "確認書の漢字カナ".chars().all(|c| faces.iter().any(|(_, face)| face.glyph_index(c).is_some()))
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let refuse = |why: &str| {
        tracing::warn!(font = %path.display(), why, "a font can not be used for reports");
        None
    };
    match std::fs::metadata(path) {
        Ok(file) if file.len() > LARGEST => return refuse("it is too large"),
        Ok(_) => {}
        Err(error) => return refuse(&error.to_string()),
    }
    let data = match std::fs::read(path) {
        Ok(data) => data,
        Err(error) => return refuse(&error.to_string()),
    };
    match Face::parse(&data, 0).map(|face| face.permissions()) {
        Ok(Some(ttf_parser::Permissions::Restricted)) => refuse("its licence does not let it be put into files"),
        // What can not be cut down to the glyphs that are used is of no use later either.
        Ok(_) if subsetter::subset(&data, 0, &subsetter::GlyphRemapper::new()).is_err() => {
            refuse("it can not be cut down")
        }
        Ok(_) => Some(data),
        Err(error) => refuse(&error.to_string()),
    }
}

/// Weight of Latin text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// A character as it is drawn, with its width in thousandths of the size.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Glyph {
    /// Of Helvetica, by its code in WinAnsi.
    Latin(u8, u16),
    /// Of one of the fonts.
    Face { font: usize, glyph: GlyphId, width: u16 },
}

impl Glyph {
    pub(super) fn width(self) -> f32 {
        let (Self::Latin(_, width) | Self::Face { width, .. }) = self;
        f32::from(width)
    }

    /// How a character is drawn; `None` where it can not be.
    pub(super) fn of(c: char, weight: Weight, faces: &[(&[u8], Face<'_>)]) -> Option<Self> {
        if let Some(code) = win_ansi(c) {
            return Some(Self::Latin(code, latin_width(code, weight)));
        }
        if !stands_alone(c) {
            return None;
        }
        faces.iter().enumerate().find_map(|(font, (_, face))| {
            let glyph = face.glyph_index(c)?;
            let units = u32::from(face.units_per_em().max(1));
            let width = u32::from(face.glyph_hor_advance(glyph)?) * 1000 / units;
            Some(Self::Face { font, glyph, width: u16::try_from(width).unwrap_or(1000) })
        })
    }
}

/// Whether a character stands by itself, from left to right: Latin, Greek, Cyrillic, Armenian, Georgian, signs, and what is
/// written in China, Japan and Korea.
fn stands_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x0100..=0x02FF | 0x0370..=0x058F | 0x10A0..=0x10FF | 0x1E00..=0x1FFF | 0x2010..=0x2027 | 0x2030..=0x205E
        | 0x2070..=0x20CF | 0x2100..=0x2BFF | 0x2E80..=0x303F | 0x3041..=0x33FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF01..=0xFFEE | 0x1F100..=0x1F1FF
        | 0x20000..=0x323AF)
}

/// The code of a character in WinAnsiEncoding (ISO 32000-1 annex D.2).
fn win_ansi(c: char) -> Option<u8> {
    match c {
        ' '..='~' | '\u{A0}'..='\u{AC}' | '\u{AE}'..='\u{FF}' => u8::try_from(u32::from(c)).ok(),
        '€' => Some(0x80),
        '…' => Some(0x85),
        '‘' => Some(0x91),
        '’' => Some(0x92),
        '“' => Some(0x93),
        '”' => Some(0x94),
        '•' => Some(0x95),
        '–' => Some(0x96),
        '—' => Some(0x97),
        _ => None,
    }
}

fn latin_width(code: u8, weight: Weight) -> u16 {
    let (table, signs) = match weight {
        Weight::Regular => (&REGULAR, [222, 333, 556]),
        Weight::Bold => (&BOLD, [278, 500, 556]),
    };
    match code {
        0x20..=0x7E => table[usize::from(code - 0x20)],
        0xA0..=0xFF => table[usize::from(code - 0xA0) + 95],
        0x91 | 0x92 => signs[0],
        0x93 | 0x94 => signs[1],
        0x85 | 0x97 => 1000,
        0x95 => 350,
        _ => signs[2],
    }
}

/// Widths of Helvetica for the codes 32 to 126 and 160 to 255 (Adobe Core 14 AFM files).
#[rustfmt::skip]
const REGULAR: [u16; 191] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 556, 537, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];

/// As [`REGULAR`], of Helvetica-Bold.
#[rustfmt::skip]
const BOLD: [u16; 191] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 611, 556, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278,
    611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];
