//! Warps of bytes give the same bits whether taps are picked out of registers, gathered, or read one by one, and they are
//! what the definition of a bilinear sample says.

mod support;

use opsin_core::resample::View;
use opsin_core::warp::{Border, Map, Matrix, Warp, warp};
use support::{Random, at_every_level};

const BORDERS: [Border; 5] = [Border::Constant, Border::Reflect, Border::Symmetric, Border::Replicate, Border::Wrap];

/// A picture of noise whose rows may be further apart than they are long, and that ends with its last pixel.
struct Picture {
    data: Vec<u8>,
    stride: usize,
    width: usize,
    height: usize,
    channels: usize,
}

impl Picture {
    fn new(random: &mut Random, width: usize, height: usize, channels: usize) -> Picture {
        let stride = width * channels + [0, 0, 1, 13][random.below(4)];
        let data = (0..stride * (height - 1) + width * channels).map(|_| random.byte()).collect();
        Picture { data, stride, width, height, channels }
    }

    fn view(&self) -> View<'_, u8> {
        let Picture { data, stride, width, height, channels } = self;
        View { data, stride: *stride, width: *width, height: *height, channels: *channels }
    }
}

/// Output coordinates to the picture's: turned, stretched, slanted, now and then mirrored, about the middles of both.
fn map(random: &mut Random, picture: &Picture, size: (usize, usize), tilt: f64) -> Matrix {
    let (angle, scale) = (random.between(0.0, 6.3), 2f64.powf(random.between(-3.0, 3.0)));
    let angle = [0.0, angle, angle / 60.0][random.below(3)];
    let (along, down) = (scale * random.between(0.7, 1.4), scale * random.between(0.7, 1.4));
    let (sin, cos) = angle.sin_cos();
    let mirror = [1.0, 1.0, -1.0][random.below(3)];
    let (a, b, d, e) = (cos * along * mirror, -sin * down, sin * along * mirror, cos * down);
    let (x, y) = (size.0 as f64 / 2.0, size.1 as f64 / 2.0);
    let reach = 0.3 * picture.width.max(picture.height) as f64;
    let (u, v) = (
        picture.width as f64 / 2.0 + random.between(-reach, reach),
        picture.height as f64 / 2.0 + random.between(-reach, reach),
    );
    let (c, f) = (u - a * x - b * y, v - d * x - e * y);
    if tilt == 0.0 {
        return [a, b, c, d, e, f, 0.0, 0.0, 1.0];
    }
    // The plane is tilted about the same middle.
    let (g, h) = (random.between(-tilt, tilt) / size.0 as f64, random.between(-tilt, tilt) / size.1 as f64);
    let i = 1.0 - g * x - h * y;
    [a + u * g, b + u * h, u * i - a * x - b * y, d + v * g, e + v * h, v * i - d * x - e * y, g, h, i]
}

fn request<'a>(map: Map<'a>, size: (usize, usize), border: Border, fill: &'a [f32], supersample: bool) -> Warp<'a> {
    Warp { map, width: size.0, height: size.1, border, fill, frames: &[], beyond: &[], supersample }
}

/// Floats tell more than rounded bytes do.
fn warped(picture: &Picture, request: &Warp<'_>) -> Vec<f32> {
    let mut out = vec![f32::NAN; request.width * request.height * picture.channels];
    warp(&picture.view(), request, &mut out).expect("a warp");
    out
}

fn same_at_every_level(picture: &Picture, request: &Warp<'_>, what: &str) -> Vec<f32> {
    let mut all = at_every_level(|| warped(picture, request)).into_iter();
    let (_, base) = all.next().expect("the plain level");
    for (level, got) in all {
        let differs = got.iter().zip(&base).position(|(a, b)| a.to_bits() != b.to_bits());
        let Picture { width, height, channels, stride, .. } = picture;
        assert!(
            differs.is_none(),
            "{level:?}: value {differs:?} differs; {what}, {:?}, {width} x {height} x {channels} in rows of {stride}",
            request.border
        );
    }
    base
}

/// The definition in float64: taps beyond the edge are the edge's, or the fill.
fn defined(picture: &Picture, m: &Matrix, x: usize, y: usize, channel: usize, fill: Option<f64>) -> f64 {
    let (x, y) = (x as f64 + 0.5, y as f64 + 0.5);
    let w = m[6] * x + m[7] * y + m[8];
    let (u, v) = ((m[0] * x + m[1] * y + m[2]) / w - 0.5, (m[3] * x + m[4] * y + m[5]) / w - 0.5);
    let tap = |column: f64, row: f64| {
        let (right, bottom) = (picture.width as f64 - 1.0, picture.height as f64 - 1.0);
        let outside = !(column >= 0.0 && column <= right && row >= 0.0 && row <= bottom);
        if let (true, Some(fill)) = (outside, fill) {
            return fill;
        }
        let (column, row) = (column.clamp(0.0, right) as usize, row.clamp(0.0, bottom) as usize);
        f64::from(picture.data[row * picture.stride + column * picture.channels + channel])
    };
    let (column, row) = (u.floor(), v.floor());
    let (fx, fy) = (u - column, v - row);
    let top = tap(column, row) * (1.0 - fx) + tap(column + 1.0, row) * fx;
    let bottom = tap(column, row + 1.0) * (1.0 - fx) + tap(column + 1.0, row + 1.0) * fx;
    top * (1.0 - fy) + bottom * fy
}

