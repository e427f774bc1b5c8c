//! ggml's block formats, as numbers. Each function reads one block.

use half::{bf16, f16};

/// How a block of a type is written.
pub(crate) struct Format {
    /// Numbers in a block.
    pub numbers: usize,
    /// Bytes of a block.
    pub bytes: usize,
    /// Reads a block.
    pub read: Read,
}

type Read = fn(&[u8], &mut [f32]);

/// The format of a type by ggml's number for it.
pub(crate) fn format(kind: u32) -> Option<Format> {
    let (numbers, bytes, read): (_, _, Read) = match kind {
        0 => (1, 4, |b, y| y[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        1 => (1, 2, |b, y| y[0] = f16_at(b, 0)),
        30 => (1, 2, |b, y| y[0] = bf16::from_le_bytes([b[0], b[1]]).to_f32()),
        2 => (32, 18, q4_0),
        3 => (32, 20, q4_1),
        6 => (32, 22, q5_0),
        7 => (32, 24, q5_1),
        8 => (32, 34, q8_0),
        10 => (256, 84, q2_k),
        11 => (256, 110, q3_k),
        12 => (256, 144, q4_k),
        13 => (256, 176, q5_k),
        14 => (256, 210, q6_k),
        _ => return None,
    };
    Some(Format { numbers, bytes, read })
}

pub(crate) fn f16_at(b: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([b[at], b[at + 1]]).to_f32()
}

fn q4_0(b: &[u8], y: &mut [f32]) {
    let d = f16_at(b, 0);
    for j in 0..16 {
        y[j] = d * (f32::from(b[2 + j] & 15) - 8.0);
        y[j + 16] = d * (f32::from(b[2 + j] >> 4) - 8.0);
    }
}

fn q4_1(b: &[u8], y: &mut [f32]) {
    let (d, m) = (f16_at(b, 0), f16_at(b, 2));
    for j in 0..16 {
        y[j] = d * f32::from(b[4 + j] & 15) + m;
        y[j + 16] = d * f32::from(b[4 + j] >> 4) + m;
    }
}

/// The fifth bits of a block of 32.
fn fifth(b: &[u8], j: usize) -> u8 {
    (b[j / 8] >> (j % 8) & 1) << 4
}

fn q5_0(b: &[u8], y: &mut [f32]) {
    let d = f16_at(b, 0);
    let (high, low) = (&b[2..6], &b[6..22]);
    for j in 0..16 {
        y[j] = d * (f32::from(low[j] & 15 | fifth(high, j)) - 16.0);
        y[j + 16] = d * (f32::from(low[j] >> 4 | fifth(high, j + 16)) - 16.0);
    }
}

fn q5_1(b: &[u8], y: &mut [f32]) {
    let (d, m) = (f16_at(b, 0), f16_at(b, 2));
    let (high, low) = (&b[4..8], &b[8..24]);
    for j in 0..16 {
        y[j] = d * f32::from(low[j] & 15 | fifth(high, j)) + m;
        y[j + 16] = d * f32::from(low[j] >> 4 | fifth(high, j + 16)) + m;
    }
}

fn q8_0(b: &[u8], y: &mut [f32]) {
    let d = f16_at(b, 0);
    for j in 0..32 {
        y[j] = d * f32::from(b[2 + j].cast_signed());
    }
}

fn q2_k(b: &[u8], y: &mut [f32]) {
    let (scales, q) = (&b[..16], &b[16..80]);
    let (d, dmin) = (f16_at(b, 80), f16_at(b, 82));
    for (i, y) in y.chunks_exact_mut(16).enumerate() {
        let (d, m) = (d * f32::from(scales[i] & 15), dmin * f32::from(scales[i] >> 4));
        // Two halves of 128; in each, 32 bytes hold four planes of two bits.
        let (half, plane, side) = (i / 8, i % 8 / 2, i % 2);
        for (j, y) in y.iter_mut().enumerate() {
            *y = d * f32::from(q[half * 32 + side * 16 + j] >> (2 * plane) & 3) - m;
        }
    }
}

fn q3_k(b: &[u8], y: &mut [f32]) {
    let (high, q, packed) = (&b[..32], &b[32..96], &b[96..108]);
    let d = f16_at(b, 108);
    for (i, y) in y.chunks_exact_mut(16).enumerate() {
        let low = if i < 8 { packed[i] & 15 } else { packed[i - 8] >> 4 };
        let scale = f32::from(low | (packed[8 + i % 4] >> (2 * (i / 4)) & 3) << 4) - 32.0;
        let (half, plane, side) = (i / 8, i % 8 / 2, i % 2);
        for (j, y) in y.iter_mut().enumerate() {
            let two = q[half * 32 + side * 16 + j] >> (2 * plane) & 3;
            let third = high[side * 16 + j] >> (half * 4 + plane) & 1;
            *y = d * scale * (f32::from(two) - if third == 1 { 0.0 } else { 4.0 });
        }
    }
}

/// Scale and minimum of the `i`th 32 numbers of a block of Q4_K or Q5_K, six bits each.
pub(crate) fn scale_and_min(s: &[u8], i: usize) -> (f32, f32) {
    let (scale, min) = if i < 4 {
        (s[i] & 63, s[i + 4] & 63)
    } else {
        (s[i + 4] & 15 | s[i - 4] >> 6 << 4, s[i + 4] >> 4 | s[i] >> 6 << 4)
    };
    (f32::from(scale), f32::from(min))
}

fn q4_k(b: &[u8], y: &mut [f32]) {
    let (d, dmin) = (f16_at(b, 0), f16_at(b, 2));
    for (i, y) in y.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(&b[4..16], i);
        for (j, y) in y.iter_mut().enumerate() {
            let byte = b[16 + i / 2 * 32 + j];
            *y = d * scale * f32::from(if i % 2 == 0 { byte & 15 } else { byte >> 4 }) - dmin * min;
        }
    }
}

fn q5_k(b: &[u8], y: &mut [f32]) {
    let (d, dmin) = (f16_at(b, 0), f16_at(b, 2));
    for (i, y) in y.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(&b[4..16], i);
        for (j, y) in y.iter_mut().enumerate() {
            let byte = b[48 + i / 2 * 32 + j];
            let low = if i % 2 == 0 { byte & 15 } else { byte >> 4 };
            *y = d * scale * f32::from(low | (b[16 + j] >> i & 1) << 4) - dmin * min;
        }
    }
}

fn q6_k(b: &[u8], y: &mut [f32]) {
    let (low, high, scales) = (&b[..128], &b[128..192], &b[192..208]);
    let d = f16_at(b, 208);
    for (i, y) in y.iter_mut().enumerate() {
        // Two halves of 128; in each, four groups of 32: nibbles from 64 bytes, two bits from 32.
        let (half, group, j) = (i / 128, i % 128 / 32, i % 32);
        let byte = low[half * 64 + group % 2 * 32 + j];
        let nibble = if group < 2 { byte & 15 } else { byte >> 4 };
        let two = high[half * 32 + j] >> (2 * group) & 3;
        *y = d * f32::from(scales[i / 16].cast_signed()) * (f32::from(nibble | two << 4) - 32.0);
    }
}
