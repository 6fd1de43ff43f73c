//! Text, rows and pictures on pages of A4, written as a PDF file (ISO 32000-1). Says nothing of its own; equal calls make
//! equal files.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Date, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use subsetter::GlyphRemapper;
use ttf_parser::Face;

use super::font::{Fonts, Glyph, Weight};

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 56.0;
const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;
/// Where the text of a page begins and ends, from below.
const TOP: f32 = PAGE.1 - 84.0;
const BOTTOM: f32 = 64.0;
/// Width of the labels of rows.
const LABEL: f32 = 150.0;

const SYSTEM: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// How a piece of text looks.
#[derive(Clone, Copy)]
pub(super) struct Style {
    size: f32,
    weight: Weight,
    grey: f32,
}

impl Style {
    pub(super) const TITLE: Self = Self { size: 20.0, weight: Weight::Bold, grey: 0.0 };
    pub(super) const HEADING: Self = Self { size: 13.0, weight: Weight::Bold, grey: 0.0 };
    pub(super) const STRONG: Self = Self { size: 9.5, weight: Weight::Bold, grey: 0.0 };
    pub(super) const TEXT: Self = Self { size: 9.5, weight: Weight::Regular, grey: 0.0 };
    pub(super) const SOFT: Self = Self { size: 8.5, weight: Weight::Regular, grey: 0.35 };
    const BAND: Self = Self { size: 11.0, weight: Weight::Bold, grey: 0.0 };

    fn leading(self) -> f32 {
        self.size * 1.4
    }
}

/// A JPEG picture in three colours.
pub(super) struct Picture {
    pub(super) caption: String,
    pub(super) jpeg: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
}

enum Mark {
    Text { x: f32, y: f32, style: Style, glyphs: Vec<Glyph> },
    Rule { y: f32 },
    Picture { at: usize, x: f32, y: f32, width: f32, height: f32 },
}

/// What stands on every page.
pub(super) struct Frame {
    /// Above the text, on the left.
    pub(super) header: String,
    /// A band above everything, or nothing.
    pub(super) band: Option<String>,
    /// Below the text, given the number of the page and of all pages.
    pub(super) footer: Box<dyn Fn(usize, usize) -> String>,
    /// Title of the file.
    pub(super) title: String,
    /// Language of the text (BCP 47).
    pub(super) language: &'static str,
    /// When it was made.
    pub(super) at: Timestamp,
}

/// Pages in the making.
pub(super) struct Paper<'f> {
    faces: Vec<(&'f [u8], Face<'f>)>,
    used: Vec<(GlyphRemapper, BTreeMap<u16, char>)>,
    frame: Frame,
    pages: Vec<Vec<Mark>>,
    pictures: Vec<Picture>,
    y: f32,
    undrawn: bool,
}

impl<'f> Paper<'f> {
    pub(super) fn new(fonts: &'f Fonts, frame: Frame) -> Self {
        let faces = fonts.faces();
        let used = faces.iter().map(|_| (GlyphRemapper::new(), BTreeMap::new())).collect();
        Self { faces, used, frame, pages: vec![Vec::new()], pictures: Vec::new(), y: TOP, undrawn: false }
    }

    /// Whether some character had to be written as its code point.
    pub(super) fn has_undrawn(&self) -> bool {
        self.undrawn
    }

    /// Whether every character of a text can be drawn.
    pub(super) fn draws(&self, text: &str) -> bool {
        clean(text).chars().all(|c| Glyph::of(c, Weight::Regular, &self.faces).is_some())
    }

    /// A paragraph over the whole width.
    pub(super) fn text(&mut self, text: &str, style: Style) {
        self.lines(MARGIN, WIDTH, text, style);
    }

    /// A heading, on one page with at least the beginning of what it is above.
    pub(super) fn heading(&mut self, text: &str) {
        self.y -= 14.0;
        self.room(80.0);
        self.text(text, Style::HEADING);
        self.mark(Mark::Rule { y: self.y - 5.0 });
        self.y -= 10.0;
    }

    /// A label with its value beside it.
    pub(super) fn row(&mut self, label: &str, value: &str) {
        self.room(Style::TEXT.leading() * 2.0);
        let (page, top) = (self.pages.len(), self.y);
        self.lines(MARGIN, LABEL - 12.0, label, Style::SOFT);
        let below = (self.pages.len(), self.y);
        // The value begins where the label began, which a label of few lines does not leave.
        if page == self.pages.len() {
            self.y = top;
        }
        self.lines(MARGIN + LABEL, WIDTH - LABEL, value, Style::TEXT);
        if below.0 == self.pages.len() {
            self.y = self.y.min(below.1);
        }
        self.y -= 3.0;
    }