fn sides(random: &mut Random) -> (usize, usize) {
    match random.below(3) {
        0 => (1 + random.below(6), 1 + random.below(6)),
        1 => (1 + random.below(140), 1 + random.below(140)),
        _ => (60 + random.below(300), 40 + random.below(200)),
    }
}

#[test]
fn maps_give_the_same_bits_at_every_level() {
    let mut random = Random(11);
    for case in 0..700 {
        let (width, height) = sides(&mut random);
        let channels = 1 + random.below(4);
        let picture = Picture::new(&mut random, width, height, channels);
        let size = (1 + random.below(300), 1 + random.below(24));
        let m = map(&mut random, &picture, size, [0.0, 0.9, 2.5][case % 3]);
        let fill: Vec<f32> = (0..channels).map(|_| f32::from(random.byte())).collect();
        for border in BORDERS {
            let request = request(Map::Matrix(m), size, border, &fill, case % 7 == 0);
            same_at_every_level(&picture, &request, &format!("case {case}, {m:?}"));
        }
    }
}

#[test]
fn maps_are_what_the_definition_says() {
    let mut random = Random(12);
    for case in 0..150 {
        let (width, height) = sides(&mut random);
        let channels = 1 + random.below(3);
        let picture = Picture::new(&mut random, width, height, channels);
        let size = (1 + random.below(300), 1 + random.below(24));
        let m = map(&mut random, &picture, size, [0.0, 0.9][case % 2]);
        let fill = vec![40.0; channels];
        for (border, beyond) in [(Border::Constant, Some(40.0)), (Border::Replicate, None)] {
            let got = same_at_every_level(&picture, &request(Map::Matrix(m), size, border, &fill, false), "a map");
            for (i, &got) in got.iter().enumerate() {
                let (x, y, c) = (i / channels % size.0, i / channels / size.0, i % channels);
                let want = defined(&picture, &m, x, y, c, beyond);
                // Noise changes by up to 255 a pixel, and coordinates are float32 from a whole pixel nearby on.
                assert!(
                    (f64::from(got) - want).abs() < 0.1,
                    "case {case}, {border:?}, ({x}, {y}, {c}): {got}, {want}; {m:?}"
                );
            }
        }
    }
}

#[test]
fn fields_in_no_order_give_the_same_bits_at_every_level() {
    let mut random = Random(13);
    for case in 0..250 {
        let (width, height) = sides(&mut random);
        let channels = 1 + random.below(4);
        let picture = Picture::new(&mut random, width, height, channels);
        let size = (1 + random.below(300), 1 + random.below(12));
        // From points that hardly move (their taps lie together) to points all over the picture and far beyond.
        let reach = [0.8, 6.0, 40.0, 1000.0, 1e12][case % 5];
        let (u, v) = (random.between(0.0, width as f64), random.between(0.0, height as f64));
        let mut field = Vec::with_capacity(size.0 * size.1 * 2);
        for _ in 0..size.0 * size.1 {
            field.push((u + random.between(-reach, reach)) as f32);
            field.push((v + random.between(-reach, reach)) as f32);
        }
        if case % 10 == 0 {
            let at = random.below(field.len());
            field[at] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][case / 10 % 3];
        }
        let fill: Vec<f32> = (0..channels).map(|_| f32::from(random.byte())).collect();
        for border in BORDERS {
            same_at_every_level(
                &picture,
                &request(Map::Field(&field), size, border, &fill, false),
                &format!("case {case}"),
            );
        }
    }
}

#[test]
fn edges_and_last_rows_are_read_to_the_last_byte() {
    let mut random = Random(14);
    for channels in 1..=3 {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (2, 33), (3, 2), (21, 2), (64, 3), (65, 34), (130, 35)]
        {
            let picture = Picture::new(&mut random, width, height, channels);
            let fill = vec![9.0; channels];
            // The last rows and columns enlarged, to beyond the edge.
            for scale in [0.05, 0.3, 1.0] {
                let size = (90, 12);
                let (c, f) = (width as f64 + 0.6 - scale * 90.0, height as f64 + 0.6 - scale * 12.0);
                let m = [scale, 0.0, c, 0.0, scale, f, 0.0, 0.0, 1.0];
                for border in BORDERS {
                    let request = request(Map::Matrix(m), size, border, &fill, false);
                    let got = same_at_every_level(&picture, &request, "the end");
                    if border == Border::Replicate {
                        let want = &picture.data[picture.data.len() - channels..];
                        assert!(
                            got[got.len() - channels..].iter().zip(want).all(|(&got, &want)| got == f32::from(want))
                        );
                    }
                }
            }
        }
    }
}
