//! A pipeline as the core runs it: steps with fixed or drawn numbers, read once from JSON, drawn for every sample.
//!
//! The format is described in README.md. Whatever it cannot say is refused when it is read, so that the planner keeps
//! such a pipeline in Python.

use crate::chance::{self, Address, Key, Law};
use crate::error::{Result, invalid};
use crate::geometry::{Edge, Keep, Move};
use crate::resample::Kernel;
use crate::warp::Border;
use serde_json::Value;

/// A number of a step.
#[derive(Clone, Debug)]
enum Num {
    Fixed(f64),
    Drawn { law: Law, key: Key, whole: bool },
    Choice { options: Vec<f64>, edges: Vec<f64>, key: Key },
}

impl Num {
    fn get(&self, address: &Address) -> f64 {
        match self {
            Num::Fixed(v) => *v,
            Num::Drawn { law, key, whole } => law.value(chance::words::<1>(address, *key)[0], *whole),
            Num::Choice { options, edges, key } => {
                options[chance::index(chance::words::<1>(address, *key)[0], edges)]
            }
        }
    }
}

/// A color technique with plain numbers. Ranges of `Jitter` stand still until they are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Tint {
    Brightness(f64),
    Contrast(f64),
    Gamma(f64),
    Exposure(f64),
    Invert,
    Solarize(f64),
    Posterize(f64),
    Saturation(f64),
    Hue(f64),
    /// The four of `color_jitter` in their drawn order; nothing is rounded between them.
    Jitter(Vec<Tint>),
    /// out = M (r, g, b) + c, row after row.
    Matrix([f64; 12]),
    Shift([f64; 3]),
    /// The same brightness in every channel that is there.
    Gray,
    /// One channel only.
    ToGray,
    ToRgb,
    Normalize { mean: Vec<f64>, std: Vec<f64> },
    /// Channels to the front; true for float16.
    ToTensor(bool),
}

/// One step with plain numbers.
#[derive(Clone, Debug)]
pub enum Drawn {
    Move(Move, Edge),
    Tint(Tint),
}

type Maker<T> = Box<dyn Fn(&Address) -> T + Send + Sync>;

enum Step {
    Move(Maker<Move>, Edge),
    Tint(Maker<Tint>),
    /// One of these, by running sums of weights.
    OneOf { steps: Vec<Node>, edges: Vec<f64>, key: Key },
    /// So many of these, in drawn order.
    SomeOf { steps: Vec<Node>, count: usize, key: Key },
    All(Vec<Node>),
}

struct Node {
    /// Runs only where the draw at the key lies below.
    p: Option<(f64, Key)>,
    step: Step,
}

/// How a program runs, beside its steps.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// JPEG planes, region and scale as needed, instead of libjpeg's full picture.
    pub fast: bool,
    /// Join geometric stages into one sampling.
    pub merge: bool,
    /// Let canvases on the way cut, also where stages are joined.
    pub frames: bool,
    /// Average several samples where a joined map shrinks.
    pub supersample: bool,
    /// The EXIF orientation of a JPEG is applied first.
    pub orient: bool,
    pub max_pixels: u64,
}

pub struct Program {
    nodes: Vec<Node>,
    pub options: Options,
}

impl Program {
    pub fn parse(text: &str) -> Result<Program> {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return invalid("program: not JSON.") };
        let flag = |name: &str, default: bool| value.get(name).and_then(Value::as_bool).unwrap_or(default);
        if value.get("version").and_then(Value::as_u64) != Some(1) {
            return invalid("program: version must be 1.");
        }
        let options = Options {
            fast: value.get("decode").and_then(Value::as_str) == Some("fast"),
            merge: flag("merge", true),
            frames: value.get("frames").and_then(Value::as_str) != Some("open"),
            supersample: flag("supersample", true),
            orient: flag("orient", true),
            max_pixels: value.get("max_pixels").and_then(Value::as_u64).unwrap_or(crate::jpeg::DEFAULT_MAX_PIXELS),
        };
        Ok(Program { nodes: nodes(value.get("steps"))?, options })
    }

    /// Draws everything a sample needs.
    pub fn draw(&self, address: &Address) -> Vec<Drawn> {
        let mut out = Vec::new();
        for node in &self.nodes {
            node.draw(address, &mut out);
        }
        out
    }
}

