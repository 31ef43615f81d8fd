//! Color steps that run in registers give, at every level, the bits of a plain loop over the pixels.

mod support;

use opsin_core::rows::{Elsewhere, Row, RowBuffer};
use support::{Random, at_every_level};

fn unit(v: f32) -> f32 {
    let v = if v > 0.0 { v } else { 0.0 };
    if v < 1.0 { v } else { 1.0 }
}

fn luma([r, g, b]: [f32; 3]) -> f32 {
    r * 0.299 + g * 0.587 + b * 0.114
}

/// Whole sixths exchange channels, the rest moves each as far as the other two allow.
fn turned(pixel: [f32; 3], whole: u8, part: f32) -> [f32; 3] {
    let [r, g, b] = pixel;
    let (top, least) = (r.max(g).max(b), r.min(g).min(b));
    let order = [[0, 1, 2], [1, 2, 0], [2, 0, 1]][usize::from(whole % 3)];
    let v = order.map(|k: usize| if whole.is_multiple_of(2) { pixel[k] } else { (top + least) - pixel[k] });
    let free = (top - least) - part * (top - least);
    [0, 1, 2].map(|k| {
        let apart = v[(k + 1) % 3] - v[(k + 2) % 3];
        (v[k] + (apart.clamp(-free, free) - apart)).clamp(least, top)
    })
}

/// HSV by the textbook: which sixth of the circle, turned, and back.
fn by_the_book([r, g, b]: [f32; 3], turn: f32) -> [f32; 3] {
    let (top, least) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = top - least;
    let safe = if chroma == 0.0 { 1.0 } else { chroma };
    let sixth = if top == r {
        (g - b) / safe
    } else if top == g {
        (b - r) / safe + 2.0
    } else {
        (r - g) / safe + 4.0
    };
    let sixth = if sixth < 0.0 { sixth + 6.0 } else { sixth } + turn;
    let sixth = if sixth >= 6.0 { sixth - 6.0 } else { sixth };
    let missing = [unit(2.0 - (sixth - 3.0).abs()), unit((sixth - 2.0).abs() - 1.0), unit((sixth - 4.0).abs() - 1.0)];
    missing.map(|part| top - chroma * part)
}

/// One step on one pixel; a gray picture has its value three times and keeps the first.
fn plain(row: &Row, pixel: [f32; 3], channels: usize) -> [f32; 3] {
    match row {
        Row::FromLevels => pixel.map(|v| unit(v * (1.0 / 255.0))),
        Row::Clamp => pixel.map(unit),
        Row::Scale(f) => pixel.map(|v| unit(v * f)),
        Row::Mix { factor, add } => pixel.map(|v| unit(v * factor + add)),
        Row::Invert => pixel.map(|v| 1.0 - v),
        Row::Solarize(t) => pixel.map(|v| if v >= *t { 1.0 - v } else { v }),
        Row::Posterize(steps) => {
            let gain = ((256.0 / f64::from(*steps)).floor() / 255.0) as f32;
            pixel.map(|v| (v * steps).floor().min(steps - 1.0) * gain)
        }
        Row::Shift(s) => [0, 1, 2].map(|k| unit(pixel[k] + s[k])),
        Row::Normalize { mean, gain } => [0, 1, 2].map(|k| (pixel[k] - mean[k]) * gain[k]),
        _ if channels == 1 => pixel,
        Row::FromYcbcr => {
            let [y, u, v] = [pixel[0], pixel[1] - 128.0, pixel[2] - 128.0];
            let rgb = [y + v * 1.402, y - (u * 0.344_136_3 + v * 0.714_136_3), y + u * 1.772];
            rgb.map(|v| unit(v * (1.0 / 255.0)))
        }
        Row::Saturate(f) => {
            let gray = luma(pixel) * (1.0 - f) as f32;
            pixel.map(|v| unit(v * *f as f32 + gray))
        }
        Row::Hue { whole, part } => turned(pixel, *whole, *part),
        Row::Matrix(m) => {
            [0, 4, 8].map(|k| unit(pixel[0] * m[k] + pixel[1] * m[k + 1] + pixel[2] * m[k + 2] + m[k + 3]))
        }
        Row::Gray => [luma(pixel); 3],
        _ => panic!("no plain loop for {row:?}"),
    }
}

