//! Products with AVX2. The instructions come through `pulp`'s proof that the CPU has them, so there is
//! no unsafe code here.

use super::{LANES, sum};
use crate::matrix::{Input, Matrix, Weights};
use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};
use std::arch::x86_64::{__m128i, __m256, __m256i};
use std::ops::Range;

pub(super) struct Products<'a> {
    pub simd: V3,
    pub matrix: &'a Matrix,
    pub rows: Range<usize>,
    pub input: &'a Input<'a>,
    pub out: &'a mut [f32],
}

impl NullaryFnOnce for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        match &self.matrix.weights {
            Weights::F32(_) => self.floats(),
            Weights::Q8 { .. } => self.all::<Q8>(),
            Weights::Q4 { .. } => self.all::<Q4>(),
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn all<K: Kernel>(&mut self) {
        let (n, rows) = (self.input.n, self.rows.clone());
        let mut row = rows.start;
        while row < rows.end {
            let left = rows.end - row;
            let mut t = 0;
            let tall = if left >= 4 {
                4
            } else if left >= 2 {
                2
            } else {
                1
            };
            while t < n {
                t += match (tall, n - t) {
                    (4, 1) => self.tile::<K, 4, 1>(row, t),
                    (4, _) => self.tile::<K, 4, 2>(row, t),
                    (2, 4..) => self.tile::<K, 2, 4>(row, t),
                    (2, _) => self.tile::<K, 2, 1>(row, t),
                    _ => self.tile::<K, 1, 1>(row, t),
                };
            }
            row += tall;
        }
    }

    /// A multiplication takes four cycles and two begin in each, so eight to twelve sums are under way at once; and
    /// rows come from far away, so several are fetched at once.
    #[inline(always)]
    fn floats(&mut self) {
        let (n, rows) = (self.input.n, self.rows.clone());
        let mut row = rows.start;
        while row < rows.end {
            let tall = match (n, rows.end - row) {
                (1, 8..) => 8,
                (_, 4..) => 4,
                _ => 1,
            };
            let mut t = 0;
            while t < n {
                t += match (tall, n - t) {
                    (8, _) => self.tile::<F32, 8, 1>(row, t),
                    (4, 1) => self.tile::<F32, 4, 1>(row, t),
                    // Two and two where three would leave one alone.
                    (4, 2 | 4) => self.tile::<F32, 4, 2>(row, t),
                    (4, _) => self.tile::<F32, 4, 3>(row, t),
                    (_, 4..) => self.tile::<F32, 1, 4>(row, t),
                    _ => self.tile::<F32, 1, 1>(row, t),
                };
            }
            row += tall;
        }
    }

    #[inline(always)]
    fn tile<K: Kernel, const R: usize, const T: usize>(&mut self, row: usize, t: usize) -> usize {
        let sums = K::tile::<R, T>(self.simd, self.matrix, row, self.input, t);
        let n = self.input.n;
        for (r, sums) in sums.iter().enumerate() {
            self.out[(row - self.rows.start + r) * n + t..][..T].copy_from_slice(sums);
        }
        T
    }
}

trait Kernel {
    fn tile<const R: usize, const T: usize>(
        simd: V3,
        matrix: &Matrix,
        row: usize,
        input: &Input<'_>,
        t: usize,
    ) -> [[f32; T]; R];
}

struct F32;
struct Q8;
struct Q4;

#[inline(always)]
fn zero(simd: V3) -> __m256 {
    simd.avx._mm256_setzero_ps()
}

/// Adds `scale · Σ unsigned·signed` of 32 bytes to a sum's lanes.
#[inline(always)]
fn add(simd: V3, lanes: __m256, unsigned: __m256i, signed: __m256i, scale: f32) -> __m256 {
    // At most 128·127·2: fits sixteen bits.
    let pairs = simd.avx2._mm256_maddubs_epi16(unsigned, signed);
    let fours = simd.avx2._mm256_madd_epi16(pairs, simd.avx._mm256_set1_epi16(1));
    let floats = simd.avx._mm256_cvtepi32_ps(fours);
    simd.fma._mm256_fmadd_ps(floats, simd.avx._mm256_set1_ps(scale), lanes)
}

#[inline(always)]
fn sums<const R: usize, const T: usize>(lanes: [[__m256; T]; R]) -> [[f32; T]; R] {
    let mut sums = [[0.0; T]; R];
    for r in 0..R {
        for t in 0..T {
            sums[r][t] = sum(cast::<__m256, [f32; LANES]>(lanes[r][t]));
        }
    }
    sums
}

