//! The kernels: how far each reaches, and its weight at a distance.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernel {
    Bilinear,
    Bicubic,
    Area,
    Lanczos,
    /// Two taps whatever the scale.
    Linear,
    Nearest,
}

impl Kernel {
    pub fn parse(name: &str) -> Option<Kernel> {
        Some(match name {
            "pillow-bilinear" => Kernel::Bilinear,
            "pillow-bicubic" => Kernel::Bicubic,
            "area" => Kernel::Area,
            "lanczos" => Kernel::Lanczos,
            "opencv-linear" => Kernel::Linear,
            "nearest" => Kernel::Nearest,
            _ => return None,
        })
    }

    pub fn support(self) -> f64 {
        match self {
            Kernel::Bilinear | Kernel::Linear => 1.0,
            Kernel::Bicubic => 2.0,
            Kernel::Area | Kernel::Nearest => 0.5,
            Kernel::Lanczos => 3.0,
        }
    }

    pub fn weight(self, x: f64) -> f64 {
        let a = x.abs();
        match self {
            Kernel::Bilinear | Kernel::Linear => (1.0 - a).max(0.0),
            Kernel::Bicubic => {
                if a < 1.0 {
                    (1.5 * a - 2.5) * a * a + 1.0
                } else if a < 2.0 {
                    ((-0.5 * a + 2.5) * a - 4.0) * a + 2.0
                } else {
                    0.0
                }
            }
            Kernel::Area | Kernel::Nearest => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Kernel::Lanczos => {
                let sinc = |t: f64| {
                    if t == 0.0 { 1.0 } else { (t * std::f64::consts::PI).sin() / (t * std::f64::consts::PI) }
                };
                if a < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
            }
        }
    }
}
