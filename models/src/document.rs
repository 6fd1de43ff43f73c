//! Identity documents: read the machine-readable zone, compare it with the printed text, find the portrait.
//!
//! Reads every document with a zone of ICAO Doc 9303 and a Latin visual zone, at any quarter turn. The reading is
//! [`Acceptance::Accepted`] only when nothing had to be repaired without proof and the visual zone says the same; all
//! else goes to a person, with the reasons. That is what keeps misread values out: names, sex and nationality have no
//! check digit, and some confusions (`G` and `6`) pass one.
//!
//! Left out: barcodes, the chip, documents without a zone, security features.

use jiff::civil::Date;

use crate::face::{self, Face, FaceError};
use crate::geometry::Point;
use crate::mrz::Mrz;
use crate::mrz::repair::Change;
use crate::ocr::{TextLine, centre, detect, recognise};
use crate::picture::Picture;
use crate::{Models, ModelsError};

pub mod eval;
mod quality;
mod visual;
mod zone;

pub use quality::PageQuality;
pub use visual::{Agreement, Printed, VisualField, VisualZone};

/// Least height of a zone's line as cut out, in pixels, for a reading to be accepted without a person.
pub const MIN_LINE_HEIGHT: f32 = 16.0;

/// What was read on a document.
#[derive(Debug, Clone)]
pub struct DocumentReading {
    /// The machine-readable zone, if one was found.
    pub mrz: Option<MrzReading>,
    /// The other lines of text. Reading stops, the smallest letters left out, once every value of the zone is found.
    pub lines: Vec<TextLine>,
    /// The zone's values as found in the other lines. Empty without a zone.
    pub visual: VisualZone,
    /// The largest face; `None` without one or when the face models are not loaded.
    pub portrait: Option<Portrait>,
    /// How usable the picture is.
    pub quality: PageQuality,
    /// How many quarter turns clockwise make the page upright, 0 to 3.
    pub quarter_turns: u8,
}

/// A machine-readable zone and how sure it is.
#[derive(Debug, Clone)]
pub struct MrzReading {
    /// The values, after the repair if there was one.
    pub mrz: Mrz,
    /// The lines as they were read, before any repair.
    pub read: Vec<String>,
    /// Whether and why the values can be trusted.
    pub certainty: Certainty,
    /// Other zones with right check digits that the picture does not rule out.
    pub rivals: usize,
    /// Smallest probability of a character that no check digit protects (codes, names, sex), 0 to 1.
    pub least_confidence: f32,
    /// A country code was chosen from the list against what its letters alone say.
    pub country_bent: bool,
    /// Corners of the lines, each top left, top right, bottom right, bottom left.
    pub quads: Vec<[Point; 4]>,
    /// Height of the lowest line in pixels.
    pub line_height: f32,
}

/// How the values of a zone came to have right check digits, or not.
#[derive(Debug, Clone, PartialEq)]
pub enum Certainty {
    /// All check digits were right as read.
    Certain,
    /// They are right after a change; confirmed when the visual zone shows exactly the changed values.
    Repaired {
        /// What was changed.
        changes: Vec<Change>,
        /// Whether the visual zone confirms the change.
        confirmed: bool,
    },
    /// Several changes would make them right and nothing tells which one is true. The values are as read.
    Ambiguous {
        /// How many proposals there are.
        proposals: usize,
    },
    /// Check digits are wrong and no change of look-alikes mends them.
    Failed,
}

/// The portrait on the page.
#[derive(Debug, Clone)]
pub struct Portrait {
    /// Upright part of the page around the face, with as much room again on every side.
    pub picture: Picture,
    /// The face, in pixels of [`Self::picture`].
    pub face: Face,
}

/// Whether the values may be used without a person looking at them.
#[derive(Debug, Clone, PartialEq)]
pub enum Acceptance {
    /// Zone and visual zone agree and every check holds.
    Accepted,
    /// A person, or a better picture, is needed.
    Review {
        /// Why, most serious first.
        doubts: Vec<Doubt>,
    },
}

