//! The fields of a step in JSON, each checked as it is read.

use super::number::Num;
use crate::chance::{Key, Law};
use crate::error::{Result, invalid};
use crate::geometry::Edge;
use crate::resample::Kernel;
use crate::warp::Border;
use serde_json::Value;

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

pub fn key_of(value: Option<&Value>) -> Result<Key> {
    let words: Option<Vec<u64>> = value.and_then(Value::as_array).and_then(|a| a.iter().map(Value::as_u64).collect());
    match words.as_deref() {
        Some(&[a, b]) => Ok([a, b]),
        _ => invalid("program: a key must be two 64-bit words."),
    }
}

pub fn running(weights: Option<&Value>, count: usize) -> Result<Vec<f64>> {
    let weights = match weights {
        None | Some(Value::Null) => vec![1.0; count],
        Some(w) => numbers(w).unwrap_or_default(),
    };
    if count == 0 || weights.len() != count {
        return invalid("program: a choice must have one weight per option.");
    }
    let mut sum = 0.0;
    Ok(weights
        .iter()
        .map(|w| {
            sum += w;
            sum
        })
        .collect())
}

/// The fields of one step.
pub struct Fields<'a> {
    pub op: &'a str,
    pub value: &'a Value,
}

impl Fields<'_> {
    pub fn missing<T>(&self, name: &str) -> Result<T> {
        invalid(format!("program: {}: {name} is missing or not what it may be.", self.op))
    }

    pub fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some_and(|v| !v.is_null())
    }

    pub fn num(&self, name: &str) -> Result<Num> {
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

    pub fn num_or(&self, name: &str, default: f64) -> Result<Num> {
        if self.has(name) { self.num(name) } else { Ok(Num::Fixed(default)) }
    }

    pub fn optional(&self, name: &str) -> Result<Option<Num>> {
        if self.has(name) { self.num(name).map(Some) } else { Ok(None) }
    }

    pub fn text(&self, name: &str, default: &'static str) -> &str {
        self.value.get(name).and_then(Value::as_str).unwrap_or(default)
    }

    pub fn list(&self, name: &str, count: usize) -> Result<Vec<f64>> {
        let list = self.value.get(name).and_then(|v| v.as_f64().map(|x| vec![x]).or_else(|| numbers(v)));
        match list {
            Some(list) if count == 0 || list.len() == count => Ok(list),
            _ => self.missing(name),
        }
    }

    pub fn key(&self, name: &str) -> Result<Key> {
        key_of(self.value.get("keys").and_then(|k| k.get(name)))
    }

    pub fn edge(&self) -> Result<Edge> {
        let Some(border) = Border::parse(self.text("border", "constant")) else { return self.missing("border") };
        let Some(kernel) = Kernel::parse(self.text("kernel", "pillow-bilinear")) else { return self.missing("kernel") };
        let default = if self.op == "letterbox" { 0.447 } else { 0.0 };
        let fill = if self.has("fill") { self.list("fill", 0)? } else { vec![default] };
        Ok(Edge { border, fill, kernel })
    }
}
