//! Matrices as models keep them, and their products with many vectors at once.

use crate::arithmetic::{Quantise, run};
use crate::gguf::Gguf;
use crate::quant::{self, f16_at, scale_and_min};
use crate::{LocalError, arithmetic};
use rayon::prelude::*;

/// Rows of numbers. Quantised rows have a scale for each 32 numbers.
pub(crate) enum Weights {
    F32(Vec<f32>),
    /// `d·q`
    Q8 {
        q: Vec<i8>,
        d: Vec<f32>,
    },
    /// `d·q + m`; a byte holds the `j`th and the `j+16`th number of its 32.
    Q4 {
        q: Vec<u8>,
        d: Vec<f32>,
        m: Vec<f32>,
    },
}

pub(crate) struct Matrix {
    pub rows: usize,
    pub cols: usize,
    pub weights: Weights,
}

impl Matrix {
    /// Out of floats.
    pub fn of_floats(rows: usize, cols: usize, numbers: Vec<f32>) -> Self {
        Self { rows, cols, weights: Weights::F32(numbers) }
    }

    /// A tensor of a file. 32-bit floats stay what they are; Q4_0, Q4_1 and Q4_K stay four bits wide;
    /// all else becomes eight bits: there are two fast loops, not twelve.
    pub fn load(gguf: &mut Gguf, name: &str) -> Result<Self, LocalError> {
        let place = gguf.place(name).cloned();
        let place = place.ok_or_else(|| gguf.wrong(format!("has no tensor {name}")))?;
        let &[cols, rows] = place.shape.as_slice() else {
            return Err(gguf.wrong(format!("tensor {name} is no matrix")));
        };
        let (format, bytes) = read(gguf, name)?;
        let row_bytes = cols / format.numbers * format.bytes;
        if cols % 32 != 0 || place.kind == 0 {
            let numbers = floats(&format, &bytes, rows * cols);
            return Ok(Self::of_floats(rows, cols, numbers));
        }
        let weights = match place.kind {
            2 | 3 | 12 => {
                let blocks = rows * cols / 32;
                let (mut q, mut d, mut m) =
                    (Vec::with_capacity(blocks * 16), Vec::with_capacity(blocks), Vec::with_capacity(blocks));
                for block in bytes.chunks_exact(format.bytes) {
                    four_bits(place.kind, block, &mut q, &mut d, &mut m);
                }
                Weights::Q4 { q, d, m }
            }
            _ => {
                let (mut q, mut d) = (vec![0; rows * cols], vec![0.0; rows * cols / 32]);
                q.par_chunks_mut(cols)
                    .zip(d.par_chunks_mut(cols / 32))
                    .zip(bytes.par_chunks(row_bytes))
                    .for_each(|((q, d), bytes)| {
                        let row = floats(&format, bytes, cols);
                        let mut sums = vec![0.0; cols / 32];
                        run(Quantise { x: &row, q, scales: d, sums: &mut sums });
                    });
                Weights::Q8 { q, d }
            }
        };
        Ok(Self { rows, cols, weights })
    }

    #[inline(always)]
    pub fn floats(&self, row: usize) -> &[f32] {
        match &self.weights {
            Weights::F32(w) => &w[row * self.cols..][..self.cols],
            _ => &[],
        }
    }

    #[inline(always)]
    pub fn q8(&self, row: usize) -> (&[[i8; 32]], &[f32]) {
        let blocks = self.cols / 32;
        match &self.weights {
            Weights::Q8 { q, d } => {
                (q[row * self.cols..][..self.cols].as_chunks().0, &d[row * blocks..][..blocks])
            }
            _ => (&[], &[]),
        }
    }

    #[inline(always)]
    pub fn q4(&self, row: usize) -> (&[[u8; 16]], &[f32], &[f32]) {
        let blocks = self.cols / 32;
        match &self.weights {
            Weights::Q4 { q, d, m } => (
                q[row * blocks * 16..][..blocks * 16].as_chunks().0,
                &d[row * blocks..][..blocks],
                &m[row * blocks..][..blocks],
            ),
            _ => (&[], &[], &[]),
        }
    }

