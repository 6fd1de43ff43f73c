#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test helpers")]

use std::path::PathBuf;

use prost::Message as _;
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto, tensor_shape_proto::dimension, type_proto};

use super::*;
use crate::face::{self, OtherModel};
use crate::geometry::Affine;
use crate::graph::Builder;
use crate::manifest::Manifest;
use crate::picture::{Edge, Limits, Picture};
use crate::resnet;
use crate::weights::Folder;

/// The cache of weights and the shared folder, or a word that the test was skipped.
fn means(test: &str) -> Option<(Folder, PathBuf)> {
    let root = std::env::var_os("WARIFU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").join("shared"), PathBuf::from);
    let folder = Folder::from_environment()?;
    let there = Manifest::builtin().file("face_recognition_model.bin").is_some_and(|file| folder.read(file).is_ok());
    if there && root.join("faces").join("pairs.csv").exists() {
        return Some((folder, root.join("faces")));
    }
    println!("skipped: {test}: weights or shared data are absent");
    None
}

/// dlib's network as another program would export it: pixels with their three colours side by side, blue first.
fn other_form(folder: &Folder) -> ModelProto {
    let read = |name: &str| folder.read(Manifest::builtin().file(name).unwrap()).unwrap();
    let mut model = resnet::graph(&read("face_recognition_model.json"), &read("face_recognition_model.bin")).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for node in &mut graph.node {
        for name in node.input.iter_mut().filter(|name| *name == "input") {
            *name = "turned".into();
        }
    }
    let Some(type_proto::Value::TensorType(tensor)) = &mut graph.input[0].r#type.as_mut().unwrap().value else {
        panic!("no tensor");
    };
    // The batch is left open, as in most files.
    let sizes = [-1, 150, 150, 3];
    for (dim, size) in tensor.shape.as_mut().unwrap().dim.iter_mut().zip(sizes) {
        dim.value = Some(match size {
            -1 => dimension::Value::DimParam("batch".into()),
            size => dimension::Value::DimValue(size),
        });
    }
    let mut builder = Builder::default();
    let input = builder.input(&[1, 150, 150, 3]);
    builder.transpose(&input, &[0, 3, 1, 2]);
    let mut transpose = builder.finish(&[]).graph.unwrap().node.remove(0);
    transpose.output = vec!["planes".into()];
    transpose.name = "planes".into();
    let mut axis = transpose.attribute[0].clone();
    (axis.name, axis.ints, axis.i) = ("axis".into(), vec![], 1);
    axis.r#type = 2; // AttributeType::INT
    let gather = NodeProto {
        input: vec!["planes".into(), "order".into()],
        output: vec!["turned".into()],
        name: "turned".into(),
        op_type: "Gather".into(),
        attribute: vec![axis],
        ..NodeProto::default()
    };
    graph.initializer.push(TensorProto {
        dims: vec![3],
        data_type: 7, // INT64
        name: "order".into(),
        raw_data: [2i64, 1, 0].iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    });
    graph.node.insert(0, gather);
    graph.node.insert(0, transpose);
    model
}

const ENTRY: &str = r#"
[[model]]
kind = "embedder"
name = "other-form"
path = "other.onnx"
sha256 = "HASH"
licence = "public domain"
layout = "nhwc"
size = 150
colour = "bgr"
align = "dlib150"
dim = 128
l2norm = false
metric = "euclid"
accept = 0.55
review = 0.62
fmr-1e-3 = 0.54
claimed_eer = 0.01
"#;

fn write(folder: &std::path::Path, onnx: &[u8], change: impl Fn(String) -> String) -> PathBuf {
    std::fs::write(folder.join("other.onnx"), onnx).unwrap();
    let path = folder.join("models.toml");
    let text = change(ENTRY.replace("HASH", &hex(&Sha256::digest(onnx))));
    std::fs::write(&path, text).unwrap();
    path
}

fn run(plugins: &Plugins, weights: &Folder, faces: &std::path::Path) -> Record {
    let labels = std::fs::read_to_string(faces.join("pairs.csv")).unwrap();
    let trial = plugins.iter().next().unwrap().trial(weights).unwrap();
    trial.run(&labels, &mut |name| std::fs::read(faces.join(name)).map_err(|error| error.to_string())).unwrap()
}