/// A reason not to accept a reading.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Doubt {
    /// No machine-readable zone was found.
    #[error("no machine-readable zone was found")]
    NoZone,
    /// Check digits are wrong.
    #[error("the check digit of {field} is wrong")]
    CheckDigit {
        /// Name of the field.
        field: &'static str,
    },
    /// Several repairs are possible.
    #[error("{proposals} readings have right check digits")]
    AmbiguousRepair {
        /// How many.
        proposals: usize,
    },
    /// A repair that the visual zone does not confirm.
    #[error("characters had to be repaired and the printed text does not confirm it")]
    UnconfirmedRepair,
    /// Another valid reading is nearly as likely.
    #[error("another reading with right check digits is possible")]
    Rival,
    /// Issuer or nationality is not in the list of ICAO, or had to be bent to it.
    #[error("issuer or nationality is not clear")]
    Country,
    /// A character without a check digit was not seen clearly.
    #[error("a character that no check digit protects was not clear ({confidence:.2})")]
    Unclear {
        /// Its probability.
        confidence: f32,
    },
    /// The letters of the zone are too small.
    #[error("the letters of the machine-readable zone are {height:.0} pixels high, {needed:.0} are needed")]
    TooSmall {
        /// Measured height of a line.
        height: f32,
        /// [`MIN_LINE_HEIGHT`].
        needed: f32,
    },
    /// The printed text says something else.
    #[error("{field}: the zone and the printed text disagree")]
    Disagrees {
        /// Name of the field.
        field: &'static str,
    },
    /// The value was not found in the printed text.
    #[error("{field} was not found in the printed text")]
    NotRead {
        /// Name of the field.
        field: &'static str,
    },
}

impl DocumentReading {
    /// Whether the values may be used without a person. Expiry and policy are not judged here.
    pub fn acceptance(&self) -> Acceptance {
        let Some(reading) = &self.mrz else {
            return Acceptance::Review { doubts: vec![Doubt::NoZone] };
        };
        let mut doubts = Vec::new();
        match &reading.certainty {
            Certainty::Certain | Certainty::Repaired { confirmed: true, .. } => {}
            Certainty::Repaired { confirmed: false, .. } => doubts.push(Doubt::UnconfirmedRepair),
            Certainty::Ambiguous { proposals } => doubts.push(Doubt::AmbiguousRepair { proposals: *proposals }),
            Certainty::Failed => doubts.extend(
                reading
                    .mrz
                    .checks
                    .iter()
                    .filter(|check| !check.ok)
                    .map(|check| Doubt::CheckDigit { field: check.field.name() }),
            ),
        }
        for field in self.visual.fields() {
            match &field.agreement {
                Agreement::Agrees => {}
                Agreement::Disagrees { .. } => doubts.push(Doubt::Disagrees { field: field.field.name() }),
                Agreement::NotRead => doubts.push(Doubt::NotRead { field: field.field.name() }),
            }
        }
        if reading.rivals > 0 {
            doubts.push(Doubt::Rival);
        }
        if reading.country_bent || !reading.mrz.countries_known() {
            doubts.push(Doubt::Country);
        }
        if reading.least_confidence < zone::CLEAR {
            doubts.push(Doubt::Unclear { confidence: reading.least_confidence });
        }
        if reading.line_height < MIN_LINE_HEIGHT {
            doubts.push(Doubt::TooSmall { height: reading.line_height, needed: MIN_LINE_HEIGHT });
        }
        if doubts.is_empty() { Acceptance::Accepted } else { Acceptance::Review { doubts } }
    }
}

