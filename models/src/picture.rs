//! Pictures from strangers, decoded within limits into plain RGB pixels.
//!
//! JPEG, PNG and WebP only. Size limits are checked on the header, before a pixel is decoded; the EXIF orientation is
//! applied; every other metadata is dropped. Pixels are 8-bit sRGB values as stored: colour profiles are not applied.
//! The pixel buffer is wiped when a picture is dropped, because most pictures here are faces and identity documents.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader};
use zeroize::Zeroize;

mod resample;

/// How large a picture may be before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes.
    pub bytes: usize,
    /// Largest width times height, in pixels.
    pub pixels: u64,
    /// Largest width and largest height, in pixels.
    pub side: u32,
}

impl Default for Limits {
    /// 15 MB, 40 megapixels, 12,000 pixels a side: every phone camera fits, a decompression bomb does not.
    fn default() -> Self {
        Self { bytes: 15_000_000, pixels: 40_000_000, side: 12_000 }
    }
}

/// The file formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ISO/IEC 10918-1, baseline and progressive.
    Jpeg,
    /// W3C Portable Network Graphics.
    Png,
    /// WebP, lossy and lossless; of an animation the first frame.
    WebP,
}

impl Format {
    /// The format that the first bytes announce, if it is one that is read here.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::WebP => Some(Self::WebP),
            _ => None,
        }
    }

    /// Media type, as in an HTTP `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    fn codec(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
        }
    }
}

/// Why a picture was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are not those of a JPEG, PNG or WebP file.
    #[error("not a JPEG, PNG or WebP file")]
    UnknownFormat,
    /// The file is larger than [`Limits::bytes`].
    #[error("the file has {bytes} bytes, at most {limit} are read")]
    TooManyBytes {
        /// Size of the file.
        bytes: usize,
        /// The limit it broke.
        limit: usize,
    },
    /// The header announces more pixels than [`Limits::pixels`] or a longer side than [`Limits::side`].
    #[error("the picture is {width} x {height} pixels, at most {limit_pixels} pixels and {limit_side} a side are read")]
    TooManyPixels {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
        /// Limit on width times height.
        limit_pixels: u64,
        /// Limit on either side.
        limit_side: u32,
    },
    /// The file ends before the picture does.
    #[error("the file ends before the picture does")]
    Truncated,
    /// The file breaks the rules of its format.
    #[error("damaged file: {0}")]
    Damaged(String),
    /// Width, height and number of pixel bytes given to [`Picture::from_rgb`] do not belong together.
    #[error("{bytes} pixel bytes do not make {width} x {height} pixels")]
    WrongSize {
        /// Given width.
        width: u32,
        /// Given height.
        height: u32,
        /// Given number of bytes.
        bytes: usize,
    },
    /// The picture could not be written, for instance because it is larger than the format allows.
    #[error("cannot be written: {0}")]
    Encode(String),
}

/// What lies beyond the edge of a picture when it is warped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Black pixels.
    Black,
    /// The nearest pixel of the picture.
    Nearest,
}

