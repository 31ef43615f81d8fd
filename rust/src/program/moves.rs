//! The steps that move pixels.

use super::fields::Fields;
use super::node::Maker;
use crate::error::Result;
use crate::geometry::{Keep, Move};
use serde_json::Value;

pub fn movement(f: &Fields<'_>) -> Result<Option<Maker<Move>>> {
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
