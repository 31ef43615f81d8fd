//! Steps and groups of steps: read from JSON, drawn for a sample.

use super::fields::{Fields, key_of, running};
use super::moves::movement;
use super::tints::{Tint, tint};
use crate::chance::{self, Address, Key};
use crate::error::{Result, invalid};
use crate::geometry::{Edge, Move};
use serde_json::Value;

/// One step with plain numbers.
#[derive(Clone, Debug)]
pub enum Drawn {
    Move(Move, Edge),
    Tint(Tint),
}

pub type Maker<T> = Box<dyn Fn(&Address) -> T + Send + Sync>;

enum Step {
    Move(Maker<Move>, Edge),
    Tint(Maker<Tint>),
    /// One of these, by running sums of weights.
    OneOf {
        steps: Vec<Node>,
        edges: Vec<f64>,
        key: Key,
    },
    /// So many of these, in drawn order.
    SomeOf {
        steps: Vec<Node>,
        count: usize,
        key: Key,
    },
    All(Vec<Node>),
}

pub struct Node {
    /// Runs only where the draw at the key lies below.
    p: Option<(f64, Key)>,
    step: Step,
}

impl Node {
    pub fn draw(&self, address: &Address, out: &mut Vec<Drawn>) {
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

pub fn nodes(value: Option<&Value>) -> Result<Vec<Node>> {
    let Some(list) = value.and_then(Value::as_array) else { return invalid("program: steps must be a list.") };
    list.iter().map(node).collect()
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
