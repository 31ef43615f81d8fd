//! The tables of one axis: which samples each output is made of, with which weights.

use super::kernel::Kernel;
use super::picked::{GROUP, REACH, TAPS};
use crate::error::{Result, invalid};

/// The weights of one axis: output `i` is the sum over `k < taps` of `weights[i * taps + k] * input[start[i] + k]`.
#[derive(Default, Clone, Debug)]
pub struct Axis {
    pub taps: usize,
    pub start: Vec<u32>,
    pub weights: Vec<f32>,
    /// The inputs that are used: `low..high`.
    pub low: usize,
    pub high: usize,
    /// For `picked`: the weights once more, of each `GROUP` outputs those of the first tap, of the second one and so on.
    /// Empty where a group stretches too far.
    pub by_tap: Vec<f32>,
    made_for: Option<(Span, Outputs, Kernel, Option<usize>, usize, usize)>,
}

/// Which outputs of an axis are wanted, and in which order: `sign * i + offset` for `i` in `low..high`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outputs {
    pub low: usize,
    pub high: usize,
    pub sign: i64,
    pub offset: i64,
}

impl Outputs {
    fn len(&self) -> usize {
        self.high - self.low
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let (sign, offset) = (self.sign, self.offset);
        (self.low..self.high).map(move |i| (sign * i as i64 + offset) as usize)
    }
}

/// One axis of the wanted map: `from..to` of a line becomes `count` samples.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Span {
    /// The samples that may be used: `low..high`. Kernels end there, as if the line did.
    pub low: usize,
    pub high: usize,
    pub from: f64,
    pub to: f64,
    pub count: usize,
}

impl Span {
    /// A whole line of samples.
    pub fn whole(length: usize, count: usize) -> Span {
        Span { low: 0, high: length, from: 0.0, to: length as f64, count }
    }
}

impl Axis {
    /// Fills the tables for a window that starts at sample `origin` and holds `length` samples. Asked again for the same
    /// ones, as for pictures of one size, it does nothing.
    ///
    /// `halved` is the length of a line that has a sample for every two of the span's: the tables then read that line
    /// as if it had been widened first, as libjpeg widens chroma (a quarter of the way to the neighbor).
    pub fn fit(
        &mut self,
        span: Span,
        outputs: Outputs,
        kernel: Kernel,
        halved: Option<usize>,
        (origin, length): (usize, usize),
    ) -> Result<()> {
        let key = (span, outputs, kernel, halved, origin, length);
        if self.made_for == Some(key) {
            return Ok(());
        }
        self.made_for = None;
        self.set(span, outputs, kernel)?;
        if let Some(half) = halved {
            self.fold(half);
        }
        self.move_to_window(origin, length)?;
        self.sort_by_tap();
        self.made_for = Some(key);
        Ok(())
    }

    /// Fills the tables for some of the outputs, in the order given; their memory is used again.
    fn set(&mut self, span: Span, outputs: Outputs, kernel: Kernel) -> Result<()> {
        let Span { low, high, from, to, count } = span;
        let length = high.saturating_sub(low);
        if count == 0 || length == 0 || !(from >= low as f64 - 1.0 && to <= high as f64 + 1.0 && to > from) {
            return invalid(format!(
                "resize: box must lie inside the picture and not be empty; got {from} to {to}, as {count} samples."
            ));
        }
        let scale = (to - from) / count as f64;
        let stretch = if kernel == Kernel::Linear || kernel == Kernel::Nearest { 1.0 } else { scale.max(1.0) };
        let (support, inverse) = (kernel.support() * stretch, 1.0 / stretch);
        let most = (support.ceil() as usize) * 2 + 1;
        // Weights of zero at the ends are left out, so that there are as few taps as the longest output needs.
        let mut rows: Vec<(usize, usize)> = Vec::with_capacity(outputs.len());
        let mut values: Vec<f32> = Vec::with_capacity(outputs.len() * most.min(length));
        let mut taps = 1;
        let mut w = vec![0.0f64; most.max(2)];
        // Pillow sums its nearest positions up step by step, which decides ties.
        let mut positions = Vec::new();
        if kernel == Kernel::Nearest {
            let mut at = from - low as f64 + scale * 0.5;
            for _ in 0..count {
                positions.push(at);
                at += scale;
            }
        }
        for i in outputs.iter() {
            // Positions are counted from the first sample that may be used.
            let center = from + (i as f64 + 0.5) * scale - low as f64;
            let (first, n);
            if kernel == Kernel::Nearest {
                let at = positions.get(i).copied().unwrap_or(center);
                (first, n) = ((at.max(0.0) as usize).min(length - 1), 1);
                w[0] = 1.0;
            } else if kernel == Kernel::Linear {
                let at = (center - 0.5).clamp(0.0, (length - 1) as f64);
                first = (at as usize).min(length.saturating_sub(2));
                n = 2.min(length);
                w[0] = if n == 1 { 1.0 } else { 1.0 - (at - first as f64) };
                w[1] = at - first as f64;
            } else {
                // Pillow's definition: the samples whose middles lie within the support, to the nearest half.
                first = ((center - support + 0.5).max(0.0) as usize).min(length - 1);
                let end = ((center + support + 0.5).max(0.0) as usize).clamp(first + 1, length);
                n = (end - first).min(most);
                let mut sum = 0.0;
                let start = first as f64 - center + 0.5;
                if kernel == Kernel::Bilinear {
                    for (k, w) in w[..n].iter_mut().enumerate() {
                        *w = (1.0 - (start + k as f64).abs() * inverse).max(0.0);
                        sum += *w;
                    }
                } else {
                    for (k, w) in w[..n].iter_mut().enumerate() {
                        *w = kernel.weight((start + k as f64) * inverse);
                        sum += *w;
                    }
                }
                if sum == 0.0 {
                    (w[0], sum) = (1.0, 1.0);
                }
                let share = 1.0 / sum;
                for w in &mut w[..n] {
                    *w *= share;
                }
            }
            let lead = w[..n].iter().position(|&w| w as f32 != 0.0).unwrap_or(0);
            let end = w[..n].iter().rposition(|&w| w as f32 != 0.0).map_or(lead + 1, |k| k + 1);
            rows.push((first + lead, end - lead));
            values.extend(w[lead..end].iter().map(|&w| w as f32));
            taps = taps.max(end - lead);
        }
        self.taps = taps;
        self.start.clear();
        self.weights.clear();
        self.weights.resize(rows.len() * taps, 0.0);
        (self.low, self.high) = (high, low);
        let mut taken = 0;
        for ((first, n), line) in rows.into_iter().zip(self.weights.chunks_exact_mut(taps)) {
            let start = first.min(length - taps);
            line[first - start..first - start + n].copy_from_slice(&values[taken..taken + n]);
            taken += n;
            self.start.push((low + start) as u32);
            self.low = self.low.min(low + start);
            self.high = self.high.max(low + start + taps);
        }
        Ok(())
    }