/// Reads a document. `today` settles the century of two-digit years.
///
/// Takes half a second to a second on two cores, twice that where no zone is found at first; belongs on a blocking
/// thread.
pub fn read(models: &Models, picture: &Picture, today: Date) -> Result<DocumentReading, ModelsError> {
    let detector = &models.document()?.detector;
    let recogniser = recognise::Recogniser::of(models)?;
    let (quads, faces) = rayon::join(|| detect::find(detector, picture, detect::Size::Fast), || faces(models, picture));
    let (mut quads, faces) = (quads?, faces?);
    let (mut found, mut known) = zone::find(&recogniser, picture, &quads, today)?;
    // A second, closer look where the first one did not settle it.
    if !found.as_ref().is_some_and(zone::Found::checks_hold) {
        let closer = detect::find(detector, picture, detect::Size::Full)?;
        let (again, read) = zone::find(&recogniser, picture, &closer, today)?;
        if again.is_some() || found.is_none() {
            (quads, found, known) = (closer, again, read);
        }
    }

    // Reading direction of the page: that of the zone, else left to right.
    let direction = found.as_ref().map_or(Point { x: 1.0, y: 0.0 }, zone::Found::direction);
    let quarter_turns = quarter_turns(direction);
    let others: Vec<[Point; 4]> = quads
        .iter()
        .filter(|quad| !found.as_ref().is_some_and(|found| found.covers(quad)))
        .map(|&quad| if found.is_some() { facing(quad, direction) } else { quad })
        .collect();
    let lines = zone::read_lines(&recogniser, picture, &others, &known, |lines| {
        found.as_ref().is_some_and(|found| found.is_matched_by(lines))
    })?;

    let (mrz, visual) = match found {
        Some(found) => {
            let (reading, visual) = found.settle(&lines, today);
            (Some(reading), visual)
        }
        None => (None, VisualZone::not_read()),
    };
    let (upright, faces) = if quarter_turns == 0 {
        (picture.clone(), faces)
    } else {
        let upright = picture.turned(quarter_turns);
        let faces = self::faces(models, &upright)?;
        (upright, faces)
    };
    let portrait = faces.into_iter().next().map(|face| portrait(&upright, &face));
    let quality = PageQuality::measure(picture, mrz.as_ref().map(|reading| reading.line_height));
    Ok(DocumentReading { mrz, lines, visual, portrait, quality, quarter_turns })
}

/// Faces on the page, largest first; none when the face models are not loaded.
fn faces(models: &Models, picture: &Picture) -> Result<Vec<Face>, ModelsError> {
    match face::detect(models, picture) {
        Ok(faces) => Ok(faces),
        Err(FaceError::Models(ModelsError::NotLoaded { .. })) => Ok(Vec::new()),
        Err(FaceError::Models(error)) => Err(error),
        // Detection alone refuses nothing.
        Err(_) => Ok(Vec::new()),
    }
}

/// Cuts out the face with as much room again on every side.
fn portrait(page: &Picture, face: &Face) -> Portrait {
    let room = face.bounds.width.max(face.bounds.height);
    let left = (face.bounds.x - room).max(0.0).floor();
    let top = (face.bounds.y - room).max(0.0).floor();
    let right = (face.bounds.x + face.bounds.width + room).ceil().max(left + 1.0);
    let bottom = (face.bounds.y + face.bounds.height + room).ceil().max(top + 1.0);
    let picture = page.crop(left as u32, top as u32, (right - left) as u32, (bottom - top) as u32);
    let mut face = face.clone();
    face.bounds.x -= left;
    face.bounds.y -= top;
    for point in &mut face.points {
        point.x -= left;
        point.y -= top;
    }
    Portrait { picture, face }
}

/// How many quarter turns clockwise bring the direction to the right.
fn quarter_turns(direction: Point) -> u8 {
    let quarter = (-direction.y.atan2(direction.x) / std::f32::consts::FRAC_PI_2).round() as i32;
    quarter.rem_euclid(4) as u8
}