/// An upright picture: 8-bit RGB, row by row, no padding. Wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// Decodes a JPEG, PNG or WebP file and turns it upright by its EXIF orientation.
    ///
    /// Transparent pixels lose their alpha. Refuses what breaks `limits` before decoding it.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PictureError> {
        if bytes.is_empty() {
            return Err(PictureError::Empty);
        }
        if bytes.len() > limits.bytes {
            return Err(PictureError::TooManyBytes { bytes: bytes.len(), limit: limits.bytes });
        }
        let format = Format::of(bytes).ok_or(PictureError::UnknownFormat)?;
        let mut decoder =
            ImageReader::with_format(Cursor::new(bytes), format.codec()).into_decoder().map_err(damage)?;

        let (width, height) = decoder.dimensions();
        if width > limits.side || height > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
            return Err(PictureError::TooManyPixels {
                width,
                height,
                limit_pixels: limits.pixels,
                limit_side: limits.side,
            });
        }
        // The JPEG decoder fills what is missing with grey and says nothing.
        if format == Format::Jpeg && !jpeg_has_end(bytes) {
            return Err(PictureError::Truncated);
        }
        let orientation = decoder.orientation().map_err(damage)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(damage)?;
        image.apply_orientation(orientation);
        let rgb = image.into_rgb8();
        let (width, height) = rgb.dimensions();
        Self::from_rgb(width, height, rgb.into_raw())
    }

    /// Wraps pixels that are already there: `rgb` holds `width * height * 3` bytes, row by row.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PictureError> {
        if width == 0 || height == 0 || rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 {
            return Err(PictureError::WrongSize { width, height, bytes: rgb.len() });
        }
        Ok(Self { width, height, rgb })
    }

    /// A picture of one colour. Sides of zero become one.
    pub fn filled(width: u32, height: u32, colour: [u8; 3]) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let rgb = colour.repeat(width as usize * height as usize);
        Self { width, height, rgb }
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Pixels: red, green, blue, row by row from the top left, `width * height * 3` bytes.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The same pixels, to be changed in place.
    pub fn rgb_mut(&mut self) -> &mut [u8] {
        &mut self.rgb
    }

    /// The pixel in column `x` and row `y`; beyond the edge the nearest one.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let at = (y.min(self.height - 1) as usize * self.width as usize + x.min(self.width - 1) as usize) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// Brightness of each pixel, 0 to 255 (ITU-R BT.601 weights), row by row.
    pub fn luma(&self) -> Vec<u8> {
        self.rgb
            .as_chunks::<3>()
            .0
            .iter()
            .map(|&[r, g, b]| ((u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 + 500) / 1000) as u8)
            .collect()
    }

    /// Writes a baseline JPEG without metadata. `quality` runs from 1 to 100.
    pub fn encode_jpeg(&self, quality: u8) -> Result<Vec<u8>, PictureError> {
        let mut out = Vec::new();
        JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100))
            .write_image(&self.rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| PictureError::Encode(error.to_string()))?;
        Ok(out)
    }

    /// Writes a PNG without metadata.
    pub fn encode_png(&self) -> Result<Vec<u8>, PictureError> {
        let mut out = Vec::new();
        PngEncoder::new(&mut out)
            .write_image(&self.rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| PictureError::Encode(error.to_string()))?;
        Ok(out)
    }

    /// The part of the picture inside the rectangle, cut to the picture's own edge; at least one pixel.
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Self {
        let (x, y) = (x.min(self.width - 1), y.min(self.height - 1));
        let (width, height) = (width.clamp(1, self.width - x), height.clamp(1, self.height - y));
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for row in y..y + height {
            let from = (row as usize * self.width as usize + x as usize) * 3;
            rgb.extend_from_slice(&self.rgb[from..from + width as usize * 3]);
        }
        Self { width, height, rgb }
    }

    /// Adds a border of `fraction` of the longer side on all four sides, in one colour; also returns its width in pixels.
    pub fn bordered(&self, fraction: f32, colour: [u8; 3]) -> (Self, u32) {
        let border = (self.width.max(self.height) as f32 * fraction.clamp(0.0, 4.0)).round() as u32;
        let mut out = Self::filled(self.width + 2 * border, self.height + 2 * border, colour);
        out.paste(self, border, border);
        (out, border)
    }

    /// Copies `other` into this picture with its top left corner at `(x, y)`; what does not fit is left out.
    pub fn paste(&mut self, other: &Self, x: u32, y: u32) {
        if x >= self.width || y >= self.height {
            return;
        }
        let columns = other.width.min(self.width - x) as usize;
        for row in 0..other.height.min(self.height - y) {
            let to = ((y + row) as usize * self.width as usize + x as usize) * 3;
            let from = row as usize * other.width as usize * 3;
            self.rgb[to..to + columns * 3].copy_from_slice(&other.rgb[from..from + columns * 3]);
        }
    }

    /// Turns the picture clockwise by `quarters` times 90 degrees.
    pub fn turned(&self, quarters: u8) -> Self {
        let (w, h) = (self.width as usize, self.height as usize);
        let quarters = quarters % 4;
        let (width, height) = if quarters.is_multiple_of(2) { (w, h) } else { (h, w) };
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = match quarters {
                    0 => (x, y),
                    1 => (y, h - 1 - x),
                    2 => (w - 1 - x, h - 1 - y),
                    _ => (w - 1 - y, x),
                };
                let at = (from_y * w + from_x) * 3;
                rgb.extend_from_slice(&self.rgb[at..at + 3]);
            }
        }
        Self { width: width as u32, height: height as u32, rgb }
    }

    /// The picture left-right mirrored.
    pub fn mirrored(&self) -> Self {
        let mut out = self.clone();
        for row in out.rgb.chunks_exact_mut(self.width as usize * 3) {
            let (pixels, _) = row.as_chunks_mut::<3>();
            pixels.reverse();
        }
        out
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        self.rgb.zeroize();
    }
}