    /// A row as numbers, such as a word's place in an embedding.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        match &self.weights {
            Weights::F32(_) => out.copy_from_slice(self.floats(row)),
            Weights::Q8 { .. } => {
                let (q, d) = self.q8(row);
                for ((q, d), out) in q.iter().zip(d).zip(out.as_chunks_mut::<32>().0) {
                    *out = q.map(|q| d * f32::from(q));
                }
            }
            Weights::Q4 { .. } => {
                let (q, d, m) = self.q4(row);
                for (((q, d), m), out) in q.iter().zip(d).zip(m).zip(out.as_chunks_mut::<32>().0) {
                    for (j, q) in q.iter().enumerate() {
                        out[j] = d * f32::from(q & 15) + m;
                        out[j + 16] = d * f32::from(q >> 4) + m;
                    }
                }
            }
        }
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        match &self.weights {
            Weights::F32(w) => w.len() * 4,
            Weights::Q8 { q, d } => q.len() + d.len() * 4,
            Weights::Q4 { q, d, m } => q.len() + (d.len() + m.len()) * 4,
        }
    }
}

fn read(gguf: &mut Gguf, name: &str) -> Result<(quant::Format, Vec<u8>), LocalError> {
    let place = gguf.place(name).cloned();
    let place = place.ok_or_else(|| gguf.wrong(format!("has no tensor {name}")))?;
    let format = quant::format(place.kind)
        .ok_or_else(|| gguf.wrong(format!("tensor {name} has the unknown type {}; F32, F16, BF16, Q4_0 to Q8_0 and Q2_K to Q6_K can be read", place.kind)))?;
    let numbers = place.shape.iter().try_fold(1usize, |all, length| all.checked_mul(*length));
    let numbers = numbers.filter(|numbers| numbers % format.numbers == 0);
    let first = place.shape.first().copied().unwrap_or(1);
    match numbers.and_then(|numbers| (numbers / format.numbers).checked_mul(format.bytes)) {
        Some(length) if first % format.numbers == 0 => Ok((format, gguf.read_at(place.offset, length)?)),
        _ => Err(gguf.wrong(format!("tensor {name} has a shape that its type cannot have"))),
    }
}

/// A tensor of one dimension, as numbers.
pub(crate) fn vector(gguf: &mut Gguf, name: &str, length: usize) -> Result<Vec<f32>, LocalError> {
    let (format, bytes) = read(gguf, name)?;
    let numbers = bytes.len() / format.bytes * format.numbers;
    if numbers != length {
        return Err(gguf.wrong(format!("tensor {name} has {numbers} numbers and not {length}")));
    }
    Ok(floats(&format, &bytes, length))
}

fn floats(format: &quant::Format, bytes: &[u8], count: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; count];
    for (block, out) in bytes.chunks_exact(format.bytes).zip(numbers.chunks_exact_mut(format.numbers)) {
        (format.read)(block, out);
    }
    numbers
}

/// A block of four-bit numbers in our order, without a loss.
fn four_bits(kind: u32, block: &[u8], q: &mut Vec<u8>, d: &mut Vec<f32>, m: &mut Vec<f32>) {
    match kind {
        2 => {
            d.push(f16_at(block, 0));
            m.push(-8.0 * f16_at(block, 0));
            q.extend_from_slice(&block[2..18]);
        }
        3 => {
            d.push(f16_at(block, 0));
            m.push(f16_at(block, 2));
            q.extend_from_slice(&block[4..20]);
        }
        _ => {
            let (scale, min) = (f16_at(block, 0), f16_at(block, 2));
            for i in 0..8 {
                let (sub_scale, sub_min) = scale_and_min(&block[4..16], i);
                d.push(scale * sub_scale);
                m.push(-min * sub_min);
                let nibble = |j: usize| {
                    let byte = block[16 + i / 2 * 32 + j];
                    if i % 2 == 0 { byte & 15 } else { byte >> 4 }
                };
                q.extend((0..16).map(|j| nibble(j) | nibble(j + 16) << 4));
            }
        }
    }
}