fn one_of_each(random: &mut Random) -> Vec<Row> {
    let mut about = |low: f64, high: f64| random.between(low, high) as f32;
    vec![
        Row::FromYcbcr,
        Row::FromLevels,
        Row::Clamp,
        Row::Scale(about(0.3, 1.9)),
        Row::Mix { factor: about(0.3, 1.9), add: about(-0.4, 0.4) },
        Row::Saturate(f64::from(about(0.0, 2.0))),
        Row::Hue { whole: about(0.0, 5.99) as u8, part: about(0.0, 0.99) },
        Row::Matrix(std::array::from_fn(|_| about(-0.4, 0.9))),
        Row::Invert,
        Row::Solarize(about(0.1, 0.9)),
        Row::Posterize([2.0, 4.0, 32.0][(about(0.0, 2.99)) as usize]),
        Row::Shift(std::array::from_fn(|_| about(-0.3, 0.3))),
        Row::Gray,
        Row::Normalize {
            mean: std::array::from_fn(|_| about(0.2, 0.6)),
            gain: std::array::from_fn(|_| about(2.0, 6.0)),
        },
    ]
}

type Planes = ([Vec<u8>; 3], [Vec<f32>; 3]);

/// Planes of bytes and of floats a little beyond black and white (levels for a step that takes levels), with stretches of
/// one color, gray ones among them, as beyond the edge of a turned picture.
fn planes(random: &mut Random, n: usize, levels: bool) -> Planes {
    let (mut bytes, mut floats): Planes = Default::default();
    while bytes[0].len() < n {
        let stretch = [1, 1, 1, 70][random.below(4)].min(n - bytes[0].len());
        let gray = random.below(5) == 0;
        let color: [f64; 3] = std::array::from_fn(|_| match random.below(8) {
            0 => 0.0,
            1 => 1.0,
            _ => random.between(-0.1, 1.1),
        });
        for k in 0..3 {
            let v = color[if gray { 0 } else { k }];
            bytes[k].extend(std::iter::repeat_n((v.clamp(0.0, 1.0) * 255.0).round() as u8, stretch));
            floats[k].extend(std::iter::repeat_n(if levels { v * 255.0 } else { v } as f32, stretch));
        }
    }
    (bytes, floats)
}

fn to_byte(v: f32) -> u8 {
    ((v * 255.0).clamp(0.0, 255.0) + 0.5) as u8
}

/// Where a row comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Bytes,
    Floats,
    /// Planes of floats outside of the buffer.
    Elsewhere,
}

const FROM: [Way; 3] = [Way::Bytes, Way::Floats, Way::Elsewhere];
const GUARD: f32 = 77.0;

/// Runs steps the way the core does, between bytes or floats; the bits of what comes out.
fn run(steps: &[Row], channels: usize, source: &Planes, from: Way, to: Way) -> Vec<u32> {
    let n = source.0[0].len();
    let mut buffer = RowBuffer::default();
    buffer.resize(n, channels);
    let mut rows = Vec::new();
    if from == Way::Bytes {
        buffer.bytes.clone_from(&source.0);
        rows.push(Row::Widen);
    } else if from == Way::Floats {
        buffer.floats.clone_from(&source.1);
    }
    rows.extend_from_slice(steps);
    if to == Way::Bytes {
        rows.push(Row::Round);
    }
    let mut away: [Vec<f32>; 3] = std::array::from_fn(|_| vec![GUARD; n + 5]);
    let elsewhere = match from {
        Way::Elsewhere => Elsewhere::Floats(source.1.each_ref().map(Vec::as_slice)),
        _ => Elsewhere::Nowhere,
    };
    let out = (to == Way::Elsewhere).then(|| away.each_mut().map(Vec::as_mut_slice));
    buffer.run(&rows, elsewhere, out);
    assert!(away.iter().all(|plane| plane[n..].iter().all(|&v| v == GUARD)), "written beyond the end");
    let bits =
        |planes: &[Vec<f32>; 3]| planes[..channels].iter().flat_map(|p| p[..n].iter().map(|v| v.to_bits())).collect();
    match to {
        Way::Bytes => buffer.bytes[..channels].iter().flatten().map(|&v| u32::from(v)).collect(),
        Way::Floats => bits(&buffer.floats),
        Way::Elsewhere => bits(&away),
    }
}

