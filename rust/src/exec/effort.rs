//! About how long a sample takes, before it is run: a batch that begins with the longest ends on all threads at once.

use super::{Sample, Source};
use crate::geometry::{project, times};

/// A byte of a file takes as long as so many pixels of what is looked at: fitted to 48 photographs in P1, P2, P3 and P6.
const BYTE: f64 = 4.0;

impl Sample<'_> {
    /// In pixels.
    pub fn effort(&self) -> f64 {
        let file = if let Source::Jpeg(data, _) = &self.source { data.len() as f64 } else { 0.0 };
        BYTE * file + self.looked_at()
    }

    /// The pixels of the source around everything that comes out; all of them where that is not known.
    fn looked_at(&self) -> f64 {
        let (width, height) = self.source.size();
        let (width, height) = (width as f64, height as f64);
        let all = width * height;
        let stages = || self.segments.iter().flat_map(|s| &s.stages);
        let Some(last) = stages().last() else { return all };
        let mut back = None;
        for stage in stages() {
            let Ok(one) = stage.back() else { return all };
            back = Some(back.map_or(one, |before| times(&before, &one)));
        }
        let Some(back) = back else { return all };
        let (w, h) = (last.target.0 as f64, last.target.1 as f64);
        let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
        if corners.iter().any(|&(x, y)| back[6] * x + back[7] * y + back[8] < 1e-3) {
            return all;
        }
        let points = corners.map(|(x, y)| project(&back, x, y));
        let span = |values: [f64; 4], side: f64| {
            let (low, high) = values.iter().fold((side, 0.0f64), |(l, h), &v| (l.min(v), h.max(v)));
            (high.min(side) - low.max(0.0)).max(0.0)
        };
        span(points.map(|p| p.0), width) * span(points.map(|p| p.1), height)
    }
}