/// Vectors that matrices are multiplied with.
pub(crate) struct Input<'a> {
    /// How many vectors.
    pub n: usize,
    cols: usize,
    x: &'a [f32],
    q: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<f32>,
}

impl<'a> Input<'a> {
    pub fn new(x: &'a [f32], cols: usize) -> Self {
        Self { n: x.len() / cols, cols, x, q: Vec::new(), scales: Vec::new(), sums: Vec::new() }
    }

    fn quantise(&mut self) {
        let blocks = self.x.len() / 32;
        self.q.resize(self.x.len(), 0);
        self.scales.resize(blocks, 0.0);
        self.sums.resize(blocks, 0.0);
        run(Quantise { x: self.x, q: &mut self.q, scales: &mut self.scales, sums: &mut self.sums });
    }

    #[inline(always)]
    pub fn floats(&self, t: usize) -> &[f32] {
        &self.x[t * self.cols..][..self.cols]
    }

    /// Bytes, scales and sums of a vector.
    #[inline(always)]
    pub fn bytes(&self, t: usize) -> (&[[i8; 32]], &[f32], &[f32]) {
        let blocks = self.cols / 32;
        let part = t * blocks..(t + 1) * blocks;
        let q = &self.q[t * self.cols..][..self.cols];
        (q.as_chunks().0, &self.scales[part.clone()], &self.sums[part])
    }
}

/// Products of several matrices with the same vectors, on all threads: one answer for each matrix,
/// vector by vector.
pub(crate) fn multiply<const M: usize>(matrices: [&Matrix; M], x: &[f32]) -> [Vec<f32>; M] {
    let cols = matrices.first().map_or(1, |matrix| matrix.cols);
    let mut input = Input::new(x, cols);
    if matrices.iter().any(|matrix| !matches!(matrix.weights, Weights::F32(_))) {
        input.quantise();
    }
    let n = input.n;
    let work: usize = matrices.iter().map(|matrix| matrix.rows * matrix.cols * n).sum();
    let parts = if work < 1 << 17 { 1 } else { rayon::current_num_threads() * if n > 4 { 4 } else { 2 } };
    let total: usize = matrices.iter().map(|matrix| matrix.rows).sum();
    // Whole tiles of four rows for each thread.
    let size = total.div_ceil(parts).next_multiple_of(4).max(4);
    let mut answers = matrices.map(|matrix| vec![0.0; matrix.rows * n]);
    let mut jobs = Vec::with_capacity(parts + M);
    for (matrix, answer) in matrices.iter().zip(answers.iter_mut()) {
        for (i, out) in answer.chunks_mut(size * n.max(1)).enumerate() {
            jobs.push((*matrix, i * size, out));
        }
    }
    let job = |(matrix, first, out): (&Matrix, usize, &mut [f32])| {
        arithmetic::products(matrix, first..first + out.len() / n.max(1), &input, out);
    };
    if parts == 1 {
        jobs.into_iter().for_each(job)
    } else {
        jobs.into_par_iter().for_each(job)
    }
    if n > 1 {
        for (matrix, answer) in matrices.iter().zip(answers.iter_mut()) {
            *answer = turned(answer, matrix.rows, n);
        }
    }
    answers
}

