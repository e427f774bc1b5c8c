//! Products for any CPU.

use super::tile;
use crate::matrix::{Input, Matrix, Weights};
use pulp::NullaryFnOnce;
use std::ops::Range;

pub(super) struct Products<'a> {
    pub matrix: &'a Matrix,
    pub rows: Range<usize>,
    pub input: &'a Input<'a>,
    pub out: &'a mut [f32],
}

impl NullaryFnOnce for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { matrix, rows, input, out } = self;
        match &matrix.weights {
            Weights::F32(_) => floats(matrix, rows, input, out),
            Weights::Q8 { .. } | Weights::Q4 { .. } => integers(matrix, rows, input, out),
        }
    }
}

/// Rows of floats: tiles of four, the shape by how many vectors there are.
#[inline(always)]
fn floats(matrix: &Matrix, rows: Range<usize>, input: &Input<'_>, out: &mut [f32]) {
    let (n, first) = (input.n, rows.start);
    let mut row = rows.start;
    while row < rows.end {
        let tall = if rows.end - row >= 4 { 4 } else { 1 };
        let mut t = 0;
        while t < n {
            let to = (row - first) * n;
            if tall == 4 && n - t >= 2 {
                let w = [0, 1, 2, 3].map(|r| matrix.floats(row + r));
                let tile = tile(w, [input.floats(t), input.floats(t + 1)]);
                for (r, sums) in tile.iter().enumerate() {
                    out[to + r * n + t..][..2].copy_from_slice(sums);
                }
                t += 2;
            } else if tall == 4 {
                let tile = tile([0, 1, 2, 3].map(|r| matrix.floats(row + r)), [input.floats(t)]);
                for (r, sums) in tile.iter().enumerate() {
                    out[to + r * n + t] = sums[0];
                }
                t += 1;
            } else {
                let [[product]] = tile([matrix.floats(row)], [input.floats(t)]);
                out[to + t] = product;
                t += 1;
            }
        }
        row += tall;
    }
}

#[inline(always)]
fn integers(matrix: &Matrix, rows: Range<usize>, input: &Input<'_>, out: &mut [f32]) {
    let n = input.n;
    for (row, out) in rows.zip(out.chunks_exact_mut(n)) {
        for (t, out) in out.iter_mut().enumerate() {
            let (x, scales, sums) = input.bytes(t);
            *out = match &matrix.weights {
                Weights::Q8 { .. } => {
                    let (w, d) = matrix.q8(row);
                    w.iter().zip(d).zip(x.iter().zip(scales)).map(|((w, d), (x, s))| d * s * dot(w, x)).sum()
                }
                _ => {
                    let (w, d, m) = matrix.q4(row);
                    let products = w
                        .iter()
                        .zip(d)
                        .zip(x.iter().zip(scales))
                        .map(|((w, d), (x, s))| d * s * nibbles(w, x));
                    products.sum::<f32>() + tile([m], [sums])[0][0]
                }
            };
        }
    }
}

#[inline(always)]
fn dot(w: &[i8; 32], x: &[i8; 32]) -> f32 {
    w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum::<i32>() as f32
}

#[inline(always)]
fn nibbles(w: &[u8; 16], x: &[i8; 32]) -> f32 {
    let low = w.iter().zip(&x[..16]).map(|(w, x)| i32::from(w & 15) * i32::from(*x)).sum::<i32>();
    let high = w.iter().zip(&x[16..]).map(|(w, x)| i32::from(w >> 4) * i32::from(*x)).sum::<i32>();
    (low + high) as f32
}
