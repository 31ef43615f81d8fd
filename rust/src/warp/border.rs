//! What lies beyond the edge of a picture.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Border {
    Constant,
    Reflect,
    Symmetric,
    Replicate,
    Wrap,
}

impl Border {
    pub fn parse(name: &str) -> Option<Border> {
        Some(match name {
            "constant" => Border::Constant,
            "reflect" => Border::Reflect,
            "symmetric" => Border::Symmetric,
            "replicate" => Border::Replicate,
            "wrap" => Border::Wrap,
            _ => return None,
        })
    }

    /// Brings a continuous coordinate (in pixel indices) back inside.
    #[inline]
    pub(crate) fn into(self, at: f64, length: usize) -> f64 {
        let n = length as f64;
        match self {
            Border::Constant => at,
            Border::Replicate => at.clamp(0.0, n - 1.0),
            Border::Wrap => (at + 0.5).rem_euclid(n) - 0.5,
            Border::Symmetric => {
                let t = (at + 0.5).rem_euclid(2.0 * n);
                (if t > n { 2.0 * n - t } else { t }) - 0.5
            }
            Border::Reflect if length == 1 => 0.0,
            Border::Reflect => {
                let t = at.rem_euclid(2.0 * (n - 1.0));
                if t > n - 1.0 { 2.0 * (n - 1.0) - t } else { t }
            }
        }
    }
}