    /// Room between two things, of which the second begins on a page where some of it fits.
    pub(super) fn gap(&mut self) {
        self.y -= 6.0;
        self.room(48.0);
    }

    /// Pictures beside each other, each above its caption.
    pub(super) fn pictures(&mut self, pictures: Vec<Picture>) {
        const HEIGHT: f32 = 150.0;
        if pictures.is_empty() {
            return;
        }
        self.room(HEIGHT + 40.0);
        let (top, mut x) = (self.y, MARGIN);
        let mut lowest = top;
        for picture in pictures {
            #[expect(clippy::cast_precision_loss, reason = "pixels, for a ratio")]
            let ratio = picture.width.max(1) as f32 / picture.height.max(1) as f32;
            let (width, height) = (HEIGHT * ratio, HEIGHT);
            let scale = (((WIDTH - 24.0) / 2.0) / width).min(1.0);
            let (width, height) = (width * scale, height * scale);
            self.mark(Mark::Picture { at: self.pictures.len(), x, y: top - height, width, height });
            self.y = top - height - 6.0;
            self.lines(x, width.max(140.0), &picture.caption, Style::SOFT);
            lowest = lowest.min(self.y);
            x += width.max(140.0) + 24.0;
            self.pictures.push(picture);
        }
        self.y = lowest - 6.0;
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Goes to the next page unless so much is left on this one.
    fn room(&mut self, height: f32) {
        if self.y - height < BOTTOM {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
    }

    fn lines(&mut self, x: f32, width: f32, text: &str, style: Style) {
        for line in self.broken(text, style, width) {
            self.room(style.leading());
            self.y -= style.leading();
            let y = self.y;
            self.mark(Mark::Text { x, y, style, glyphs: line });
        }
    }

    /// The glyphs of a text, in lines of at most this width.
    fn broken(&mut self, text: &str, style: Style, width: f32) -> Vec<Vec<Glyph>> {
        let mut drawn: Vec<(char, Glyph)> = Vec::new();
        for c in clean(text).chars() {
            match self.glyph(c, style.weight) {
                Some(glyph) => drawn.push((c, glyph)),
                None => {
                    self.undrawn = true;
                    let code = format!("[U+{:04X}]", u32::from(c));
                    drawn.extend(code.chars().filter_map(|c| Some((c, self.glyph(c, style.weight)?))));
                }
            }
        }
        let most = width * 1000.0 / style.size;
        let mut lines = Vec::new();
        let mut begin = 0;
        while begin < drawn.len() {
            let (mut end, mut wide) = (begin, 0.0);
            while end < drawn.len() && wide + drawn[end].1.width() <= most {
                wide += drawn[end].1.width();
                end += 1;
            }
            // One glyph at least, however narrow the column.
            let mut end = end.max(begin + 1);
            if end < drawn.len() {
                let may_break = |at: usize| breaks(drawn[at - 1].0, drawn[at].0);
                end = (begin + 1..=end).rev().find(|at| may_break(*at)).unwrap_or(end);
            }
            let line: Vec<Glyph> = drawn[begin..end].iter().map(|(_, glyph)| *glyph).collect();
            lines.push(line);
            begin = end;
            while begin < drawn.len() && drawn[begin].0 == ' ' {
                begin += 1;
            }
        }
        lines
    }

    fn glyph(&mut self, c: char, weight: Weight) -> Option<Glyph> {
        let glyph = Glyph::of(c, weight, &self.faces)?;
        if let Glyph::Face { font, glyph, .. } = glyph {
            let (remapper, characters) = &mut self.used[font];
            characters.insert(remapper.remap(glyph.0), c);
        }
        Some(glyph)
    }

    /// The file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.furnish();
        let mut next = 0;
        let mut fresh = || {
            next += 1;
            Ref::new(next)
        };
        let mut pdf = Pdf::new();
        let (catalog, tree, info) = (fresh(), fresh(), fresh());
        let latin = [fresh(), fresh()];
        let fonts: Vec<Ref> = self.faces.iter().map(|_| fresh()).collect();
        let pictures: Vec<Ref> = self.pictures.iter().map(|_| fresh()).collect();
        let pages: Vec<(Ref, Ref)> = self.pages.iter().map(|_| (fresh(), fresh())).collect();
        pdf.catalog(catalog).pages(tree).lang(TextStr(self.frame.language));
        pdf.pages(tree).kids(pages.iter().map(|(page, _)| *page)).count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
        pdf.document_info(info)
            .title(TextStr(&self.frame.title))
            .producer(TextStr("Warifu"))
            .creation_date(date(self.frame.at));
        for (id, name) in latin.iter().zip(["Helvetica", "Helvetica-Bold"]) {
            pdf.type1_font(*id).base_font(Name(name.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        let mut embedded = Vec::new();
        for (n, ((data, face), (remapper, characters))) in self.faces.iter().zip(&self.used).enumerate() {
            if !characters.is_empty() && embed(&mut pdf, &mut fresh, fonts[n], (data, face), remapper, characters) {
                embedded.push(n);
            }
        }
        for (id, picture) in pictures.iter().zip(&self.pictures) {
            let mut image = pdf.image_xobject(*id, &picture.jpeg);
            image.filter(Filter::DctDecode);
            image.width(i32::try_from(picture.width).unwrap_or(1));
            image.height(i32::try_from(picture.height).unwrap_or(1));
            image.color_space().device_rgb();
            image.bits_per_component(8);
        }
        for ((page, contents), marks) in pages.iter().zip(&self.pages) {
            let mut written = pdf.page(*page);
            written.parent(tree).media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).contents(*contents);
            let mut resources = written.resources();
            let mut names = resources.fonts();
            names.pair(Name(b"L0"), latin[0]).pair(Name(b"L1"), latin[1]);
            for n in &embedded {
                names.pair(Name(format!("F{n}").as_bytes()), fonts[*n]);
            }
            names.finish();
            let mut images = resources.x_objects();
            for (n, id) in pictures.iter().enumerate() {
                images.pair(Name(format!("I{n}").as_bytes()), *id);
            }
            images.finish();
            resources.finish();
            written.finish();
            let bytes = deflated(&self.content(marks, &embedded));
            pdf.stream(*contents, &bytes).filter(Filter::FlateDecode);
        }
        pdf.finish()
    }

    /// Writes what stands on every page, now that it is known how many there are.
    fn furnish(&mut self) {
        let all = self.pages.len();
        let (header, band) = (self.frame.header.clone(), self.frame.band.clone());
        for at in 0..all {
            let footer = (self.frame.footer)(at + 1, all);
            let pieces = [
                (Some(header.clone()), PAGE.1 - 56.0, Style::SOFT),
                (band.clone(), PAGE.1 - 36.0, Style::BAND),
                (Some(footer), 36.0, Style::SOFT),
            ];
            for (text, y, style) in pieces {
                let line = self.broken(&text.unwrap_or_default(), style, WIDTH).into_iter().next();
                self.pages[at].extend(line.map(|glyphs| Mark::Text { x: MARGIN, y, style, glyphs }));
            }
        }
    }

    fn content(&self, marks: &[Mark], embedded: &[usize]) -> Vec<u8> {
        let mut content = Content::new();
        for mark in marks {
            match mark {
                Mark::Rule { y } => {
                    content.set_stroke_gray(0.75).set_line_width(0.5);
                    content.move_to(MARGIN, *y).line_to(MARGIN + WIDTH, *y).stroke();
                }
                Mark::Picture { at, x, y, width, height } => {
                    content.save_state().transform([*width, 0.0, 0.0, *height, *x, *y]);
                    content.x_object(Name(format!("I{at}").as_bytes())).restore_state();
                }
                Mark::Text { x, y, style, glyphs } => {
                    content.begin_text().set_fill_gray(style.grey).next_line(*x, *y);
                    for run in glyphs.chunk_by(|a, b| font_of(*a) == font_of(*b)) {
                        let (name, bytes) = self.run(run, *style, embedded);
                        content.set_font(Name(name.as_bytes()), style.size).show(Str(&bytes));
                    }
                    content.end_text();
                }
            }
        }
        content.finish().to_vec()
    }

    /// Name of the font and codes of glyphs that share one.
    fn run(&self, run: &[Glyph], style: Style, embedded: &[usize]) -> (String, Vec<u8>) {
        let latin = if style.weight == Weight::Bold { "L1" } else { "L0" };
        match run.first().copied().and_then(font_of) {
            Some(font) if embedded.contains(&font) => {
                let code = |glyph: &Glyph| match glyph {
                    Glyph::Face { glyph, .. } => self.used[font].0.get(glyph.0).unwrap_or(0).to_be_bytes(),
                    Glyph::Latin(..) => [0, 0],
                };
                (format!("F{font}"), run.iter().flat_map(code).collect())
            }
            Some(_) | None => {
                let code = |glyph: &Glyph| match glyph {
                    Glyph::Latin(code, _) => *code,
                    Glyph::Face { .. } => b'?',
                };
                (latin.to_owned(), run.iter().map(code).collect())
            }
        }
    }
}

fn font_of(glyph: Glyph) -> Option<usize> {
    match glyph {
        Glyph::Latin(..) => None,
        Glyph::Face { font, .. } => Some(font),
    }
}

/// Whether a line may end between two characters.
fn breaks(before: char, after: char) -> bool {
    const NOT_FIRST: &str = "、。，．・：；？！）」』】〕〉》ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ";
    const NOT_LAST: &str = "（「『【〔〈《";
    let wide =
        |c: char| matches!(u32::from(c), 0x2E80..=0xD7A3 | 0xF900..=0xFAFF | 0xFF01..=0xFFEE | 0x20000..=0x323AF);
    if NOT_FIRST.contains(after) || NOT_LAST.contains(before) {
        return false;
    }
    before == ' ' || matches!(before, '-' | '/') || wide(before) || wide(after)
}

/// A text without what moves other text about: control characters become spaces; marks of direction, joiners and other
/// characters that are not seen are left out.
pub(super) fn clean(text: &str) -> String {
    let hidden = |c: char| {
        matches!(u32::from(c), 0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFE00..=0xFE0F
            | 0xFEFF | 0xE0000..=0xE0FFF)
    };
    text.chars().filter(|c| !hidden(*c)).map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect()
}

/// Puts the used glyphs of a font into the file; says whether that worked.
fn embed(
    pdf: &mut Pdf,
    fresh: &mut impl FnMut() -> Ref,
    id: Ref,
    (data, face): (&[u8], &Face<'_>),
    remapper: &GlyphRemapper,
    characters: &BTreeMap<u16, char>,
) -> bool {
    let Ok(subset) = subsetter::subset(data, 0, remapper) else { return false };
    // Of an OpenType font with PostScript outlines only these go into the file (ISO 32000-1 section 9.9).
    let outlines =
        ttf_parser::RawFace::parse(&subset, 0).ok().and_then(|raw| raw.table(ttf_parser::Tag::from_bytes(b"CFF ")));
    let (kind, file) = match outlines {
        Some(cff) => (CidFontType::Type0, cff.to_vec()),
        None => (CidFontType::Type2, subset.clone()),
    };
    let (cid, descriptor, stream, cmap) = (fresh(), fresh(), fresh(), fresh());
    let name = format!("WARIFU+Font{}", id.get());
    let units = f32::from(face.units_per_em().max(1));
    let scaled = |value: i16| f32::from(value) * 1000.0 / units;
    pdf.type0_font(id)
        .base_font(Name(name.as_bytes()))
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(cmap);
    let mut font = pdf.cid_font(cid);
    font.subtype(kind)
        .base_font(Name(name.as_bytes()))
        .system_info(SYSTEM)
        .font_descriptor(descriptor)
        .default_width(1000.0);
    if kind == CidFontType::Type2 {
        font.cid_to_gid_map_predefined(Name(b"Identity"));
    }
    let mut widths = font.widths();
    for (new, old) in remapper.remapped_gids().enumerate() {
        let advance = face.glyph_hor_advance(ttf_parser::GlyphId(old)).unwrap_or(0);
        let width = f32::from(advance) * 1000.0 / units;
        let new = u16::try_from(new).unwrap_or(u16::MAX);
        widths.same(new, new, width);
    }
    widths.finish();
    font.finish();
    let bounds = face.global_bounding_box();
    let mut described = pdf.font_descriptor(descriptor);
    described
        .name(Name(name.as_bytes()))
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(scaled(bounds.x_min), scaled(bounds.y_min), scaled(bounds.x_max), scaled(bounds.y_max)))
        .italic_angle(0.0)
        .ascent(scaled(face.ascender()))
        .descent(scaled(face.descender()))
        .cap_height(scaled(face.capital_height().unwrap_or(face.ascender())))
        .stem_v(80.0);
    match kind {
        CidFontType::Type0 => described.font_file3(stream),
        CidFontType::Type2 => described.font_file2(stream),
    };
    described.finish();
    let bytes = deflated(&file);
    let mut written = pdf.stream(stream, &bytes);
    written.filter(Filter::FlateDecode);
    if kind == CidFontType::Type0 {
        written.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
    }
    written.finish();
    let mut unicode = UnicodeCmap::new(Name(b"Custom"), SYSTEM);
    for (glyph, character) in characters {
        unicode.pair(*glyph, *character);
    }
    pdf.cmap(cmap, &unicode.finish());
    true
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn date(at: Timestamp) -> Date {
    let at = at.to_zoned(TimeZone::UTC);
    let part = |value: i8| value.unsigned_abs();
    Date::new(u16::try_from(at.year()).unwrap_or(0))
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
}
