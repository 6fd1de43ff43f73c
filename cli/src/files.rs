//! Reading what other commands wrote: key bundles, pictures, fonts.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use warifu_models::manifest::Manifest;
use warifu_models::picture::{Limits, Picture};
use warifu_models::plugin::Plugins;
use warifu_models::specimen::{self, Fonts, Specimen};
use warifu_models::weights::{Folder, Weights as _};
use warifu_models::{Models, Parts, face};

/// Where Debian's `fonts-ocr-b` and `fonts-dejavu-core` put what specimens are written with.
const OCR_B: &str = "/usr/share/fonts/opentype/ocr-b/OCRB.otf";
const SANS: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

/// Reads text files of one folder, as the key bundles want it.
pub(crate) fn reader(folder: &Path) -> impl Fn(&str) -> io::Result<String> {
    let folder = folder.to_owned();
    move |name| std::fs::read_to_string(folder.join(name))
}

/// Decodes a picture file within the usual limits.
pub fn picture(path: &Path) -> Result<Picture> {
    let bytes = std::fs::read(path).with_context(|| format!("{} can not be read", path.display()))?;
    Picture::decode(&bytes, &Limits::default()).with_context(|| path.display().to_string())
}

/// The cache of weights.
pub fn weights(cache: Option<&Path>) -> Result<Folder> {
    crate::models::cache(cache)
}

/// Loads models from the cache, and the user's own of the manifest that `WARIFU_FACE_MODELS` names.
pub fn models(cache: Option<&Path>, parts: Parts) -> Result<Models> {
    Ok(Models::load_with(&weights(cache)?, parts, &Plugins::from_environment()?)?)
}

/// The bytes of the fonts that specimens are written with.
pub struct FontFiles {
    ocr_b: Vec<u8>,
    sans: Vec<u8>,
}

impl FontFiles {
    /// Reads them from where Debian's packages put them.
    pub fn read() -> Result<Self> {
        let read = |path: &str, package: &str| {
            std::fs::read(path).with_context(|| format!("{path} is missing; install the package {package}"))
        };
        Ok(Self { ocr_b: read(OCR_B, "fonts-ocr-b")?, sans: read(SANS, "fonts-dejavu-core")? })
    }
}

/// A fictional passport around the face in `portrait`, cut as passports show it.
pub fn specimen(models: &Models, portrait: &Picture, person: &Specimen) -> Result<Picture> {
    let face = face::read_largest(models, portrait)?;
    let [left, right, ..] = face.points;
    let head = specimen::head_and_shoulders(portrait, [left, right]);
    let fonts = FontFiles::read()?;
    let fonts = Fonts::parse(&fonts.ocr_b, &fonts.sans)?;
    Ok(specimen::draw(person, &head, &fonts)?)
}

/// The public-domain portrait of the demo.
pub fn demo_portrait() -> Result<Picture> {
    let file = Manifest::builtin().file("astronaut.png").context("the manifest names no demo portrait")?;
    let bytes = weights(None)?.read(file)?;
    Ok(Picture::decode(&bytes, &Limits::default())?)
}

/// A folder of its own for one run, below the system's folder for such.
pub fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("warifu-{name}-{}", std::process::id()))
}

/// Writes a file that only its owner can read; refuses to write over one.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("{} can not be made", path.display()))?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}
