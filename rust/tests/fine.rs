//! Steps on fine levels: the same bits at every level, and a small part of a level beside floats.

mod support;

use opsin_core::rows::{Elsewhere, Row, RowBuffer, RowForm};
use support::{Random, at_every_level};

const WHITE: f32 = 16320.0;

/// One step of every kind that fine levels know, beside the first one.
fn steps(random: &mut Random) -> Vec<Row> {
    let mut about = |low: f64, high: f64| random.between(low, high) as f32;
    vec![
        Row::Clamp,
        Row::Scale(about(0.0, 7.9)),
        Row::Mix { factor: about(0.0, 2.0), add: about(-0.9, 0.9) },
        Row::Saturate(f64::from(about(0.0, 7.9))),
        Row::Hue { whole: about(0.0, 5.99) as u8, part: about(0.0, 1.0) },
        Row::Invert,
        Row::Shift(std::array::from_fn(|_| about(-0.5, 0.5))),
        Row::Gray,
    ]
}

/// Words of Y, Cb, Cr, or of R, G, B: single pixels and stretches of one color.
fn words(random: &mut Random, n: usize) -> [Vec<i16>; 3] {
    let mut out: [Vec<i16>; 3] = Default::default();
    while out[0].len() < n {
        let stretch = [1, 1, 1, 200][random.below(4)].min(n - out[0].len());
        for plane in &mut out {
            let v = [0, 16320, random.below(16321) as i16][random.below(3)];
            plane.extend(std::iter::repeat_n(v, stretch));
        }
    }
    out
}

fn buffer(words: &[Vec<i16>; 3], channels: usize) -> RowBuffer {
    let mut buffer = RowBuffer::default();
    buffer.resize(words[0].len(), channels);
    buffer.words.clone_from(words);
    buffer.form = RowForm::Fine;
    buffer
}

/// The same steps on floats.
fn on_floats(rows: &[Row], words: &[Vec<i16>; 3], channels: usize) -> [Vec<f32>; 3] {
    let mut buffer = RowBuffer::default();
    buffer.resize(words[0].len(), channels);
    let scale = if matches!(rows[0], Row::FromYcbcr | Row::FromLevels) { 64.0 } else { WHITE };
    buffer.floats = words.each_ref().map(|plane| plane.iter().map(|&v| f32::from(v) / scale).collect());
    buffer.run(rows, Elsewhere::Nowhere, None);
    buffer.floats
}

/// The greatest difference, in levels.
fn apart(a: &[Vec<f32>; 3], b: &[Vec<f32>; 3], channels: usize) -> f32 {
    let pairs = a.iter().zip(b).take(channels).flat_map(|(a, b)| a.iter().zip(b));
    pairs.map(|(a, b)| (a - b).abs() * 255.0).fold(0.0, f32::max)
}

#[test]
fn a_step_stays_near_its_floats() {
    let mut random = Random(41);
    for n in [1, 31, 64, 65, 700] {
        for channels in [1, 3] {
            for row in steps(&mut random) {
                for first in [Row::FromYcbcr, Row::FromLevels] {
                    if channels == 1 && matches!(first, Row::FromYcbcr) {
                        continue;
                    }
                    let rows = [first, row.clone()];
                    let source = words(&mut random, n);
                    let want = on_floats(&rows, &source, channels);
                    for (level, got) in at_every_level(|| {
                        let mut buffer = buffer(&source, channels);
                        buffer.run(&rows, Elsewhere::Nowhere, None);
                        buffer.floats
                    }) {
                        // A factor of 8 makes eight times of what it is given.
                        assert!(apart(&got, &want, channels) < 0.35, "{level:?}, {n} pixels: {rows:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_level_and_every_way_gives_the_same() {
    let mut random = Random(43);
    for n in [1, 63, 64, 97, 1021] {
        for _ in 0..20 {
            let source = words(&mut random, n);
            let mut rows = vec![Row::FromYcbcr];
            for _ in 0..random.below(5) {
                let all = steps(&mut random);
                rows.push(all[random.below(all.len())].clone());
            }
            let mut seen: Option<[Vec<f32>; 3]> = None;
            for streams in [false, true] {
                for (level, (floats, bytes, away)) in at_every_level(|| {
                    let mut here = buffer(&source, 3);
                    here.run(&rows, Elsewhere::Nowhere, None);
                    let mut rounded = buffer(&source, 3);
                    rounded.run(&[&rows[..], &[Row::Round]].concat(), Elsewhere::Nowhere, None);
                    let mut away: [Vec<f32>; 3] = std::array::from_fn(|_| vec![7.0; n + 3]);
                    let mut other = RowBuffer::default();
                    other.resize(n, 3);
                    other.streams = streams;
                    let from = Elsewhere::Words(source.each_ref().map(Vec::as_slice));
                    other.run(&rows, from, Some(away.each_mut().map(Vec::as_mut_slice)));
                    (here.floats, rounded.bytes, away)
                }) {
                    let first = seen.get_or_insert_with(|| floats.clone());
                    assert!(*first == floats, "{level:?}, {n} pixels: {rows:?}");
                    for k in 0..3 {
                        assert!(away[k][..n] == floats[k][..] && away[k][n..] == [7.0; 3], "{level:?}: {rows:?}");
                        for (&byte, &v) in bytes[k].iter().zip(&floats[k]) {
                            let word = (v * WHITE).round() as i32;
                            assert_eq!(i32::from(byte), (word + 32) >> 6, "{level:?}: {rows:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_words_do_not_know_goes_on_as_floats() {
    let mut random = Random(47);
    let source = words(&mut random, 333);
    let rows = [Row::FromYcbcr, Row::Saturate(1.4), Row::Power(0.8), Row::Hue { whole: 2, part: 0.4 }];
    let want = on_floats(&rows, &source, 3);
    for (level, got) in at_every_level(|| {
        let mut buffer = buffer(&source, 3);
        buffer.run(&rows, Elsewhere::Nowhere, None);
        buffer.floats
    }) {
        // Near black the power is steep.
        assert!(apart(&got, &want, 3) < 0.6, "{level:?}");
    }
}