fn keep(manifest: &std::path::Path, record: Record) {
    let mut records = Records::default();
    records.put(record);
    std::fs::write(Plugins::records_of(manifest), records.to_json()).unwrap();
}

const FACES: Parts = Parts { face: true, liveness: false, document: false };

use crate::Parts;

#[test]
fn another_form_of_the_same_network_proves_itself_and_gives_the_same_embeddings() {
    let Some((weights, faces)) = means("another_form_of_the_same_network") else { return };
    let folder = tempfile::tempdir().unwrap();
    let onnx = other_form(&weights).encode_to_vec();
    let manifest = write(folder.path(), &onnx, |text| text);

    // Untried it is refused.
    let plugins = Plugins::open(&manifest).unwrap();
    let refused = Models::load_with(&weights, FACES, &plugins).unwrap_err();
    assert!(matches!(refused, ModelsError::NotTested { .. }), "{refused}");

    let record = run(&plugins, &weights, &faces);
    println!("{:?}", record.rates);
    assert_eq!(record.rates.shortfall(plugins.iter().next().unwrap().entry()), None);
    keep(&manifest, record.clone());
    let models = Models::load_with(&weights, FACES, &Plugins::open(&manifest).unwrap()).unwrap();

    let builtin = Models::load(&weights, FACES).unwrap();
    let picture = |name: &str| Picture::decode(&std::fs::read(faces.join(name)).unwrap(), &Limits::default()).unwrap();
    let one = picture("p04_1.jpg");
    let (own, known) =
        (face::read_single(&models, &one).unwrap().embedding, face::read_single(&builtin, &one).unwrap().embedding);
    for (a, b) in own.values().iter().zip(known.values()) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    // The same values, and yet of another model: they never meet.
    assert!(matches!(own.distance(&known), Err(OtherModel { .. })));
    assert!(own.template().distance(&known.template()).is_err());
    assert!(face::aggregate(&[own.clone(), known]).is_err());
    let distance = own.distance(&face::read_single(&models, &picture("p04_2.jpg")).unwrap().embedding).unwrap();
    assert!(distance.within(face::OperatingPoint::Fmr1e3), "{distance:?}");
    assert!(!distance.within(face::OperatingPoint::Fmr1e4), "a point that the entry does not state matches nobody");

    // Whatever changes after the trial voids it.
    let void = |change: &dyn Fn(&std::path::Path), why: &str| {
        write(folder.path(), &onnx, |text| text);
        keep(&manifest, record.clone());
        change(folder.path());
        match Plugins::open(&manifest).map(|plugins| Models::load_with(&weights, FACES, &plugins)) {
            Err(_) | Ok(Err(ModelsError::NotTested { .. })) => {}
            Ok(other) => panic!("{why}: {other:?}"),
        }
    };
    void(&|_| drop(write(folder.path(), &onnx, |text| text.replace("0.55", "0.60"))), "the threshold changed");
    void(&|at| std::fs::write(at.join("other.onnx"), [&onnx[..], &[0]].concat()).unwrap(), "the file changed");
    let mut longer = onnx.clone();
    longer.extend([0x12, 0x01, b'x']); // Another producer's name: a file that still loads.
    void(&|_| drop(write(folder.path(), &longer, |text| text)), "file and hash changed");
    let mut better = record.clone();
    if let Rates::Embedder { eer, .. } = &mut better.rates {
        *eer = 0.0;
    }
    void(&|_| keep(&manifest, better.clone()), "the record was changed by hand");
    void(&|_| std::fs::remove_file(Plugins::records_of(&manifest)).unwrap(), "the record is gone");
}

