//! After embeddings and templates are dropped, their values are nowhere in the memory of the process.
//!
//! Looks through `/proc/self/mem` (Linux). The needle itself must not be found where it is kept for the search, so it is
//! kept inverted.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "test helpers")]

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use warifu_models::face;
use warifu_models::picture::{Limits, Picture};
use warifu_models::weights::Folder;
use warifu_models::{Models, Parts};

/// Bytes to look for, kept inverted.
struct Needle(Vec<u8>);

impl Needle {
    fn new(bytes: impl Iterator<Item = u8>) -> Self {
        let mut kept = Vec::with_capacity(4096);
        kept.extend(bytes.map(|byte| !byte));
        Self(kept)
    }

    fn starts(&self, at: &[u8]) -> bool {
        at.len() >= self.0.len() && self.0.iter().zip(at).all(|(kept, byte)| !kept == *byte)
    }
}

/// How often each needle stands in writable memory.
fn find(needles: &[Needle]) -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut found = vec![0; needles.len()];
    // One window for all areas; it is wiped after each so that what was read does not count the next time.
    const WINDOW: usize = 1 << 20;
    const OVERLAP: usize = 4096;
    let mut window = vec![0u8; WINDOW];
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (mut from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let own = window.as_ptr() as u64..window.as_ptr() as u64 + WINDOW as u64;
        while from < to {
            let length = ((to - from) as usize).min(WINDOW);
            if memory.seek(SeekFrom::Start(from)).is_err() || memory.read_exact(&mut window[..length]).is_err() {
                break;
            }
            for at in 0..length {
                if own.contains(&(from + at as u64)) {
                    continue;
                }
                for (needle, found) in needles.iter().zip(&mut found) {
                    *found += usize::from(window[at] == !needle.0[0] && needle.starts(&window[at..length]));
                }
            }
            window.fill(0);
            from +=
                if length > OVERLAP && from + (length as u64) < to { (length - OVERLAP) as u64 } else { length as u64 };
        }
    }
    found
}

#[test]
fn nothing_of_a_face_is_left_in_memory() {
    let root = std::env::var_os("WARIFU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").join("shared"), PathBuf::from);
    let folder = root.join("faces");
    let models = Folder::from_environment().and_then(|weights| Models::load(&weights, Parts::FACE).ok());
    let Some(models) = models.filter(|_| folder.join("pairs.csv").exists()) else {
        println!("skipped: nothing_of_a_face_is_left_in_memory: weights or shared data are absent");
        return;
    };
    let picture = |name: &str| Picture::decode(&std::fs::read(folder.join(name)).unwrap(), &Limits::default()).unwrap();
    let work = |control: bool| {
        let one = face::read_single(&models, &picture("p04_1.jpg")).unwrap();
        let other = face::read_single(&models, &picture("p04_2.jpg")).unwrap();
        let (template, second) = (one.embedding.template(), other.embedding.template());
        let bytes = template.to_bytes();
        template.distance(&second).unwrap();
        let whole = face::aggregate(&[one.embedding.clone(), other.embedding.clone()]).unwrap();
        whole.distance(&one.embedding).unwrap();
        // The first sixteen values of each form; sixteen bytes do not come about by chance.
        let floats = |values: &[f32]| Needle::new(values[..16].iter().flat_map(|value| value.to_le_bytes()));
        let needles = vec![
            Needle::new(bytes[..32].iter().copied()),
            floats(one.embedding.values()),
            floats(other.embedding.values()),
            floats(whole.values()),
            Needle::new(one.chip.rgb()[30_000..30_064].iter().copied()),
        ];
        let kept = control.then(|| {
            (one.embedding.clone(), other.embedding.clone(), template.clone(), whole.clone(), one.chip.clone())
        });
        (needles, kept)
    };
    // The control: with copies that are alive the search finds each of them.
    let (needles, kept) = work(true);
    let found = find(&needles);
    println!("with copies kept: {found:?}");
    assert!(found.iter().all(|&times| times >= 1), "{found:?}");
    drop(kept);
    let (needles, kept) = work(false);
    assert!(kept.is_none());
    let found = find(&needles);
    println!("template, embedding, embedding, median, chip: {found:?}");
    assert_eq!(found, [0, 0, 0, 0, 0]);
}
