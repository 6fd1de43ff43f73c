//! Own cues on constructed pictures and on random ones, the simulated attacks, and both with the networks.

#![expect(clippy::unwrap_used, reason = "test helpers")]

use proptest::prelude::*;
use warifu_models::face::Face;
use warifu_models::geometry::{Point, Rect};
use warifu_models::liveness::{self, Cue, Seen};
use warifu_models::picture::Picture;
use warifu_models::specimen::attack::{AttackKind, attack, recaptured};

fn face(x: f32, y: f32, side: f32) -> Face {
    Face { bounds: Rect { x, y, width: side, height: side }, score: 0.9, points: [Point::default(); 6] }
}

fn painted(width: u32, height: u32, grey: impl Fn(f32, f32) -> f32) -> Picture {
    let rgb = (0..width * height)
        .flat_map(|at| [grey((at % width) as f32, (at / width) as f32).clamp(0.0, 255.0) as u8; 3])
        .collect();
    Picture::from_rgb(width, height, rgb).unwrap()
}

/// Noise that is the same at every run.
fn noise(x: f32, y: f32) -> f32 {
    let mut state = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    state ^= state >> 15;
    state = state.wrapping_mul(0x2C1B_3C6D);
    state ^= state >> 12;
    state = state.wrapping_mul(0x297A_2D39);
    state ^= state >> 15;
    (state % 1024) as f32 / 64.0 - 8.0
}

fn value(cues: &[Cue], name: &str) -> f32 {
    cues.iter().find(|cue| cue.name() == name).unwrap().value
}

#[test]
fn a_grid_over_the_face_is_seen_and_texture_is_not() {
    let one = face(140.0, 110.0, 200.0);
    let plain = painted(480, 420, |x, y| 120.0 + 0.1 * x + noise(x, y));
    let grid = painted(480, 420, |x, y| 120.0 + 0.1 * x + noise(x, y) + 5.0 * (1.9 * x + 0.7 * y).sin());
    assert_eq!(value(&liveness::cues(&plain, &one), "pattern"), 0.0);
    let cues = liveness::cues(&grid, &one);
    assert_eq!(value(&cues, "pattern"), 1.0, "{cues:?}");
    let Some(Seen::Pattern { period, angle, in_colour, .. }) =
        cues.iter().map(|cue| cue.seen.clone()).find(|seen| matches!(seen, Seen::Pattern { .. }))
    else {
        unreachable!("there is always one");
    };
    assert!((period - std::f32::consts::TAU / 1.9f32.hypot(0.7)).abs() < 0.1 && !in_colour, "{period}");
    assert!((angle - 0.7f32.atan2(1.9).to_degrees()).abs() < 3.0, "{angle}");
    // Blocks of eight pixels come from compression.
    let edge = |at: f32| if (at as u32).is_multiple_of(8) { 5.0 } else { 0.0 };
    let blocks = painted(480, 420, |x, y| 120.0 + noise(x, y) + edge(x) + edge(y) + edge(x) * edge(y));
    assert_eq!(value(&liveness::cues(&blocks, &one), "pattern"), 0.0);
}

#[test]
fn a_rectangle_around_the_face_is_seen_and_one_line_is_not() {
    let one = face(250.0, 200.0, 120.0);
    let within = |x: f32, y: f32, tilt: f32| {
        let (dx, dy) = (x - 310.0, y - 260.0);
        (dx + tilt * dy).abs() < 150.0 && (dy - tilt * dx).abs() < 180.0
    };
    for tilt in [0.0, 0.06, -0.09] {
        let sheet = painted(640, 520, |x, y| noise(x, y) / 4.0 + if within(x, y, tilt) { 190.0 } else { 90.0 });
        let cues = liveness::cues(&sheet, &one);
        assert!(value(&cues, "frame") > 0.9, "{tilt}: {cues:?}");
        let Some(Seen::Frame { corners: Some([first, ..]), .. }) = cues.first().map(|cue| cue.seen.clone()) else {
            unreachable!("the frame comes first");
        };
        assert!(first.distance(Point { x: 160.0 + 180.0 * tilt, y: 80.0 - 150.0 * tilt }) < 30.0, "{first:?}");
    }
    let wall = painted(640, 520, |x, y| noise(x, y) / 4.0 + if x > 420.0 { 190.0 } else { 90.0 });
    assert_eq!(value(&liveness::cues(&wall, &one), "frame"), 0.0);
    // A window behind the person: four lines, but they go on beyond their crossings.
    let cross = painted(640, 520, |x, y| {
        noise(x, y) / 4.0
            + if (x - 310.0).abs() < 150.0 { 50.0 } else { 0.0 }
            + if (y - 260.0).abs() < 150.0 { 50.0 } else { 0.0 }
    });
    assert!(value(&liveness::cues(&cross, &one), "frame") < 0.8);
}