impl Node {
    fn draw(&self, address: &Address, out: &mut Vec<Drawn>) {
        if let Some((p, key)) = self.p
            && chance::unit(address, key) >= p
        {
            return;
        }
        match &self.step {
            Step::Move(make, edge) => out.push(Drawn::Move(make(address), edge.clone())),
            Step::Tint(make) => out.push(Drawn::Tint(make(address))),
            Step::All(steps) => steps.iter().for_each(|s| s.draw(address, out)),
            Step::OneOf { steps, edges, key } => {
                steps[chance::index(chance::words::<1>(address, *key)[0], edges)].draw(address, out);
            }
            Step::SomeOf { steps, count, key } => {
                let mut words = vec![0; steps.len()];
                for (block, chunk) in words.chunks_mut(4).enumerate() {
                    let counter = [block as u64 + 1, address.draw, address.epoch, address.sample];
                    chunk.copy_from_slice(&chance::philox(counter, *key)[..chunk.len()]);
                }
                for k in chance::permutation(&words).into_iter().take(*count) {
                    steps[k].draw(address, out);
                }
            }
        }
    }
}

fn nodes(value: Option<&Value>) -> Result<Vec<Node>> {
    let Some(list) = value.and_then(Value::as_array) else { return invalid("program: steps must be a list.") };
    list.iter().map(node).collect()
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

fn key_of(value: Option<&Value>) -> Result<Key> {
    let words: Option<Vec<u64>> = value.and_then(Value::as_array).and_then(|a| a.iter().map(Value::as_u64).collect());
    match words.as_deref() {
        Some(&[a, b]) => Ok([a, b]),
        _ => invalid("program: a key must be two 64-bit words."),
    }
}

fn running(weights: Option<&Value>, count: usize) -> Result<Vec<f64>> {
    let weights = match weights {
        None | Some(Value::Null) => vec![1.0; count],
        Some(w) => numbers(w).unwrap_or_default(),
    };
    if count == 0 || weights.len() != count {
        return invalid("program: a choice must have one weight per option.");
    }
    let mut sum = 0.0;
    Ok(weights.iter().map(|w| { sum += w; sum }).collect())
}

/// The fields of one step.
struct Fields<'a> {
    op: &'a str,
    value: &'a Value,
}

impl Fields<'_> {
    fn missing<T>(&self, name: &str) -> Result<T> {
        invalid(format!("program: {}: {name} is missing or not what it may be.", self.op))
    }

    fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some_and(|v| !v.is_null())
    }

    fn num(&self, name: &str) -> Result<Num> {
        let Some(v) = self.value.get(name) else { return self.missing(name) };
        if let Some(x) = v.as_f64() {
            return Ok(Num::Fixed(x));
        }
        let key = key_of(v.get("key"))?;
        let whole = v.get("whole").and_then(Value::as_bool).unwrap_or(false);
        let pair = |name: &str| v.get(name).and_then(numbers).filter(|p| p.len() == 2).map(|p| (p[0], p[1]));
        if let Some(options) = v.get("choice").and_then(numbers) {
            let edges = running(v.get("weights"), options.len())?;
            return Ok(Num::Choice { options, edges, key });
        }
        let law = if let Some((low, high)) = pair("uniform") {
            Law::Uniform { low, high }
        } else if let Some((low, high)) = pair("log_uniform") {
            Law::LogUniform { low, high }
        } else if let Some((mean, std)) = pair("normal") {
            let (low, high) = pair("clipped").unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
            Law::Normal { mean, std, low, high }
        } else {
            return self.missing(name);
        };
        Ok(Num::Drawn { law, key, whole })
    }

    fn num_or(&self, name: &str, default: f64) -> Result<Num> {
        if self.has(name) { self.num(name) } else { Ok(Num::Fixed(default)) }
    }

    fn optional(&self, name: &str) -> Result<Option<Num>> {
        if self.has(name) { self.num(name).map(Some) } else { Ok(None) }
    }

    fn text(&self, name: &str, default: &'static str) -> &str {
        self.value.get(name).and_then(Value::as_str).unwrap_or(default)
    }

    fn list(&self, name: &str, count: usize) -> Result<Vec<f64>> {
        let list = self.value.get(name).and_then(|v| v.as_f64().map(|x| vec![x]).or_else(|| numbers(v)));
        match list {
            Some(list) if count == 0 || list.len() == count => Ok(list),
            _ => self.missing(name),
        }
    }

    fn key(&self, name: &str) -> Result<Key> {
        key_of(self.value.get("keys").and_then(|k| k.get(name)))
    }

    fn edge(&self) -> Result<Edge> {
        let Some(border) = Border::parse(self.text("border", "constant")) else { return self.missing("border") };
        let Some(kernel) = Kernel::parse(self.text("kernel", "pillow-bilinear")) else { return self.missing("kernel") };
        let default = if self.op == "letterbox" { 0.447 } else { 0.0 };
        let fill = if self.has("fill") { self.list("fill", 0)? } else { vec![default] };
        Ok(Edge { border, fill, kernel })
    }
}