    /// From tables over widened samples to tables over the `half` samples they are made of.
    fn fold(&mut self, half: usize) {
        let old = std::mem::take(&mut self.weights);
        // n widened samples are made of at most n / 2 + 2.
        let taps = (self.taps / 2 + 2).min(half);
        self.weights.resize(self.start.len() * taps, 0.0);
        (self.low, self.high) = (half, 0);
        let lines = self.weights.chunks_exact_mut(taps).zip(old.chunks_exact(self.taps));
        for (start, (line, old)) in self.start.iter_mut().zip(lines) {
            let from = *start as usize;
            let first = (from / 2).saturating_sub(usize::from(from.is_multiple_of(2))).min(half - taps);
            for (k, &w) in old.iter().enumerate().filter(|&(_, &w)| w != 0.0) {
                let x = from + k;
                let near = (x / 2).min(half - 1);
                let far = if x.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(half - 1) };
                line[near - first] += 0.75 * w;
                line[far - first] += 0.25 * w;
            }
            *start = first as u32;
            self.low = self.low.min(first);
            self.high = self.high.max(first + taps);
        }
        self.taps = taps;
    }

    /// Tables for every output.
    pub fn new(span: Span, kernel: Kernel, flip: bool) -> Result<Axis> {
        let mut axis = Axis::default();
        let n = span.count;
        let (sign, offset) = if flip { (-1, n as i64 - 1) } else { (1, 0) };
        axis.set(span, Outputs { low: 0, high: n, sign, offset }, kernel)?;
        axis.sort_by_tap();
        Ok(axis)
    }

    /// Moves the table into a window that starts at sample `origin` and holds `length` samples.
    fn move_to_window(&mut self, origin: usize, length: usize) -> Result<()> {
        if self.low < origin || self.high > origin + length {
            return invalid("resize: the decoded part does not hold the samples that are needed.");
        }
        for s in &mut self.start {
            *s -= origin as u32;
        }
        self.low -= origin;
        self.high -= origin;
        Ok(())
    }

    /// Lays the weights out for `picked`, if that can make these outputs.
    fn sort_by_tap(&mut self) {
        self.by_tap.clear();
        let near = |group: &[u32]| {
            let (low, high) = group.iter().fold((u32::MAX, 0), |(low, high), &s| (low.min(s), high.max(s)));
            // Where a group begins is known from its ends alone.
            low == group[0].min(group[group.len() - 1]) && (high - low) as usize + self.taps <= REACH
        };
        if self.taps > TAPS || !self.start.chunks(GROUP).all(near) {
            return;
        }
        self.by_tap.resize(self.start.len().next_multiple_of(GROUP) * self.taps, 0.0);
        let groups = self.weights.chunks(GROUP * self.taps).zip(self.by_tap.chunks_exact_mut(GROUP * self.taps));
        for (from, to) in groups {
            for (i, weights) in from.chunks_exact(self.taps).enumerate() {
                for (k, &w) in weights.iter().enumerate() {
                    to[k * GROUP + i] = w;
                }
            }
        }
    }

    /// Whether every `GROUP` outputs are made of samples that lie within `REACH`.
    pub fn is_near(&self) -> bool {
        !self.by_tap.is_empty()
    }

    pub fn count(&self) -> usize {
        self.start.len()
    }
}
