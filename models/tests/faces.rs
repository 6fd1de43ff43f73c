//! The face chain and passive liveness on labelled pictures, against the error rates the manifest states.
//!
//! Needs the weights (`WARIFU_MODELS`, else the user's cache) and the shared pictures (`WARIFU_SHARED`, else the folder
//! `shared` beside the workspace); without them the tests say so and pass.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "test helpers")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use warifu_models::face::eval::{self, Labelled};
use warifu_models::face::{self, FaceError, FaceReading, OperatingPoint};
use warifu_models::liveness::{self, Passive};
use warifu_models::picture::{Limits, Picture};
use warifu_models::weights::Folder;
use warifu_models::{Models, ModelsError, Parts, WeightsError};

fn models(test: &str) -> Option<&'static Models> {
    static MODELS: OnceLock<Option<Models>> = OnceLock::new();
    let models = MODELS.get_or_init(|| {
        let folder = Folder::from_environment()?;
        match Models::load(&folder, Parts::FACE) {
            Ok(models) => Some(models),
            Err(ModelsError::Weights(WeightsError::Missing { .. })) => None,
            Err(other) => panic!("{other}"),
        }
    });
    if models.is_none() {
        println!("skipped: {test}: the weights are absent");
    }
    models.as_ref()
}

fn shared(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WARIFU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").join("shared"), PathBuf::from);
    if root.join("faces").join("pairs.csv").exists() {
        Some(root)
    } else {
        println!("skipped: {test}: shared data is absent");
        None
    }
}