fn node(value: &Value) -> Result<Node> {
    let p = match value.get("p") {
        None | Some(Value::Null) => None,
        Some(v) => match v.get("below").and_then(Value::as_f64) {
            Some(below) => Some((below, key_of(v.get("key"))?)),
            None => return invalid("program: p must be {below, key}."),
        },
    };
    let step = if let Some(kind) = value.get("group").and_then(Value::as_str) {
        let steps = nodes(value.get("steps"))?;
        match kind {
            "augment" => Step::All(steps),
            "one_of" => {
                let edges = running(value.get("weights"), steps.len())?;
                Step::OneOf { edges, key: key_of(value.get("key"))?, steps }
            }
            "some_of" => {
                let count = value.get("count").and_then(Value::as_u64).unwrap_or(1) as usize;
                Step::SomeOf { count, key: key_of(value.get("key"))?, steps }
            }
            _ => return invalid(format!("program: unknown group '{kind}'.")),
        }
    } else {
        let Some(op) = value.get("op").and_then(Value::as_str) else { return invalid("program: a step without op.") };
        let fields = Fields { op, value };
        match movement(&fields)? {
            Some(make) => Step::Move(make, fields.edge()?),
            None => match tint(&fields)? {
                Some(make) => Step::Tint(make),
                None => return invalid(format!("program: the core has no '{op}'.")),
            },
        }
    };
    Ok(Node { p, step })
}