fn expected(steps: &[Row], channels: usize, source: &Planes, from: Way, to: Way) -> Vec<u32> {
    let n = source.0[0].len();
    let pixels: Vec<[f32; 3]> = (0..n)
        .map(|i| {
            let pixel =
                [0, 1, 2].map(|k| if from == Way::Bytes { f32::from(source.0[k][i]) / 255.0 } else { source.1[k][i] });
            steps.iter().fold(pixel, |pixel, step| plain(step, pixel, channels))
        })
        .collect();
    let bits = |v: f32| if to == Way::Bytes { u32::from(to_byte(v)) } else { v.to_bits() };
    (0..channels).flat_map(|k| pixels.iter().map(move |p| bits(p[k]))).collect()
}

fn check(steps: &[Row], channels: usize, source: &Planes, from: Way, to: Way) {
    let want = expected(steps, channels, source, from, to);
    for (level, got) in at_every_level(|| run(steps, channels, source, from, to)) {
        let n = source.0[0].len();
        let differs = got.iter().zip(&want).position(|(a, b)| a != b);
        assert!(
            got.len() == want.len() && differs.is_none(),
            "{level:?}, {channels} channels, {n} pixels, {from:?} to {to:?}: value {differs:?} differs after {steps:?}"
        );
    }
}

#[test]
fn every_step_by_itself_for_every_length() {
    let mut random = Random(1);
    for n in 1..=100 {
        for step in one_of_each(&mut random) {
            let source = planes(&mut random, n, matches!(step, Row::FromYcbcr | Row::FromLevels));
            for channels in [1, 3] {
                for from in FROM {
                    for to in FROM {
                        check(std::slice::from_ref(&step), channels, &source, from, to);
                    }
                }
            }
        }
    }
}

#[test]
fn several_steps_in_any_order() {
    let mut random = Random(2);
    for n in 1..=400 {
        let all = one_of_each(&mut random);
        let steps: Vec<Row> = (0..random.below(6)).map(|_| all[2 + random.below(all.len() - 2)].clone()).collect();
        let source = planes(&mut random, n, false);
        let (from, to) = (FROM[random.below(3)], FROM[random.below(3)]);
        check(&steps, [1, 3][random.below(2)], &source, from, to);
    }
}

#[test]
fn chains_broken_by_tables_and_powers_equal_one_step_at_a_time() {
    let mut random = Random(3);
    for n in [1, 7, 16, 31, 32, 33, 64, 100, 257] {
        for _ in 0..12 {
            let all = one_of_each(&mut random);
            let some = |rows: &mut Vec<Row>, random: &mut Random| {
                rows.extend((0..random.below(4)).map(|_| all[2 + random.below(all.len() - 3)].clone()));
            };
            let table = Box::new(std::array::from_fn(|_| std::array::from_fn(|_| random.byte())));
            let mut rows = vec![Row::Table(table.clone()), Row::Widen];
            some(&mut rows, &mut random);
            rows.extend([Row::Power(random.between(0.4, 2.2) as f32), Row::Exposure(random.between(0.5, 2.0) as f32)]);
            some(&mut rows, &mut random);
            rows.extend([Row::Round, Row::SaturateBytes(1.6), Row::Table(table.clone()), Row::Widen]);
            some(&mut rows, &mut random);
            rows.extend([Row::Round, Row::GrayBytes, Row::Table(table), Row::Widen]);
            some(&mut rows, &mut random);
            rows.push(Row::Clamp);
            let source = planes(&mut random, n, false);
            let start = || {
                let mut buffer = RowBuffer::default();
                buffer.resize(n, 3);
                buffer.bytes.clone_from(&source.0);
                buffer
            };
            let joined = at_every_level(|| {
                let mut buffer = start();
                buffer.run(&rows, Elsewhere::Nowhere, None);
                buffer.floats
            });
            let mut buffer = start();
            for row in &rows {
                buffer.run(std::slice::from_ref(row), Elsewhere::Nowhere, None);
            }
            for (level, floats) in joined {
                assert!(floats == buffer.floats, "{level:?}, {n} pixels: {rows:?}");
            }
        }
    }
}

#[test]
fn hues_turn_as_the_book_says() {
    let mut random = Random(31);
    for _ in 0..20_000 {
        let pixel: [f32; 3] = std::array::from_fn(|_| match random.below(5) {
            0 => 0.0,
            1 => 0.5,
            _ => random.between(0.0, 1.0) as f32,
        });
        let (whole, part) = (random.below(6) as u8, random.between(0.0, 1.0) as f32);
        let want = by_the_book(pixel, f32::from(whole) + part);
        for (a, b) in turned(pixel, whole, part).into_iter().zip(want) {
            assert!((a - b).abs() < 2e-6, "{pixel:?} turned by {whole} and {part}: {a}, {b}");
        }
    }
}
