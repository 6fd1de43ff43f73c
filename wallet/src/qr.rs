//! Reading an offer or a request from a picture of a QR code (ISO/IEC 18004).

use warifu_models::picture::{Limits, Picture, PictureError};

/// Longest side at which a code is searched best, in pixels. Larger photographs are reduced to it, which also takes
/// noise out of them; codes of few pixels a module are found when they are enlarged to it (measured: 3.6 pixels a module
/// after JPEG are read at 600 to 1200 pixels and not at their own 205).
const SIDE: u32 = 1200;
/// Longest text taken from a code, in bytes. A version 40 code holds 2,953.
const MAX_TEXT: usize = 4096;

/// Why no link could be read from a picture.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// The file is no acceptable picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// There is no readable code in the picture.
    #[error("no readable QR code is in the picture")]
    NotFound,
    /// There are several codes with different texts; which one is meant cannot be guessed.
    #[error("there are {0} different QR codes in the picture; cut the picture to one")]
    Several(usize),
}

/// The text of the one QR code in a JPEG, PNG or WebP file. Takes up to a few hundred milliseconds for large
/// photographs; call it from a blocking thread.
pub fn read(file: &[u8], limits: &Limits) -> Result<String, QrError> {
    let picture = Picture::decode(file, limits)?;
    let longest = picture.width().max(picture.height());
    let sides = if longest > SIDE { [SIDE, longest.min(2 * SIDE), SIDE / 2] } else { [longest, SIDE, SIDE * 3 / 4] };
    for side in sides {
        let scale = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longest)).max(1) as u32;
        let scaled = picture.resize(scale(picture.width()), scale(picture.height()));
        // A quiet zone may have been cut off with the edge of a screenshot; give the finder patterns air.
        let (scaled, _) = scaled.bordered(0.05, [255, 255, 255]);
        let (width, luma) = (scaled.width() as usize, scaled.luma());
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width, scaled.height() as usize, |x, y| luma[y * width + x]);
        let mut texts: Vec<String> = image
            .detect_grids()
            .iter()
            .filter_map(|grid| grid.decode().ok().map(|(_, text)| text))
            .filter(|text| !text.is_empty() && text.len() <= MAX_TEXT)
            .collect();
        texts.sort();
        texts.dedup();
        match texts.len() {
            0 => {}
            1 => return texts.pop().ok_or(QrError::NotFound),
            several => return Err(QrError::Several(several)),
        }
    }
    Err(QrError::NotFound)
}

/// A code with `module` pixels a module on a grey ground, slightly off the picture's edge.
#[cfg(test)]
pub(crate) fn code(text: &str, module: u32) -> Picture {
    let code = qrcode::QrCode::new(text).unwrap();
    let (width, colors) = (code.width() as u32, code.to_colors());
    let mut picture = Picture::filled((width + 8) * module, (width + 8) * module, [250, 250, 250]);
    let dark = Picture::filled(module, module, [20, 20, 30]);
    for (at, color) in colors.iter().enumerate() {
        if *color == qrcode::Color::Dark {
            let (x, y) = (at as u32 % width + 4, at as u32 / width + 4);
            picture.paste(&dark, x * module, y * module);
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_phones_and_screens_make() {
        let link = "openid4vp://?client_id=x509_hash%3AUvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk&request_uri=\
                    http%3A%2F%2F127.0.0.1%3A7003%2Fvp%2F0b0e0c8a%2Frequest";
        for module in [4, 8, 40] {
            let picture = code(link, module);
            assert_eq!(read(&picture.encode_png().unwrap(), &Limits::default()).unwrap(), link, "{module}");
            let photograph = picture.resize(picture.width() * 9 / 10, picture.height() * 9 / 10).turned(1);
            let found = read(&photograph.encode_jpeg(60).unwrap(), &Limits::default());
            assert_eq!(found.unwrap_or_else(|error| panic!("{module}: {error}")), link);
        }
    }

    #[test]
    fn refuses() {
        let (one, other) = (code("one text", 6), code("another text", 6));
        let mut two = Picture::filled(one.width() + other.width() + 40, one.height().max(other.height()), [255; 3]);
        two.paste(&one, 0, 0);
        two.paste(&other, one.width() + 40, 0);
        let limits = Limits::default();
        assert!(matches!(read(&two.encode_png().unwrap(), &limits), Err(QrError::Several(2))));
        let empty = Picture::filled(300, 200, [200, 180, 160]);
        assert!(matches!(read(&empty.encode_png().unwrap(), &limits), Err(QrError::NotFound)));
        assert!(matches!(read(b"%PDF-1.7", &limits), Err(QrError::Picture(PictureError::UnknownFormat))));
    }
}