fn picture(path: &std::path::Path) -> Picture {
    Picture::decode(&std::fs::read(path).unwrap(), &Limits::default()).unwrap()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

#[test]
fn labelled_pairs() {
    let Some((models, shared)) = models("labelled_pairs").zip(shared("labelled_pairs")) else { return };
    let folder = shared.join("faces");
    let pairs = eval::pairs(&std::fs::read_to_string(folder.join("pairs.csv")).unwrap()).unwrap();
    let mut names: Vec<&str> = pairs.iter().flat_map(|pair| [pair.x.as_str(), pair.y.as_str()]).collect();
    names.sort_unstable();
    names.dedup();

    let (mut find, mut measure) = (vec![], vec![]);
    let mut readings: HashMap<&str, FaceReading> = HashMap::new();
    for &name in &names {
        let picture = picture(&folder.join(name));
        let start = Instant::now();
        let faces = face::detect(models, &picture).unwrap();
        find.push(start.elapsed());
        let Some(largest) = faces.first() else {
            println!("no face in {name}");
            continue;
        };
        let start = Instant::now();
        let reading = face::read(models, &picture, largest).unwrap();
        measure.push(start.elapsed());
        readings.insert(name, reading);
    }
    println!("detect {:.1} ms, mesh + align + embed {:.1} ms (medians)", median(find), median(measure));

    let mut rounding = 0f32;
    let labelled: Vec<Labelled> = pairs
        .iter()
        .filter_map(|pair| {
            let (x, y) = (readings.get(pair.x.as_str())?, readings.get(pair.y.as_str())?);
            let distance = x.embedding.distance(&y.embedding).unwrap().value();
            let rounded = x.embedding.template().distance(&y.embedding.template()).unwrap().value();
            rounding = rounding.max((distance - rounded).abs());
            Some(Labelled { distance, same: pair.same })
        })
        .collect();
    for threshold in [0.50, 0.52, 0.55, 0.58, 0.60, 0.62] {
        let report = eval::report(&labelled, names.len(), readings.len(), threshold);
        println!("{threshold}: TAR {:.4} FAR {:.5}", report.tar_at_threshold, report.far_at_threshold);
    }
    let report = eval::report(&labelled, names.len(), readings.len(), 0.55);
    println!("{report:?}");
    println!("largest change of a distance by rounding: {rounding:.4}");
    let mut flags: Vec<f32> = readings.values().map(|reading| reading.quality.face_flag).collect();
    flags.sort_by(f32::total_cmp);
    println!("least face flag: {:?}", flags.first());

    assert_eq!((report.images, report.detected), (59, 59));
    assert!(report.eer <= 0.0067, "equal error rate {}", report.eer);
    assert!(report.tar_at_threshold >= 0.95, "{}", report.tar_at_threshold);
    assert!(report.far_at_threshold <= 0.0025, "{}", report.far_at_threshold);
    assert!(report.tar_at_fmr["1e-2"] >= 0.99 && report.tar_at_fmr["1e-3"] >= 0.97, "{:?}", report.tar_at_fmr);
    for point in OperatingPoint::ALL {
        let report = eval::report(&labelled, names.len(), readings.len(), point.threshold());
        println!("{point}: TAR {:.4} FAR {:.5}", report.tar_at_threshold, report.far_at_threshold);
        let rate = match point {
            OperatingPoint::Fmr1e2 => 1e-2,
            OperatingPoint::Fmr1e3 => 1e-3,
            OperatingPoint::Fmr1e4 => 1e-4,
        };
        assert!(report.far_at_threshold <= rate, "{point}: {}", report.far_at_threshold);
    }
    assert!(rounding <= 0.012, "{rounding}");

    // A template of all other pictures of a person against each single one of them, to that picture on its own.
    let mut persons: HashMap<&str, Vec<&str>> = HashMap::new();
    for &name in &names {
        persons.entry(name.split('_').next().unwrap()).or_default().push(name);
    }
    let (mut single, mut whole, mut refused) = (vec![], vec![], 0);
    for pictures in persons.values().filter(|pictures| pictures.len() >= 3) {
        for &probe in pictures {
            let others: Vec<&face::Embedding> =
                pictures.iter().filter(|&&name| name != probe).map(|name| &readings[name].embedding).collect();
            let probe = &readings[probe].embedding;
            let frames: Vec<face::Embedding> = others.iter().map(|&other| other.clone()).collect();
            let Ok(aggregated) = face::aggregate(&frames) else {
                refused += 1;
                continue;
            };
            whole.push(aggregated.distance(probe).unwrap().value());
            single.extend(others.iter().map(|other| other.distance(probe).unwrap().value()));
        }
    }
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let most = |values: &[f32]| values.iter().copied().fold(0f32, f32::max);
    println!(
        "genuine distances: single {:.3} mean {:.3} largest of {}, aggregated {:.3} mean {:.3} largest of {}, {refused} refused",
        mean(&single),
        most(&single),
        single.len(),
        mean(&whole),
        most(&whole),
        whole.len()
    );
    assert!(mean(&whole) < mean(&single) && most(&whole) < most(&single));
}

#[test]
fn spoof_samples() {
    let Some((models, shared)) = models("spoof_samples").zip(shared("spoof_samples")) else { return };
    if !models.has_liveness() {
        println!("skipped: spoof_samples: the liveness weights are absent");
        return;
    }
    let mut scores = HashMap::new();
    for name in ["real_T1", "spoof_F1", "spoof_F2"] {
        let picture = picture(&shared.join("faces").join("spoof").join(format!("{name}.jpg")));
        let faces = face::detect(models, &picture).unwrap();
        let start = Instant::now();
        let Passive::Performed { score, per_model, .. } = liveness::passive(models, &picture, &faces[0]).unwrap()
        else {
            panic!("not performed");
        };
        println!("{name}: {score:.3} {per_model:?} {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
        scores.insert(name, score);
    }
    assert!(scores["real_T1"] > 0.9, "{scores:?}");
    assert!(scores["spoof_F1"] < 0.3 && scores["spoof_F2"] < 0.1, "{scores:?}");
}

#[test]
fn selfies_are_refused_for_a_named_reason() {
    let Some((models, shared)) = models("refusals").zip(shared("refusals")) else { return };
    let one = picture(&shared.join("faces").join("p04_1.jpg"));
    assert!(face::read_single(models, &one).is_ok());

    let blank = Picture::filled(640, 480, [120; 3]);
    assert!(matches!(face::read_single(models, &blank), Err(FaceError::NoFace)));

    let other = one.mirrored();
    let mut two = Picture::filled(one.width() * 2, one.height(), [0; 3]);
    two.paste(&one, 0, 0);
    two.paste(&other, one.width(), 0);
    assert!(matches!(face::read_single(models, &two), Err(FaceError::SeveralFaces { count: 2 })));
    assert!(face::read_largest(models, &two).is_ok());

    let eyes = face::read_single(models, &one).unwrap().quality.eye_distance;
    let share = 25.0 / eyes;
    let small = one.resize((one.width() as f32 * share) as u32, (one.height() as f32 * share) as u32);
    assert!(matches!(face::read_single(models, &small), Err(FaceError::TooSmall { .. })));
}

#[test]
fn large_picture_within_the_time_budget() {
    let Some((models, shared)) = models("time").zip(shared("time")) else { return };
    let one = picture(&shared.join("faces").join("p04_1.jpg"));
    let scale = (1920.0 / one.width() as f32).min(1080.0 / one.height() as f32);
    let mut frame = Picture::filled(1920, 1080, [90; 3]);
    frame.paste(&one.resize((one.width() as f32 * scale) as u32, (one.height() as f32 * scale) as u32), 300, 0);
    let jpeg = frame.encode_jpeg(90).unwrap();
    let mut times: Vec<Vec<Duration>> = vec![vec![]; 4];
    for _ in 0..9 {
        let start = Instant::now();
        let frame = Picture::decode(&jpeg, &Limits::default()).unwrap();
        times[0].push(start.elapsed());
        let start = Instant::now();
        let faces = face::detect(models, &frame).unwrap();
        times[1].push(start.elapsed());
        let start = Instant::now();
        face::read(models, &frame, &faces[0]).unwrap();
        times[2].push(start.elapsed());
        let start = Instant::now();
        liveness::passive(models, &frame, &faces[0]).unwrap();
        times[3].push(start.elapsed());
    }
    let [decode, detect, read, passive] = <[_; 4]>::try_from(times).unwrap().map(median);
    let frame = Picture::decode(&jpeg, &Limits::default()).unwrap();
    let faces = face::detect(models, &frame).unwrap();
    let cues = (0..9).map(|_| {
        let start = Instant::now();
        liveness::cues(&frame, &faces[0]);
        start.elapsed()
    });
    println!("of which cues {:.1} ms", median(cues.collect()));
    println!("1080p: decode {decode:.1} ms, detect {detect:.1} ms, mesh + embed {read:.1} ms, passive {passive:.1} ms");
    // The budget is 60 ms on one quiet core; a busy machine may take several times as long.
    assert!(detect + read < 600.0);
}
