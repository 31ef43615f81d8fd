//! A number of a step: fixed, or drawn for every sample.

use crate::chance::{self, Address, Key, Law};

/// A number of a step.
#[derive(Clone, Debug)]
pub enum Num {
    Fixed(f64),
    Drawn { law: Law, key: Key, whole: bool },
    Choice { options: Vec<f64>, edges: Vec<f64>, key: Key },
}

impl Num {
    pub fn get(&self, address: &Address) -> f64 {
        match self {
            Num::Fixed(v) => *v,
            Num::Drawn { law, key, whole } => law.value(chance::words::<1>(address, *key)[0], *whole),
            Num::Choice { options, edges, key } => options[chance::index(chance::words::<1>(address, *key)[0], edges)],
        }
    }
}