fn movement(f: &Fields<'_>) -> Result<Option<Maker<Move>>> {
    let make: Maker<Move> = match f.op {
        "resize" => {
            let (width, height) = (f.num("width")?, f.num("height")?);
            Box::new(move |a| Move::Resize { width: width.get(a), height: height.get(a) })
        }
        "resize_shorter" => {
            let size = f.num("size")?;
            Box::new(move |a| Move::Shorter { size: size.get(a) })
        }
        "resize_longer" => {
            let size = f.num("size")?;
            Box::new(move |a| Move::Longer { size: size.get(a) })
        }
        "letterbox" => {
            let (width, height) = (f.num("width")?, f.num("height")?);
            let (x, y) = (f.num_or("x", 0.5)?, f.num_or("y", 0.5)?);
            let enlarge = f.value.get("enlarge").and_then(Value::as_bool).unwrap_or(true);
            Box::new(move |a| Move::Letterbox {
                width: width.get(a),
                height: height.get(a),
                x: x.get(a),
                y: y.get(a),
                enlarge,
            })
        }
        "scale" => {
            let factor = f.num("factor")?;
            Box::new(move |a| Move::Scale { factor: factor.get(a) })
        }
        "crop" => {
            let (l, t, w, h) = (f.num("left")?, f.num("top")?, f.num("width")?, f.num("height")?);
            Box::new(move |a| Move::Crop { left: l.get(a), top: t.get(a), width: w.get(a), height: h.get(a) })
        }
        "center_crop" => {
            let (w, h, part) = (f.optional("width")?, f.optional("height")?, f.optional("fraction")?);
            if w.is_none() && h.is_none() && part.is_none() {
                return f.missing("width");
            }
            Box::new(move |a| Move::CenterCrop {
                width: w.as_ref().map(|n| n.get(a)),
                height: h.as_ref().map(|n| n.get(a)),
                fraction: part.as_ref().map(|n| n.get(a)),
            })
        }
        "crop_at" => {
            let (w, h) = (f.num("width")?, f.num("height")?);
            let (x, y) = (f.num_or("x", 0.5)?, f.num_or("y", 0.5)?);
            Box::new(move |a| Move::CropAt { width: w.get(a), height: h.get(a), x: x.get(a), y: y.get(a) })
        }
        "pad" => {
            let (l, t) = (f.num_or("left", 0.0)?, f.num_or("top", 0.0)?);
            let (r, b) = (f.num_or("right", 0.0)?, f.num_or("bottom", 0.0)?);
            Box::new(move |a| Move::Pad { left: l.get(a), top: t.get(a), right: r.get(a), bottom: b.get(a) })
        }
        "orient" => {
            let n = f.num("orientation")?;
            Box::new(move |a| Move::Orient(n.get(a) as u8))
        }
        "flip_horizontal" => Box::new(|_| Move::FlipHorizontal),
        "flip_vertical" => Box::new(|_| Move::FlipVertical),
        "transpose" => Box::new(|_| Move::Transpose),
        "rotate90" => {
            let times = f.num("times")?;
            Box::new(move |a| Move::Rotate90 { times: times.get(a) })
        }
        "rotate" => {
            let angle = f.num("angle")?;
            let keep = match f.text("keep", "size") {
                "size" => Keep::Size,
                "all" => Keep::All,
                "inside" => Keep::Inside,
                _ => return f.missing("keep"),
            };
            Box::new(move |a| Move::Rotate { angle: angle.get(a), keep })
        }
        "translate" => {
            let (x, y) = (f.num("x")?, f.num("y")?);
            Box::new(move |a| Move::Translate { x: x.get(a), y: y.get(a) })
        }
        "shear" => {
            let (x, y) = (f.num_or("x", 0.0)?, f.num_or("y", 0.0)?);
            Box::new(move |a| Move::Shear { x: x.get(a), y: y.get(a) })
        }
        "affine" => {
            let (angle, scale) = (f.num_or("angle", 0.0)?, f.num_or("scale", 1.0)?);
            let (shear, shear_y) = (f.num_or("shear", 0.0)?, f.num_or("shear_y", 0.0)?);
            let (x, y) = (f.num_or("x", 0.0)?, f.num_or("y", 0.0)?);
            Box::new(move |a| Move::Affine {
                angle: angle.get(a),
                scale: scale.get(a),
                shear: shear.get(a),
                shear_y: shear_y.get(a),
                x: x.get(a),
                y: y.get(a),
            })
        }
        "perspective" if f.has("corners") => {
            let list = f.list("corners", 8)?;
            let corners: [f64; 8] = std::array::from_fn(|k| list[k]);
            Box::new(move |_| Move::Corners(corners))
        }
        "perspective" => {
            let (distortion, key) = (f.num_or("distortion", 0.3)?, f.key("corners")?);
            Box::new(move |a| Move::Perspective { distortion: distortion.get(a), key })
        }
        "random_crop" => {
            let (w, h, left, top) = (f.num("width")?, f.num("height")?, f.key("left")?, f.key("top")?);
            Box::new(move |a| Move::RandomCrop { width: w.get(a), height: h.get(a), left, top })
        }
        "random_resized_crop" => {
            let (w, h) = (f.num("width")?, f.num("height")?);
            let (area, ratio) = (f.list("area", 2)?, f.list("ratio", 2)?);
            let ((a0, a1), (r0, r1)) = ((area[0], area[1]), (ratio[0], ratio[1]));
            if !(a0 > 0.0 && a1 >= a0 && r0 > 0.0 && r1 >= r0) {
                return f.missing("area");
            }
            let keys = [f.key("area")?, f.key("ratio")?, f.key("left")?, f.key("top")?];
            Box::new(move |a| Move::RandomResizedCrop {
                width: w.get(a),
                height: h.get(a),
                area: (a0, a1),
                ratio: (r0, r1),
                keys,
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(make))
}

fn tint(f: &Fields<'_>) -> Result<Option<Maker<Tint>>> {
    let one = |name: &str, wrap: fn(f64) -> Tint| -> Result<Maker<Tint>> {
        let n = f.num(name)?;
        Ok(Box::new(move |a| wrap(n.get(a))))
    };
    Ok(Some(match f.op {
        "brightness" => one("factor", Tint::Brightness)?,
        "contrast" => one("factor", Tint::Contrast)?,
        "gamma" => one("gamma", Tint::Gamma)?,
        "exposure" => one("stops", Tint::Exposure)?,
        "solarize" => one("threshold", Tint::Solarize)?,
        "posterize" => one("bits", Tint::Posterize)?,
        "saturation" => one("factor", Tint::Saturation)?,
        "hue" => one("shift", Tint::Hue)?,
        "invert" => Box::new(|_| Tint::Invert),
        "color_jitter" => jitter(f)?,
        "color_matrix" => {
            // 3 x 3, or 3 x 4 with a constant last
            let list = f.list("matrix", 0)?;
            let columns = match list.len() {
                9 => 3,
                12 => 4,
                _ => return f.missing("matrix"),
            };
            let matrix: [f64; 12] = std::array::from_fn(|k| if k % 4 < columns { list[k / 4 * columns + k % 4] } else { 0.0 });
            Box::new(move |_| Tint::Matrix(matrix))
        }
        "sepia" => {
            let amount = f.num_or("amount", 1.0)?;
            Box::new(move |a| Tint::Matrix(sepia(amount.get(a))))
        }
        "rgb_shift" => {
            let n = [f.num("r")?, f.num("g")?, f.num("b")?];
            Box::new(move |a| Tint::Shift([n[0].get(a), n[1].get(a), n[2].get(a)]))
        }
        "to_gray" if f.has("weights") && f.text("weights", "bt601") != "bt601" => {
            return invalid("program: to_gray: the core has no weights but bt601.");
        }
        "to_gray" if f.value.get("weights").is_some_and(Value::is_array) => {
            return invalid("program: to_gray: the core has no weights but bt601.");
        }
        "to_gray" => {
            let channels = f.value.get("channels").and_then(Value::as_u64).unwrap_or(1);
            match channels {
                1 => Box::new(|_| Tint::ToGray),
                3 => Box::new(|_| Tint::Gray),
                _ => return f.missing("channels"),
            }
        }
        "to_rgb" => Box::new(|_| Tint::ToRgb),
        "normalize" => {
            let (mean, std) = (f.list("mean", 0)?, f.list("std", 0)?);
            if std.iter().any(|&s| !(s > 0.0)) {
                return f.missing("std");
            }
            Box::new(move |_| Tint::Normalize { mean: mean.clone(), std: std.clone() })
        }
        "to_tensor" => {
            let half = match f.text("dtype", "float32") {
                "float32" => false,
                "float16" => true,
                _ => return f.missing("dtype"),
            };
            Box::new(move |_| Tint::ToTensor(half))
        }
        _ => return Ok(None),
    }))
}

fn jitter(f: &Fields<'_>) -> Result<Maker<Tint>> {
    let order = f.key("order")?;
    let names = ["brightness", "contrast", "saturation", "hue"];
    let mut parts = Vec::with_capacity(4);
    for (k, name) in names.into_iter().enumerate() {
        let middle = if k == 3 { 0.0 } else { 1.0 };
        let spread = if f.has(name) { f.list(name, 0)? } else { vec![0.0] };
        let (low, high) = match *spread {
            [s] if k == 3 => (middle - s, middle + s),
            [s] => (f64::max(0.0, middle - s), middle + s),
            [low, high] if low <= high => (low, high),
            _ => return f.missing(name),
        };
        parts.push((low, high, middle, f.key(name)?));
    }
    Ok(Box::new(move |a| {
        let mut out = Vec::with_capacity(4);
        for place in chance::permutation(&chance::words::<4>(a, order)) {
            let (low, high, middle, key) = parts[place];
            let amount = Law::Uniform { low, high }.value(chance::words::<1>(a, key)[0], false);
            if amount != middle {
                let wrap = [Tint::Brightness, Tint::Contrast, Tint::Saturation, Tint::Hue][place];
                out.push(wrap(amount));
            }
        }
        Tint::Jitter(out)
    }))
}

fn sepia(amount: f64) -> [f64; 12] {
    const TONE: [[f64; 3]; 3] = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]];
    std::array::from_fn(|k| match (k / 4, k % 4) {
        (_, 3) => 0.0,
        (r, c) => f64::from(u8::from(r == c)) * (1.0 - amount) + TONE[r][c] * amount,
    })
}
