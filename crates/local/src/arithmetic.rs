//! The inner loops. Written once for any CPU and once, for the integers, with AVX2, which is looked
//! for when the program runs: one binary is fast where it can be and right everywhere (ADR 0018).
//!
//! Each sum of a product has its own lanes and its own order, whatever is computed beside it, so that
//! a reply does not depend on who else is being answered.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::matrix::{Input, Matrix};
use pulp::NullaryFnOnce;
use std::ops::Range;

/// Numbers that are summed side by side.
const LANES: usize = 8;

/// Products of some rows of a matrix with every vector of the input, a row's products together.
pub(crate) fn products(matrix: &Matrix, rows: Range<usize>, input: &Input<'_>, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        simd.vectorize(x86::Products { simd, matrix, rows, input, out });
        return;
    }
    portable::Products { matrix, rows, input, out }.call();
}

/// Runs plain code with the best instructions that this CPU has.
pub(crate) fn run<Op: NullaryFnOnce>(op: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return simd.vectorize(op);
    }
    op.call()
}

#[inline(always)]
pub(crate) fn sum(lanes: [f32; LANES]) -> f32 {
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

/// The products of `R` rows with `T` vectors; the loads of one serve the other.
#[expect(clippy::needless_range_loop, reason = "plain numbers are what the compiler makes vectors of")]
#[inline(always)]
pub(crate) fn tile<const R: usize, const T: usize>(w: [&[f32]; R], x: [&[f32]; T]) -> [[f32; T]; R] {
    let mut lanes = [[[0.0f32; LANES]; T]; R];
    let w = w.map(|w| w.as_chunks::<LANES>());
    let x = x.map(|x| x.as_chunks::<LANES>());
    let full = x.iter().map(|x| x.0.len()).chain(w.iter().map(|w| w.0.len())).min().unwrap_or(0);
    for i in 0..full {
        for r in 0..R {
            for t in 0..T {
                for lane in 0..LANES {
                    lanes[r][t][lane] += w[r].0[i][lane] * x[t].0[i][lane];
                }
            }
        }
    }
    let mut sums = [[0.0; T]; R];
    for r in 0..R {
        for t in 0..T {
            let rest = w[r].1.iter().zip(x[t].1).map(|(w, x)| w * x).sum::<f32>();
            sums[r][t] = sum(lanes[r][t]) + rest;
        }
    }
    sums
}

/// e to the x, to seven digits, in steps that a vector unit can take.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let mut p = 1.987_569_2e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * rest + c;
    }
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    (p * rest * rest + rest + 1.0) * f32::from_bits(power)
}

/// What one head sees of the past: softmax of the products with the keys, then the values by it.
pub(crate) struct Attend<'a> {
    /// What is asked.
    pub query: &'a [f32],
    /// The keys, each `stride` apart, from this head's first number.
    pub keys: &'a [f32],
    /// The values, in the same way.
    pub values: &'a [f32],
    /// From one position to the next.
    pub stride: usize,
    /// What is added to each product, by position; T5's bias of distances.
    pub bias: Option<&'a [f32]>,
    /// How many positions are seen.
    pub seen: usize,
    /// What products are multiplied with.
    pub scale: f32,
    /// Room for a number for each position.
    pub scores: &'a mut Vec<f32>,
    /// The answer.
    pub out: &'a mut [f32],
}

impl NullaryFnOnce for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { query, keys, values, stride, bias, seen, scale, scores, out } = self;
        let width = query.len();
        scores.clear();
        let mut most = f32::NEG_INFINITY;
        for position in 0..seen {
            let [[product]] = tile([&keys[position * stride..][..width]], [query]);
            let score = product * scale + bias.map_or(0.0, |bias| bias[position]);
            most = most.max(score);
            scores.push(score);
        }
        let mut total = 0.0;
        for score in scores.iter_mut() {
            *score = exp(*score - most);
            total += *score;
        }
        out.fill(0.0);
        for (position, score) in scores.iter().enumerate() {
            let value = &values[position * stride..][..out.len()];
            for (out, value) in out.iter_mut().zip(value) {
                *out += score * value;
            }
        }
        let share = 1.0 / total;
        out.iter_mut().for_each(|out| *out *= share);
    }
}

/// `x·w / rms(x)`, the norm of all these models.
pub(crate) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let [[squares]] = tile([x], [x]);
    let scale = 1.0 / (squares / x.len() as f32 + epsilon).sqrt();
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}

/// `silu(gate) · up`, into `gate`.
pub(crate) struct SwiGlu<'a> {
    /// Becomes the answer.
    pub gate: &'a mut [f32],
    /// What it lets through.
    pub up: &'a [f32],
}

impl NullaryFnOnce for SwiGlu<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (gate, up) in self.gate.iter_mut().zip(self.up) {
            *gate = *gate / (1.0 + exp(-*gate)) * up;
        }
    }
}

/// Writes a vector as bytes with a scale for each 32: what quantised rows are multiplied with.
pub(crate) struct Quantise<'a> {
    /// The vector.
    pub x: &'a [f32],
    /// Its bytes.
    pub q: &'a mut [i8],
    /// The scale of each 32.
    pub scales: &'a mut [f32],
    /// The sum of each 32.
    pub sums: &'a mut [f32],
}

impl NullaryFnOnce for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        const ROUND: f32 = 12_582_912.0;
        let (x, _) = self.x.as_chunks::<32>();
        let (q, _) = self.q.as_chunks_mut::<32>();
        for (((x, q), scale), total) in x.iter().zip(q).zip(self.scales).zip(self.sums) {
            let most = x.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            *scale = most / 127.0;
            let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
            let mut whole = 0i32;
            for (x, q) in x.iter().zip(q) {
                // To the nearest whole number, by the way floats are written.
                let n = (x * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
                *q = n as i8;
                whole += n;
            }
            *total = *scale * whole as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_has_seven_digits() {
        let worst = (-800..=800)
            .map(|n| n as f32 / 10.0)
            .map(|x| (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(worst < 3e-7, "{worst}");
    }

    #[test]
    fn a_head_sees_what_it_asks_for() {
        let keys = [1.0, 0.0, 0.0, 1.0];
        let mut out = [0.0; 2];
        let mut scores = Vec::new();
        let values = [1.0, 2.0, 3.0, 4.0];
        let query = [50.0, 0.0];
        run(Attend {
            query: &query,
            keys: &keys,
            values: &values,
            stride: 2,
            bias: None,
            seen: 2,
            scale: 1.0,
            scores: &mut scores,
            out: &mut out,
        });
        assert!((out[0] - 1.0).abs() < 1e-6 && (out[1] - 2.0).abs() < 1e-6, "{out:?}");
    }
}