#[test]
fn a_network_that_runs_and_does_not_work_is_refused() {
    let Some((weights, faces)) = means("a_network_that_runs_and_does_not_work") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = other_form(&weights);
    // The stem looks for the negative of what it was trained on.
    let stem = damaged.graph.as_mut().unwrap().initializer.iter_mut().find(|tensor| tensor.dims == [32, 3, 7, 7]);
    for value in stem.unwrap().raw_data.as_chunks_mut::<4>().0 {
        *value = (-f32::from_le_bytes(*value)).to_le_bytes();
    }
    let refused = |onnx: &[u8], change: &dyn Fn(String) -> String| {
        let manifest = write(folder.path(), onnx, change);
        let plugins = Plugins::open(&manifest).unwrap();
        keep(&manifest, run(&plugins, &weights, &faces));
        let error = Models::load_with(&weights, FACES, &Plugins::open(&manifest).unwrap()).unwrap_err();
        println!("{error}");
        assert!(matches!(error, ModelsError::NotGoodEnough { .. }), "{error}");
    };
    refused(&damaged.encode_to_vec(), &|text| text);
    let whole = other_form(&weights).encode_to_vec();
    // Described wrongly: blue taken for red alone is survived by this network, a range of 0 to 1 is not.
    refused(&whole, &|text| text.replace("align =", "scale = [0.004, 0.004, 0.004]\nalign ="));
    // A threshold that lets everybody in has a perfect share of true matches.
    refused(&whole, &|text| text.replace("0.55", "1.50").replace("0.62", "1.60"));
    // Worse than it claims itself.
    refused(&whole, &|text| text.replace("claimed_eer = 0.01", "claimed_tar = 1.0"));
}

#[test]
fn what_does_not_fit_its_entry_is_refused_when_it_is_loaded() {
    let Some((weights, _)) = means("what_does_not_fit_its_entry") else { return };
    let folder = tempfile::tempdir().unwrap();
    let onnx = other_form(&weights).encode_to_vec();
    let plugins = Plugins::open(&write(folder.path(), b"no network", |text| text)).unwrap();
    assert!(plugins.iter().next().unwrap().trial(&weights).is_err());
    for (from, to) in [
        ("dim = 128", "dim = 512"),
        ("dim = 128", "dim = 128\noutput = 3"),
        ("dim = 128", "dim = 128\noutput = \"embedding\""),
        ("nhwc", "nchw"),
    ] {
        let plugins = Plugins::open(&write(folder.path(), &onnx, |text| text.replace(from, to))).unwrap();
        assert!(plugins.iter().next().unwrap().trial(&weights).is_err(), "{to}");
    }
}

#[test]
fn entries_that_make_no_sense() {
    let refused = |from: &str, to: &str| {
        let text = ENTRY.replace("HASH", &"0".repeat(64)).replace(from, to);
        assert!(matches!(PluginManifest::parse(&text), Err(PluginError::Manifest(_))), "{to}");
    };
    for (from, to) in [
        ("other-form", "Other Form"),
        ("size = 150", "size = 0"),
        ("dim = 128", "dim = 0"),
        ("dim = 128", "dim = 128\nunknown = 1"),
        ("euclid", "cosine"),
        ("accept = 0.55", "accept = 0.65"),
        ("accept = 0.55", "accept = nan"),
        ("000", "00"),
        ("embedder", "detector"),
    ] {
        refused(from, to);
    }
    refused("[[model]]", &format!("{ENTRY}\n[[model]]").replace("HASH", &"0".repeat(64)));
    assert!(PluginManifest::parse(&ENTRY.replace("HASH", &"0".repeat(64))).is_ok());
}