/// Rows by vectors becomes vectors by rows.
fn turned(from: &[f32], rows: usize, n: usize) -> Vec<f32> {
    let mut to = vec![0.0; from.len()];
    to.par_chunks_mut(rows).enumerate().with_min_len(8).for_each(|(t, to)| {
        for (row, to) in to.iter_mut().enumerate() {
            *to = from[row * n + t];
        }
    });
    to
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threads;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Block {
        name: String,
        kind: u32,
        bytes: Vec<u8>,
        numbers: Vec<f32>,
    }

    fn blocks() -> Vec<Block> {
        serde_json::from_str(include_str!("../fixtures/blocks.json")).expect("blocks")
    }

    #[test]
    fn every_type_is_read_as_ggml_reads_it() {
        for block in blocks() {
            let format = quant::format(block.kind).expect("a known type");
            assert_eq!(
                (format.bytes, format.numbers),
                (block.bytes.len(), block.numbers.len()),
                "{}",
                block.name
            );
            let got = floats(&format, &block.bytes, block.numbers.len());
            for (i, (got, expected)) in got.iter().zip(&block.numbers).enumerate() {
                assert!(
                    (got - expected).abs() <= 1e-5 * expected.abs().max(1.0),
                    "{} {i}: {got} {expected}",
                    block.name
                );
            }
        }
    }

    fn four_bit_matrix(block: &Block) -> Matrix {
        let (mut q, mut d, mut m) = (Vec::new(), Vec::new(), Vec::new());
        four_bits(block.kind, &block.bytes, &mut q, &mut d, &mut m);
        Matrix { rows: 1, cols: block.numbers.len(), weights: Weights::Q4 { q, d, m } }
    }

    #[test]
    fn four_bits_stay_what_they_were() {
        for block in blocks().into_iter().filter(|block| block.name.starts_with("Q4")) {
            let mut row = vec![0.0; block.numbers.len()];
            four_bit_matrix(&block).row(0, &mut row);
            let far = row.iter().zip(&block.numbers).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-4, "{}: {far}", block.name);
        }
    }

    /// Every kind of weights, every count of rows and vectors: the product is what it should be, and
    /// the same whatever is computed beside it.
    #[test]
    fn products_are_right_and_do_not_depend_on_company() {
        let threads = Threads::new(2).expect("threads");
        let mut random = fastrand::Rng::with_seed(3);
        let cols = 96;
        for rows in [1, 2, 3, 4, 5, 7, 64, 129] {
            let numbers: Vec<f32> = (0..rows * cols).map(|_| random.f32() - 0.5).collect();
            let x: Vec<f32> = (0..9 * cols).map(|_| random.f32() * 4.0 - 2.0).collect();
            let mut q8 = (vec![0; rows * cols], vec![0.0; rows * cols / 32]);
            let mut sums = vec![0.0; rows * cols / 32];
            run(Quantise { x: &numbers, q: &mut q8.0, scales: &mut q8.1, sums: &mut sums });
            let q4: Vec<u8> = (0..rows * cols / 2).map(|_| random.u8(..)).collect();
            let scale = |n: usize| (0..n).map(|i| 0.01 + (i % 7) as f32 * 0.01).collect::<Vec<f32>>();
            let kinds = [
                Weights::F32(numbers.clone()),
                Weights::Q8 { q: q8.0, d: q8.1 },
                Weights::Q4 { q: q4, d: scale(rows * cols / 32), m: scale(rows * cols / 32) },
            ];
            for weights in kinds {
                let matrix = Matrix { rows, cols, weights };
                let alone: Vec<f32> = x
                    .chunks_exact(cols)
                    .flat_map(|x| threads.run(|| multiply([&matrix], x))[0].clone())
                    .collect();
                for n in 1..=9 {
                    let [together] = threads.run(|| multiply([&matrix], &x[..n * cols]));
                    assert_eq!(together, alone[..n * rows], "{rows} rows, {n} vectors");
                }
                let mut row = vec![0.0; cols];
                for (i, product) in alone.iter().enumerate() {
                    matrix.row(i % rows, &mut row);
                    let x = &x[i / rows * cols..][..cols];
                    let exact: f32 = row.iter().zip(x).map(|(w, x)| w * x).sum();
                    // A vector in bytes is right to a part in 254 of its largest number.
                    let size: f32 = row.iter().map(|w| w.abs()).sum();
                    assert!((product - exact).abs() <= size * 2.0 / 200.0 + 1e-4, "{product} {exact}");
                }
            }
        }
    }
}