#[test]
fn a_frame_that_comes_twice_is_seen_and_noise_is_not() {
    let still = |seed: f32| painted(320, 240, move |x, y| 100.0 + 0.2 * x + noise(x + seed * 1000.0, y) / 4.0);
    let (a, b, c) = (still(1.0), still(2.0), still(3.0));
    let seen = liveness::repetition(&[&a, &b, &c]);
    assert_eq!(seen.value, 0.0, "{seen:?}");
    let seen = liveness::repetition(&[&a, &b, &a]);
    assert_eq!((seen.value, seen.closest, seen.difference), (1.0, Some((0, 2)), 0.0));
    assert_eq!(liveness::repetition(&[&a]).closest, None);
    assert_eq!(liveness::repetition(&[]).closest, None);
    let black = Picture::filled(320, 240, [0; 3]);
    assert_eq!(liveness::repetition(&[&black, &black]).closest, None);
    assert_eq!(liveness::repetition(&[&a, &a.resize(160, 120)]).closest, None);
}

#[test]
fn one_seed_gives_one_attack() {
    let picture = painted(120, 150, |x, y| 60.0 + x + noise(x, y));
    let bounds = Rect { x: 35.0, y: 40.0, width: 50.0, height: 50.0 };
    for kind in AttackKind::ALL {
        let first = attack(&picture, &bounds, kind, 7);
        assert!(first == attack(&picture, &bounds, kind, 7), "{kind}");
        assert!(first != attack(&picture, &bounds, kind, 8), "{kind}");
    }
    assert!(recaptured(&picture, &bounds, 7) == recaptured(&picture, &bounds, 7));
}

/// Dots and stripes change the structure and not the tone: a brighter portrait gives a brighter attack.
#[test]
fn dots_and_stripes_keep_the_order_of_tones() {
    let bounds = Rect { x: 30.0, y: 30.0, width: 40.0, height: 40.0 };
    for kind in [AttackKind::BorderlessPrint, AttackKind::Screen] {
        for seed in 0..3 {
            let means = [40u8, 90, 140, 190].map(|grey| {
                let luma = attack(&Picture::filled(100, 100, [grey; 3]), &bounds, kind, seed).luma();
                luma.iter().map(|&value| u64::from(value)).sum::<u64>() / luma.len() as u64
            });
            assert!(means.windows(2).all(|pair| pair[0] + 8 < pair[1]), "{kind} {seed} {means:?}");
        }
    }
}

fn any_side() -> impl Strategy<Value = f32> {
    prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(0.0), -500.0f32..2000.0]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn no_picture_and_no_box_break_the_cues(
        width in 1u32..300, height in 1u32..300, x in any_side(), y in any_side(), side in any_side(), step in 1usize..97,
    ) {
        let rgb = (0..width as usize * height as usize * 3).map(|at| (at * step % 251) as u8).collect();
        let picture = Picture::from_rgb(width, height, rgb).unwrap();
        let one = face(x, y, side);
        for cue in liveness::cues(&picture, &one) {
            prop_assert!((0.0..=1.0).contains(&cue.value) && (0.0..=1.0).contains(&cue.weight), "{cue:?}");
        }
        let seen = liveness::repetition(&[&picture, &picture]);
        prop_assert!((0.0..=1.0).contains(&seen.value));
    }
}

proptest! {
    // Each case makes five pictures of up to a megapixel.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4) })]

    #[test]
    fn any_portrait_can_be_attacked(width in 1u32..90, height in 1u32..90, x in any_side(), side in any_side(), seed: u64) {
        let picture = Picture::filled(width, height, [120, 90, 60]);
        let bounds = Rect { x, y: x, width: side, height: side };
        for kind in AttackKind::ALL {
            attack(&picture, &bounds, kind, seed);
        }
        recaptured(&picture, &bounds, seed);
    }
}
