//! A pipeline as the core runs it: steps with fixed or drawn numbers, read once from JSON, drawn for every sample.
//!
//! The format is described in README.md. Whatever it cannot say is refused when it is read, so that the planner keeps
//! such a pipeline in Python.

mod fields;
mod moves;
mod node;
mod number;
mod tints;

use crate::chance::Address;
use crate::error::{Result, invalid};
use node::{Node, nodes};
use serde_json::Value;

pub use node::Drawn;
pub use tints::Tint;

/// How a program runs, beside its steps.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// JPEG planes, region and scale as needed, instead of libjpeg's full picture.
    pub fast: bool,
    /// What is read `fast` goes on in 16 bits, 64 steps to a level, as far as its steps are known there.
    pub fine: bool,
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
            fine: flag("fine", true),
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
