//! Embeddings and alignments as other programs compute them, as numbers.
//!
//! `tests/vectors/embeddings.csv` was written by onnxruntime from the graph and the chips that `export_for_other_runtimes`
//! puts out; `tests/vectors/alignments.csv` by a least-squares solver of numpy over random points. `tests/vectors/make.py`
//! does both. No face is kept: some chips are formulas, the others are cut from shared pictures where those are there.

#![expect(clippy::unwrap_used, reason = "test helpers")]

use std::path::PathBuf;

use prost::Message as _;

use super::embedder::{self, Align};
use crate::face;
use crate::geometry::{Affine, Point};
use crate::manifest::Manifest;
use crate::picture::{Limits, Picture};
use crate::weights::{Folder, Weights as _};
use crate::{Models, Parts, resnet};

const SHARED: [&str; 3] = ["p04_1.jpg", "p09_2.jpg", "p24_1.jpg"];

fn models() -> Option<Models> {
    let parts = Parts { face: true, liveness: false, document: false };
    Folder::from_environment().and_then(|folder| Models::load(&folder, parts).ok())
}

fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WARIFU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").join("shared"), PathBuf::from);
    Some(root.join("faces").join(name)).filter(|path| path.exists())
}

/// Chips that are formulas: a ramp, rings, a face of ellipses.
fn drawn(name: &str) -> Option<Picture> {
    let colour: fn(i32, i32) -> [u8; 3] = match name {
        "ramp" => |x, y| [(x * 255 / 149) as u8, (y * 255 / 149) as u8, ((x + y) * 255 / 298) as u8],
        "rings" => |x, y| {
            let square = (x - 70) * (x - 70) + (y - 80) * (y - 80);
            [(square / 11 % 256) as u8, (square / 17 % 256) as u8, (square / 29 % 256) as u8]
        },
        "ellipses" => |x, y| {
            let within = |cx: i32, cy: i32, a: i32, b: i32| {
                (x - cx) * (x - cx) * b * b + (y - cy) * (y - cy) * a * a <= a * a * b * b
            };
            if within(48, 48, 7, 4) || within(101, 48, 7, 4) {
                [40, 30, 25]
            } else if within(74, 103, 22, 6) {
                [150, 70, 70]
            } else if within(74, 76, 6, 9) {
                [200, 150, 125]
            } else if within(75, 75, 56, 72) {
                [215, 170, 145]
            } else {
                [(60 + y / 3) as u8, 90, 120]
            }
        },
        _ => return None,
    };
    let rgb = (0..150).flat_map(|y| (0..150).flat_map(move |x| colour(x, y))).collect();
    Picture::from_rgb(150, 150, rgb).ok()
}

fn chip(models: &Models, name: &str) -> Option<Picture> {
    if let Some(drawn) = drawn(name) {
        return Some(drawn);
    }
    let picture = Picture::decode(&std::fs::read(shared(name)?).unwrap(), &Limits::default()).unwrap();
    Some(face::read_largest(models, &picture).unwrap().chip)
}

#[test]
fn embeddings_are_those_of_another_runtime() {
    let Some(models) = models() else {
        println!("skipped: embeddings_are_those_of_another_runtime: the weights are absent");
        return;
    };
    let mut lines = 0;
    for line in include_str!("../../tests/vectors/embeddings.csv").lines() {
        let mut fields = line.split(',');
        let name = fields.next().unwrap();
        let expected: Vec<f32> = fields.map(|field| field.parse().unwrap()).collect();
        assert_eq!(expected.len(), 128);
        lines += 1;
        let Some(chip) = chip(&models, name) else {
            println!("skipped: {name}: shared data is absent");
            continue;
        };
        let found = models.face().unwrap().embedder.run(&chip).unwrap();
        let differences = found.values().iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0f32, f32::max);
        println!("{name}: {largest:e}");
        assert!(largest < 1e-3, "{name}: {largest}");
    }
    assert_eq!(lines, 6);
}

#[test]
fn alignments_are_those_of_another_solver() {
    let face = face::Face {
        bounds: crate::geometry::Rect { x: 0.0, y: 0.0, width: 1.0, height: 1.0 },
        score: 1.0,
        points: [Point::default(); 6],
    };
    let mut lines = 0;
    for line in include_str!("../../tests/vectors/alignments.csv").lines() {
        let (align, rest) = line.split_once(',').unwrap();
        let (align, side) = if align == "dlib150" { (Align::Dlib150, 150) } else { (Align::Arcface112, 112) };
        let values: Vec<f32> = rest.split(',').map(|field| field.parse().unwrap()).collect();
        let points: [Point; 5] = std::array::from_fn(|i| Point { x: values[2 * i], y: values[2 * i + 1] });
        let Affine { x, y } = embedder::to_picture(&face, &points, align, side).unwrap();
        for (found, expected) in x.iter().chain(&y).zip(&values[10..]) {
            let scale = expected.abs().max(1.0);
            assert!((found - expected).abs() < 2e-4 * scale, "{line}: {found} {expected}");
        }
        lines += 1;
    }
    assert_eq!(lines, 8);
}

/// Writes the embedder's graph and the chips to the folder in `WARIFU_EXPORT`.
#[test]
#[ignore = "writes files for tests/vectors/make.py"]
fn export_for_other_runtimes() {
    let folder = PathBuf::from(std::env::var_os("WARIFU_EXPORT").unwrap());
    let weights = Folder::from_environment().unwrap();
    let read = |name: &str| weights.read(Manifest::builtin().file(name).unwrap()).unwrap();
    let graph = resnet::graph(&read("face_recognition_model.json"), &read("face_recognition_model.bin")).unwrap();
    std::fs::write(folder.join("embedder.onnx"), graph.encode_to_vec()).unwrap();
    for name in ["ramp", "rings", "ellipses"].into_iter().chain(SHARED) {
        let chip = chip(&models().unwrap(), name).unwrap();
        std::fs::write(folder.join(format!("{name}.rgb")), chip.rgb()).unwrap();
    }
}
