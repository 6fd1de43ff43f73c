//! Covered faces: real pictures with drawn masks.

use std::collections::HashMap;
use std::path::PathBuf;

use warifu_models::face::{self, Covered, FaceError, FaceMesh};
use warifu_models::picture::{Limits, Picture};
use warifu_models::weights::Folder;
use warifu_models::{Models, Parts};

/// What is drawn over a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cover {
    Nothing,
    /// Light blue or white, pleated, from the bridge of the nose to the chin.
    Mask,
    /// The colour of the person's own cheek over nose, mouth and chin, with gaps between fingers.
    Hand,
    /// Two dark glasses with a bridge.
    Sunglasses,
    /// A dark thing in front of one half.
    Half,
}

const COVERS: [Cover; 5] = [Cover::Nothing, Cover::Mask, Cover::Hand, Cover::Sunglasses, Cover::Half];

fn inside(polygon: &[(f32, f32)], x: f32, y: f32) -> bool {
    let mut odd = false;
    let mut last = polygon[polygon.len() - 1];
    for &next in polygon {
        if (next.1 > y) != (last.1 > y) && x < (last.0 - next.0) * (y - next.1) / (last.1 - next.1) + next.0 {
            odd = !odd;
        }
        last = next;
    }
    odd
}

/// A repeatable number of -1 to 1 for a place.
fn noise(x: u32, y: u32) -> f32 {
    let mixed = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

fn draw(picture: &Picture, mesh: &FaceMesh, cover: Cover, variant: usize) -> Picture {
    let at = |index: usize| (mesh.mesh[index][0], mesh.mesh[index][1]);
    let polygon = |indices: &[usize]| indices.iter().map(|&index| at(index)).collect::<Vec<_>>();
    let eyes = mesh.quality.eye_distance;
    let cheek = {
        let (x, y) = at(50);
        picture.pixel(x.max(0.0) as u32, y.max(0.0) as u32).map(f32::from)
    };
    let lower =
        [195, 50, 123, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 352, 280];
    let hand = [197, 205, 214, 210, 211, 176, 152, 400, 431, 430, 434, 425];
    let half = [10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 1];
    let lens = |eye: [usize; 2], x: f32, y: f32| {
        let (a, b) = (at(eye[0]), at(eye[1]));
        let (dx, dy) = (x - (a.0 + b.0) / 2.0, y - (a.1 + b.1) / 2.0 - 0.05 * eyes);
        (dx / (0.40 * eyes)).powi(2) + (dy / (0.30 * eyes)).powi(2) <= 1.0
    };
    let mut out = picture.clone();
    let (width, height) = (picture.width(), picture.height());
    let region = match cover {
        Cover::Nothing | Cover::Sunglasses => vec![],
        Cover::Mask => polygon(&lower),
        Cover::Hand => polygon(&hand),
        Cover::Half => polygon(&half),
    };
    let top = at(195).1;
    for y in 0..height {
        for x in 0..width {
            let (fx, fy) = (x as f32, y as f32);
            let grain = noise(x, y);
            let colour = match cover {
                Cover::Nothing => None,
                Cover::Mask => inside(&region, fx, fy).then(|| {
                    let pleat = if ((fy - top) / (0.22 * eyes)).fract() < 0.12 { 0.86 } else { 1.0 };
                    let base = if variant.is_multiple_of(2) { [150.0, 190.0, 215.0] } else { [225.0, 225.0, 222.0] };
                    base.map(|value| value * pleat + grain * 4.0)
                }),
                Cover::Hand => inside(&region, fx, fy).then(|| {
                    let gap = if ((fx - at(0).0) / (0.3 * eyes) + 10.0).fract() < 0.06 { 0.75 } else { 1.0 };
                    cheek.map(|value| value * gap * 0.97 + grain * 4.0)
                }),
                Cover::Sunglasses => {
                    let bridge = (fy - at(6).1).abs() < 0.04 * eyes
                        && fx > at(133).0.min(at(362).0)
                        && fx < at(362).0.max(at(133).0);
                    (lens([33, 133], fx, fy) || lens([362, 263], fx, fy) || bridge).then(|| {
                        [25.0, 25.0, 30.0]
                            .map(|value: f32| value + grain * 3.0 + if variant.is_multiple_of(3) { 25.0 } else { 0.0 })
                    })
                }
                Cover::Half => {
                    inside(&region, fx, fy).then(|| [45.0, 45.0, 50.0].map(|value: f32| value + grain * 4.0))
                }
            };
            if let Some(colour) = colour {
                let index = (y as usize * width as usize + x as usize) * 3;
                for (value, new) in out.rgb_mut()[index..index + 3].iter_mut().zip(colour) {
                    *value = new.clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
    out
}

#[test]
fn covered_faces_are_told_from_free_ones() {
    let test = "covered_faces_are_told_from_free_ones";
    let root = std::env::var_os("WARIFU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").join("shared"), PathBuf::from);
    let folder = root.join("faces");
    let models = Folder::from_environment().and_then(|weights| Models::load(&weights, Parts::FACE).ok());
    let Some(models) = models.filter(|_| folder.join("pairs.csv").exists()) else {
        println!("skipped: {test}: weights or shared data are absent");
        return;
    };
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    names.sort();
    // Of each kind: faces found, called covered (or no face by the mesh), and how often each part was named.
    let mut counts: HashMap<Cover, (usize, usize, [usize; 3])> = HashMap::new();
    for (variant, name) in names.iter().enumerate() {
        let picture = Picture::decode(&std::fs::read(folder.join(name)).unwrap(), &Limits::default()).unwrap();
        let face = face::detect(&models, &picture).unwrap().remove(0);
        let whole = face::measure(&models, &picture, &face).unwrap();
        for cover in COVERS {
            let drawn = draw(&picture, &whole, cover, variant);
            let Some(face) = face::detect(&models, &drawn).unwrap().into_iter().next() else { continue };
            let quality = face::measure(&models, &drawn, &face).unwrap().quality;
            let count = counts.entry(cover).or_default();
            count.0 += 1;
            let covered = quality.covered();
            count.1 += usize::from(covered.is_some() || quality.face_flag < face::MIN_FACE_FLAG);
            if let Some(what) = covered {
                count.2[what as usize] += 1;
            }
        }
    }
    for (cover, (found, covered, parts)) in &counts {
        println!("{cover:?}: {covered} of {found} covered (eyes {}, mouth {}, face {})", parts[0], parts[1], parts[2]);
    }
    assert!(counts[&Cover::Nothing].1 <= 1);
    for (cover, least) in [(Cover::Mask, 0.95), (Cover::Hand, 0.95), (Cover::Sunglasses, 0.9), (Cover::Half, 0.9)] {
        let (found, covered, _) = counts[&cover];
        assert!(covered as f32 >= least * found as f32, "{cover:?}: {covered} of {found}");
    }
    // The one that refuses gives the reason.
    let picture = Picture::decode(&std::fs::read(folder.join("p01_1.jpg")).unwrap(), &Limits::default()).unwrap();
    let face = face::detect(&models, &picture).unwrap().remove(0);
    let whole = face::measure(&models, &picture, &face).unwrap();
    assert!(face::read_single(&models, &picture).is_ok());
    assert!(face::read_single(&models, &picture.mirrored()).is_ok());
    for (cover, expected) in [(Cover::Mask, Covered::Mouth), (Cover::Sunglasses, Covered::Eyes)] {
        match face::read_single(&models, &draw(&picture, &whole, cover, 0)) {
            Err(FaceError::Covered { what }) => assert_eq!(what, expected),
            other => panic!("{cover:?}: {other:?}"),
        }
    }
    // Darkness and blur are not taken for something in front of the face.
    let mut dark = picture.clone();
    dark.rgb_mut().iter_mut().for_each(|value| *value /= 12);
    let reading = face::read_single(&models, &dark).unwrap();
    assert!(reading.quality.brightness < 25.0, "{}", reading.quality.brightness);
    let (width, height) = (picture.width(), picture.height());
    let blurred = picture.resize(width / 16, height / 16).resize(width, height);
    let quality = face::measure(&models, &blurred, &face).unwrap().quality;
    assert!(quality.sharpness < 8.0 && quality.covered().is_none(), "{quality:?}");
}