/// Whether an end-of-image marker follows the start of the first scan.
///
/// Walks the marker segments, so that the end marker of a thumbnail inside the metadata does not count.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[marker, kind]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
        if marker != 0xFF {
            return false;
        }
        match kind {
            0xFF => at += 1,               // fill byte
            0x01 | 0xD0..=0xD8 => at += 2, // markers without a segment
            0xD9 => return true,
            0xDA => return bytes[at..].windows(2).rev().any(|pair| pair == [0xFF, 0xD9]),
            _ => {
                let Some(&length) = bytes.get(at + 2..).and_then(|rest| rest.first_chunk::<2>()) else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes(length)).max(2);
            }
        }
    }
    false
}

fn damage(error: ImageError) -> PictureError {
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => PictureError::Truncated,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Limits(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => {
            let text = error.to_string();
            if text.contains("end of file") || text.contains("EOF") || text.contains("ran out of") {
                PictureError::Truncated
            } else {
                PictureError::Damaged(text.chars().take(200).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::geometry::{Affine, Point};
    use proptest::prelude::*;

    use super::*;

    /// A picture with structure: every pixel differs from its neighbours.
    fn sample(width: u32, height: u32) -> Picture {
        let rgb = (0..height)
            .flat_map(|y| {
                (0..width).flat_map(move |x| [(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x + y) * 3 % 256) as u8])
            })
            .collect();
        Picture::from_rgb(width, height, rgb).unwrap()
    }

    fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
        Picture::decode(bytes, &Limits::default())
    }

    /// The first bytes of a PNG that announces the given size: signature and header chunk.
    fn png_header(width: u32, height: u32) -> Vec<u8> {
        let mut out = sample(1, 1).encode_png().unwrap();
        out[16..20].copy_from_slice(&width.to_be_bytes());
        out[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = !0u32;
        for &byte in &out[12..29] {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            }
        }
        out[29..33].copy_from_slice(&(!crc).to_be_bytes());
        out
    }

    #[test]
    fn reads_what_it_writes() {
        let picture = sample(61, 40);
        assert!(decode(&picture.encode_png().unwrap()).unwrap() == picture);
        let jpeg = decode(&picture.encode_jpeg(95).unwrap()).unwrap();
        assert_eq!((jpeg.width(), jpeg.height()), (61, 40));
    }

    #[test]
    fn wrong_types_are_named() {
        assert!(matches!(decode(b""), Err(PictureError::Empty)));
        assert!(matches!(decode(b"GIF89a\x01\0\x01\0\0\0\0;"), Err(PictureError::UnknownFormat)));
        assert!(matches!(decode(b"%PDF-1.7 no picture"), Err(PictureError::UnknownFormat)));
        assert!(matches!(decode(b"<svg/>"), Err(PictureError::UnknownFormat)));
    }

    #[test]
    fn limits_are_checked_on_the_header() {
        let limits = Limits { bytes: 100, ..Limits::default() };
        let long = vec![0xFF; 101];
        assert!(matches!(Picture::decode(&long, &limits), Err(PictureError::TooManyBytes { bytes: 101, limit: 100 })));
        for (width, height) in [(50_000, 50_000), (12_001, 10), (10, 12_001), (8_000, 8_000)] {
            assert!(
                matches!(decode(&png_header(width, height)), Err(PictureError::TooManyPixels { .. })),
                "{width} x {height}"
            );
        }
        // A JPEG frame header of 60,000 x 60,000 in an otherwise good file.
        let mut jpeg = sample(16, 16).encode_jpeg(80).unwrap();
        let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xEA, 0x60, 0xEA, 0x60]);
        assert!(matches!(decode(&jpeg), Err(PictureError::TooManyPixels { width: 60_000, height: 60_000, .. })));
    }

    #[test]
    fn truncated_files_are_refused_at_every_length() {
        let picture = sample(64, 64);
        for bytes in [picture.encode_jpeg(90).unwrap(), picture.encode_png().unwrap()] {
            assert!(decode(&bytes).is_ok());
            for length in (0..bytes.len() - 13).step_by(7) {
                assert!(decode(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
            }
        }
        let jpeg = picture.encode_jpeg(90).unwrap();
        assert!(matches!(decode(&jpeg[..jpeg.len() - 2]), Err(PictureError::Truncated)));
        // The end marker of a thumbnail in the metadata does not count.
        let mut with_thumbnail = jpeg[..2].to_vec();
        with_thumbnail.extend([0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9]);
        with_thumbnail.extend(&jpeg[2..jpeg.len() - 40]);
        assert!(matches!(decode(&with_thumbnail), Err(PictureError::Truncated)));
    }

    #[test]
    fn exif_orientation_turns_the_picture() {
        let mut picture = Picture::filled(32, 16, [0; 3]);
        picture.paste(&Picture::filled(8, 8, [255; 3]), 0, 0);
        let jpeg = picture.encode_jpeg(95).unwrap();
        let mut turned = jpeg[..2].to_vec();
        // APP1 with a big-endian TIFF that holds one entry: orientation 6, turn clockwise by a quarter.
        turned.extend(b"\xFF\xE1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
        turned.extend(&jpeg[2..]);
        let upright = decode(&turned).unwrap();
        assert_eq!((upright.width(), upright.height()), (16, 32));
        assert!(upright.pixel(12, 3)[0] > 200 && upright.pixel(3, 3)[0] < 60);
        assert!(picture.turned(1).pixel(12, 3)[0] > 200);
        assert!(picture.turned(1).turned(3) == picture);
    }

    #[test]
    fn warps_keep_what_they_should() {
        let picture = sample(40, 30);
        let identity = Affine { x: [1.0, 0.0, 0.0], y: [0.0, 1.0, 0.0] };
        assert!(picture.warp_affine(&identity, 40, 30, Edge::Black) == picture);
        let corners = [(5.0, 4.0), (24.0, 4.0), (24.0, 18.0), (5.0, 18.0)].map(|(x, y)| Point { x, y });
        let straight = picture.straighten(corners, 20, 15, Edge::Nearest).unwrap();
        assert!(straight.crop(0, 0, 19, 14) == picture.crop(5, 4, 19, 14));
        assert!(picture.straighten([corners[0]; 4], 20, 15, Edge::Nearest).is_none());
        // Shrinking by four keeps the mean.
        let checks: Vec<u8> = (0..64 * 64).flat_map(|at| [if (at + at / 64) % 2 == 0 { 0 } else { 255 }; 3]).collect();
        let checks = Picture::from_rgb(64, 64, checks).unwrap();
        let quarter = Affine { x: [4.0, 0.0, 1.5], y: [0.0, 4.0, 1.5] };
        assert!(checks.warp_affine(&quarter, 16, 16, Edge::Black).rgb().iter().all(|value| value.abs_diff(128) <= 1));
        assert!(checks.resize(16, 16).crop(2, 2, 12, 12).rgb().iter().all(|value| value.abs_diff(128) <= 1));
        // Beyond the edge.
        let away = Affine { x: [1.0, 0.0, 1000.0], y: [0.0, 1.0, f32::NAN] };
        assert!(picture.warp_affine(&away, 4, 4, Edge::Black).rgb().iter().all(|&value| value == 0));
        picture.warp_affine(&away, 4, 4, Edge::Nearest);
    }

    proptest! {
        #[test]
        fn never_panics_on_a_changed_file(
            format in 0..3usize,
            changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8),
            cut in any::<usize>(),
        ) {
            let picture = sample(24, 16);
            let mut bytes = match format {
                0 => picture.encode_jpeg(70).unwrap(),
                1 => picture.encode_png().unwrap(),
                _ => {
                    let mut out = Vec::new();
                    image::codecs::webp::WebPEncoder::new_lossless(&mut out)
                        .encode(picture.rgb(), 24, 16, ExtendedColorType::Rgb8)
                        .unwrap();
                    out
                }
            };
            prop_assert!(decode(&bytes).is_ok());
            for (at, value) in changes {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            let limits = Limits { pixels: 1_000_000, ..Limits::default() };
            let _ = Picture::decode(&bytes, &limits);
            bytes.truncate(cut % bytes.len());
            let _ = Picture::decode(&bytes, &limits);
        }

        #[test]
        fn crops_and_sizes_never_panic(x in 0u32..60, y in 0u32..60, w in 0u32..90, h in 0u32..90) {
            let picture = sample(37, 23);
            let part = picture.crop(x, y, w, h);
            prop_assert!(part.width() <= 37 && part.height() <= 23);
            let sized = picture.resize(w, h);
            prop_assert_eq!((sized.width(), sized.height()), (w.max(1), h.max(1)));
        }
    }
}