#[test]
fn cosines_become_distances() {
    let text = ENTRY
        .replace("HASH", &"0".repeat(64))
        .replace("l2norm = false", "l2norm = true")
        .replace("euclid", "cosine")
        .replace("accept = 0.55", "accept = 0.5")
        .replace("review = 0.62", "review = 0.28")
        .replace("fmr-1e-3 = 0.54", "fmr-1e-3 = 0.68");
    let PluginEntry::Embedder(entry) = PluginManifest::parse(&text).unwrap().models.remove(0) else { panic!("pad") };
    let thresholds = entry.thresholds();
    for (found, expected) in [
        (thresholds.accept, 1.0),
        (thresholds.review, 1.2),
        (thresholds.operating_points[1], 0.8),
        (thresholds.operating_points[2], 0.0),
    ] {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn files_that_are_too_large_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(folder.path(), b"x", |text| text);
    let file = std::fs::File::create(folder.path().join("other.onnx")).unwrap();
    file.set_len(MAX_MODEL_BYTES + 1).unwrap();
    assert!(matches!(Plugins::open(&manifest), Err(PluginError::TooLarge { .. })));
    std::fs::write(folder.path().join("other.onnx"), b"y").unwrap();
    assert!(matches!(Plugins::open(&manifest), Err(PluginError::OtherFile { .. })));
}

const PAD: &str = r#"
[[model]]
kind = "pad"
name = "brightness"
path = "other.onnx"
sha256 = "HASH"
licence = "none"
layout = "nchw"
size = 80
colour = "rgb"
crop = 1.5
classes = 2
class = 1
activation = "softmax"
live = 0.6
"#;

/// A detector that takes bright pictures for live ones: class 1 is the mean brightness above 60, times `sign`.
fn brightness(sign: f32) -> Vec<u8> {
    let mut builder = Builder::default();
    let input = builder.input(&[1, 3, 80, 80]);
    let mean = builder.global_mean(&input);
    let mean = builder.add_channels(&mean, &[-60.0; 3]);
    let flat = builder.reshape(&mean, &[1, 3]);
    let out = builder.matmul(&flat, [3, 2], &[0.0, sign, 0.0, sign, 0.0, sign]);
    builder.finish(&[out]).encode_to_vec()
}

#[test]
fn an_attack_detector_proves_itself_on_labelled_pictures() {
    let Some((weights, faces)) = means("an_attack_detector_proves_itself") else { return };
    let folder = tempfile::tempdir().unwrap();
    // Attacks that this detector can see: dark pictures with room around the face.
    let mut labels = "file,label\n".to_owned();
    let names = std::fs::read_to_string(faces.join("pairs.csv")).unwrap();
    let mut names: Vec<&str> = names.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    names.sort_unstable();
    names.dedup();
    let builtin = Models::load(&weights, FACES).unwrap();
    for name in names {
        let picture = Picture::decode(&std::fs::read(faces.join(name)).unwrap(), &Limits::default()).unwrap();
        // Room around the face without an edge, which would be the edge of a print.
        let border = 0.3 * picture.width().max(picture.height()) as f32;
        let around = Affine { x: [1.0, 0.0, -border], y: [0.0, 1.0, -border] };
        let side = |side: u32| side + 2 * border as u32;
        let framed = picture.warp_affine(&around, side(picture.width()), side(picture.height()), Edge::Nearest);
        if face::detect(&builtin, &framed).unwrap().is_empty() {
            continue;
        }
        for (label, divisor) in [("live", 1), ("attack", 6)] {
            let mut shown = framed.clone();
            shown.rgb_mut().iter_mut().for_each(|value| *value /= divisor);
            let file = format!("{label}-{name}.png");
            std::fs::write(folder.path().join(&file), shown.encode_png().unwrap()).unwrap();
            labels.push_str(&format!("{file},{label}\n"));
        }
    }
    let tried = |onnx: Vec<u8>| {
        let manifest = folder.path().join("models.toml");
        std::fs::write(folder.path().join("other.onnx"), &onnx).unwrap();
        std::fs::write(&manifest, PAD.replace("HASH", &hex(&Sha256::digest(&onnx)))).unwrap();
        let _ = std::fs::remove_file(Plugins::records_of(&manifest));
        let plugins = Plugins::open(&manifest).unwrap();
        let load = |plugins: &Plugins| Models::load_with(&weights, Parts::FACE, plugins);
        assert!(matches!(load(&plugins).unwrap_err(), ModelsError::NotTested { .. }));
        let trial = plugins.iter().next().unwrap().trial(&weights).unwrap();
        let mut read = |name: &str| std::fs::read(folder.path().join(name)).map_err(|error| error.to_string());
        let record = trial.run(&labels, &mut read).unwrap();
        println!("{:?}", record.rates);
        keep(&manifest, record);
        load(&Plugins::open(&manifest).unwrap())
    };
    let models = tried(brightness(1.0)).unwrap();
    assert!(models.has_liveness());
    // It joins the built-in networks: the lower of the two opinions counts.
    let dark = labels.lines().find(|line| line.ends_with(",attack")).unwrap().split_once(',').unwrap().0;
    let dark = Picture::decode(&std::fs::read(folder.path().join(dark)).unwrap(), &Limits::default()).unwrap();
    let found = &face::detect(&models, &dark).unwrap()[0];
    assert!(!crate::liveness::passive(&models, &dark, found).unwrap().is_live());
    // One that says the contrary is refused.
    assert!(matches!(tried(brightness(-1.0)).unwrap_err(), ModelsError::NotGoodEnough { .. }));
}