/// The same rectangle with its corners counted so that its first side runs along `direction`.
fn facing(quad: [Point; 4], direction: Point) -> [Point; 4] {
    let along = |at: usize| {
        let (a, b) = (quad[at], quad[(at + 1) % 4]);
        let length = a.distance(b).max(1e-3);
        ((b.x - a.x) * direction.x + (b.y - a.y) * direction.y) / length
    };
    let first = (0..4).max_by(|&a, &b| along(a).total_cmp(&along(b))).unwrap_or(0);
    std::array::from_fn(|at| quad[(first + at) % 4])
}

/// Whether the middle of a rectangle lies inside another one, which is grown by a fifth of its height.
fn lies_in(quad: &[Point; 4], other: &[Point; 4]) -> bool {
    let (width, height) = crate::ocr::size(other);
    let (middle, centre) = (centre(quad), centre(other));
    let along =
        Point { x: (other[1].x - other[0].x) / width.max(1e-3), y: (other[1].y - other[0].y) / width.max(1e-3) };
    let (dx, dy) = (middle.x - centre.x, middle.y - centre.y);
    let (u, v) = (dx * along.x + dy * along.y, dy * along.x - dx * along.y);
    u.abs() <= width * 0.5 && v.abs() <= height * 0.4
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::civil::date;

    use super::*;
    use crate::Parts;
    use crate::geometry::Rect;
    use crate::mrz::Sex;
    use crate::specimen::{self, Fonts, Specimen};
    use crate::weights::Folder;

    const TODAY: Date = date(2026, 11, 22);

    /// The models, or `None` and a line that says why the test is skipped.
    fn models(test: &str, parts: Parts) -> Option<Models> {
        let models = Folder::from_environment().and_then(|folder| Models::load(&folder, parts).ok());
        if models.is_none() {
            println!("skipped: {test}: models are absent");
        }
        models
    }

    fn shared(test: &str) -> Option<PathBuf> {
        let folder = std::env::var_os("WARIFU_SHARED")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
        let there = folder.join("documents").is_dir();
        if !there {
            println!("skipped: {test}: shared data is absent");
        }
        there.then_some(folder)
    }

    /// A drawn passport with a grey square for a portrait, or `None` where Debian's fonts are not installed.
    fn drawn(test: &str, specimen: &Specimen) -> Option<Picture> {
        let read = |path: &str| std::fs::read(path).ok();
        let ocr_b = read("/usr/share/fonts/opentype/ocr-b/OCRB.otf");
        let sans = read("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf");
        let (Some(ocr_b), Some(sans)) = (ocr_b, sans) else {
            println!("skipped: {test}: fonts are absent");
            return None;
        };
        let fonts = Fonts::parse(&ocr_b, &sans).unwrap();
        Some(specimen::draw(specimen, &Picture::filled(300, 400, [160; 3]), &fonts).unwrap())
    }

    #[track_caller]
    fn evaluate(test: &str, list: &str, least: usize) {
        let Some((models, shared)) = models(test, Parts::DOCUMENT).zip(shared(test)) else { return };
        let folder = shared.join("documents");
        let csv = std::fs::read(folder.join(list)).unwrap();
        let (report, rows) = eval::run(&models, &csv, TODAY, |file| std::fs::read(folder.join(file))).unwrap();
        for row in rows.iter().filter(|row| !row.exact) {
            println!("{row:?}");
        }
        assert_eq!(report.wrong_accepted, 0, "{report:?}");
        assert!(report.exact >= least, "{report:?}");
        assert!(report.exact_accepted > 0, "{report:?}");
    }

    #[test]
    fn public_specimens_are_read() {
        evaluate("public_specimens_are_read", "expected.csv", 17);
    }

    #[test]
    fn synthetic_documents_are_read() {
        evaluate("synthetic_documents_are_read", "synthetic.csv", 22);
    }

    #[test]
    fn a_drawn_passport_is_accepted_at_every_quarter_turn() {
        let test = "a_drawn_passport_is_accepted_at_every_quarter_turn";
        let specimen = Specimen::fictional(1);
        let Some((models, page)) = models(test, Parts::DOCUMENT).zip(drawn(test, &specimen)) else { return };
        for turns in 0..4 {
            let reading = read(&models, &page.turned(turns), TODAY).unwrap();
            assert_eq!(reading.acceptance(), Acceptance::Accepted, "{turns} turns: {reading:?}");
            assert_eq!(reading.quarter_turns, (4 - turns) % 4);
            let place = reading.visual.birth_place.as_ref().map(|place| place.value.as_str());
            assert_eq!(place, Some(specimen.birth_place.as_str()), "{turns} turns: {:?}", reading.lines);
            let zone = reading.mrz.unwrap();
            assert_eq!(zone.mrz.lines, specimen.zone().unwrap());
            assert_eq!(zone.mrz.sex == Sex::Female, specimen.sex == Sex::Female);
        }
    }

    #[test]
    fn every_changed_value_is_noticed() {
        let test = "every_changed_value_is_noticed";
        let specimen = Specimen::fictional(2);
        let Some((models, page)) = models(test, Parts::DOCUMENT).zip(drawn(test, &specimen)) else { return };
        let mut forged = specimen.clone();
        forged.surname = "ANDERSSON".into();
        let Some(other) = drawn(test, &forged) else { return };
        // The print of one document over the zone of another.
        let mut mixed = page.clone();
        let split = page.height() * 3 / 4;
        mixed.paste(&other.crop(0, split, page.width(), page.height() - split), 0, split);
        let reading = read(&models, &mixed, TODAY).unwrap();
        assert!(matches!(reading.visual.surname.agreement, Agreement::Disagrees { .. }), "{:?}", reading.visual);
        assert!(matches!(reading.acceptance(), Acceptance::Review { .. }));
    }

    #[test]
    fn a_picture_without_a_zone_is_said_to_have_none() {
        let Some(models) = models("a_picture_without_a_zone_is_said_to_have_none", Parts::DOCUMENT) else { return };
        for picture in
            [Picture::filled(400, 300, [255; 3]), Picture::filled(1, 1, [0; 3]), Picture::filled(2000, 3, [9; 3])]
        {
            let reading = read(&models, &picture, TODAY).unwrap();
            assert!(reading.mrz.is_none());
            assert_eq!(reading.acceptance(), Acceptance::Review { doubts: vec![Doubt::NoZone] });
        }
    }

    #[test]
    fn a_face_keeps_its_place_in_the_portrait() {
        let page = Picture::filled(500, 400, [1; 3]);
        let bounds = Rect { x: 30.0, y: 200.0, width: 80.0, height: 80.0 };
        let face = Face { bounds, score: 0.9, points: [Point { x: 50.0, y: 220.0 }; 6] };
        let portrait = portrait(&page, &face);
        assert_eq!((portrait.picture.width(), portrait.picture.height()), (190, 240));
        assert_eq!((portrait.face.bounds.x, portrait.face.bounds.y), (30.0, 80.0));
        assert_eq!(portrait.face.points[0], Point { x: 50.0, y: 100.0 });
    }

    #[test]
    fn directions() {
        for (x, y, turns) in [(1.0, 0.0, 0), (0.9, 0.3, 0), (0.0, 1.0, 3), (-1.0, 0.1, 2), (0.0, -1.0, 1)] {
            assert_eq!(quarter_turns(Point { x, y }), turns, "{x} {y}");
        }
        let quad = [(10.0, 10.0), (90.0, 10.0), (90.0, 20.0), (10.0, 20.0)].map(|(x, y)| Point { x, y });
        assert_eq!(facing(quad, Point { x: 1.0, y: 0.1 }), quad);
        assert_eq!(facing(quad, Point { x: -1.0, y: 0.0 })[0], quad[2]);
        assert_eq!(facing(quad, Point { x: 0.0, y: 1.0 })[0], quad[1]);
    }
}