impl Kernel for F32 {
    #[inline(always)]
    fn tile<const R: usize, const T: usize>(
        simd: V3,
        matrix: &Matrix,
        row: usize,
        input: &Input<'_>,
        t: usize,
    ) -> [[f32; T]; R] {
        let blocks = matrix.cols / LANES;
        let mut w = [(&[][..], &[][..]); R];
        for (r, w) in w.iter_mut().enumerate() {
            let (whole, rest) = matrix.floats(row + r).as_chunks::<LANES>();
            *w = (&whole[..blocks], rest);
        }
        let mut x = [(&[][..], &[][..]); T];
        for (i, x) in x.iter_mut().enumerate() {
            let (whole, rest) = input.floats(t + i).as_chunks::<LANES>();
            *x = (&whole[..blocks], rest);
        }
        let mut lanes = [[zero(simd); T]; R];
        for b in 0..blocks {
            for r in 0..R {
                let w: __m256 = cast(w[r].0[b]);
                for t in 0..T {
                    lanes[r][t] = simd.fma._mm256_fmadd_ps(w, cast(x[t].0[b]), lanes[r][t]);
                }
            }
        }
        let mut sums = sums(lanes);
        for r in 0..R {
            for t in 0..T {
                sums[r][t] += w[r].1.iter().zip(x[t].1).map(|(w, x)| w * x).sum::<f32>();
            }
        }
        sums
    }
}

impl Kernel for Q8 {
    #[inline(always)]
    fn tile<const R: usize, const T: usize>(
        simd: V3,
        matrix: &Matrix,
        row: usize,
        input: &Input<'_>,
        t: usize,
    ) -> [[f32; T]; R] {
        let blocks = matrix.cols / 32;
        let mut w = [(&[][..], &[][..]); R];
        for (r, w) in w.iter_mut().enumerate() {
            let (q, d) = matrix.q8(row + r);
            *w = (&q[..blocks], &d[..blocks]);
        }
        let mut x = [(&[][..], &[][..]); T];
        for (i, x) in x.iter_mut().enumerate() {
            let (q, d, _) = input.bytes(t + i);
            *x = (&q[..blocks], &d[..blocks]);
        }
        let mut lanes = [[zero(simd); T]; R];
        for b in 0..blocks {
            for r in 0..R {
                let signed: __m256i = cast(w[r].0[b]);
                let size = simd.avx2._mm256_abs_epi8(signed);
                for t in 0..T {
                    let turned = simd.avx2._mm256_sign_epi8(cast(x[t].0[b]), signed);
                    lanes[r][t] = add(simd, lanes[r][t], size, turned, w[r].1[b] * x[t].1[b]);
                }
            }
        }
        sums(lanes)
    }
}

impl Kernel for Q4 {
    #[inline(always)]
    fn tile<const R: usize, const T: usize>(
        simd: V3,
        matrix: &Matrix,
        row: usize,
        input: &Input<'_>,
        t: usize,
    ) -> [[f32; T]; R] {
        let blocks = matrix.cols / 32;
        let mut w = [(&[][..], &[][..], &[][..]); R];
        for (r, w) in w.iter_mut().enumerate() {
            let (q, d, m) = matrix.q4(row + r);
            *w = (&q[..blocks], &d[..blocks], &m[..blocks]);
        }
        let mut x = [(&[][..], &[][..], &[][..]); T];
        for (i, x) in x.iter_mut().enumerate() {
            let (q, d, s) = input.bytes(t + i);
            *x = (&q[..blocks], &d[..blocks], &s[..blocks]);
        }
        let mask = simd.avx._mm256_set1_epi8(15);
        let mut lanes = [[zero(simd); T]; R];
        let mut mins = [[0.0f32; T]; R];
        for b in 0..blocks {
            for r in 0..R {
                let low: __m128i = cast(w[r].0[b]);
                let high = simd.sse2._mm_srli_epi16::<4>(low);
                let both = simd.avx._mm256_set_m128i(high, low);
                let nibbles = simd.avx2._mm256_and_si256(both, mask);
                for t in 0..T {
                    lanes[r][t] = add(simd, lanes[r][t], nibbles, cast(x[t].0[b]), w[r].1[b] * x[t].1[b]);
                    mins[r][t] += w[r].2[b] * x[t].2[b];
                }
            }
        }
        let mut sums = sums(lanes);
        for r in 0..R {
            for t in 0..T {
                sums[r][t] += mins[r][t];
            }
        }
        sums
    }
}
