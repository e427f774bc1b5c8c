//! The decoder of the Llama and Qwen families, for the words of several conversations at once.

use super::memory::Memory;
use crate::LocalError;
use crate::arithmetic::{Attend, SwiGlu, rms_norm, run};
use crate::gguf::Gguf;
use crate::matrix::{Matrix, multiply, vector};
use rayon::prelude::*;

/// Attention of fewer products than that is not worth a second thread.
const WORTH_SHARING: usize = 1 << 15;

/// The sizes of a model.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub context: usize,
    pub layers: usize,
    width: usize,
    heads: usize,
    kv_heads: usize,
    head: usize,
    epsilon: f32,
    /// Turned numbers of a head.
    turned: usize,
    base: f32,
    /// Positions count this much less.
    stretch: f32,
    /// Pairs are neighbours (llama) or half a head apart (qwen).
    neighbours: bool,
}

impl Shape {
    pub fn of(gguf: &Gguf) -> Result<Self, LocalError> {
        let family = gguf.text_of("general.architecture").unwrap_or_default();
        if !["llama", "qwen2", "qwen3"].contains(&family) {
            return Err(gguf.wrong(format!(
                "holds a model of the family {family:?}; llama (with Mistral and SmolLM), qwen2 and qwen3 can be used"
            )));
        }
        let size = |key: &str| {
            let key = format!("{family}.{key}");
            let value = gguf.size(&key).filter(|size| (1..=1 << 24).contains(size));
            value.ok_or_else(|| gguf.wrong(format!("does not say {key}")))
        };
        if gguf.int(&format!("{family}.expert_count")).unwrap_or(0) > 0 {
            return Err(gguf.wrong("holds a mixture of experts, which cannot be used"));
        }
        let (width, heads) = (size("embedding_length")?, size("attention.head_count")?);
        let kv_heads = size("attention.head_count_kv").unwrap_or(heads);
        let head = size("attention.key_length").unwrap_or(width / heads.max(1));
        let number = |key: &str| gguf.float(&format!("{family}.{key}"));
        let scaling = gguf.text_of(&format!("{family}.rope.scaling.type")).unwrap_or("none");
        let stretch = match scaling {
            "linear" => number("rope.scaling.factor").unwrap_or(1.0),
            // Beyond what the model was made for; not used below that.
            _ => 1.0,
        };
        if heads % kv_heads != 0 || head % 2 != 0 || head == 0 {
            return Err(gguf.wrong("has heads of an impossible shape"));
        }
        Ok(Self {
            context: size("context_length")?,
            layers: size("block_count")?.min(512),
            width,
            heads,
            kv_heads,
            head,
            epsilon: number("attention.layer_norm_rms_epsilon").unwrap_or(1e-5),
            turned: size("rope.dimension_count").unwrap_or(head).min(head),
            base: number("rope.freq_base").unwrap_or(10_000.0),
            stretch,
            neighbours: family == "llama",
        })
    }
}

struct Layer {
    before: Vec<f32>,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    biases: Option<[Vec<f32>; 3]>,
    head_norms: Option<[Vec<f32>; 2]>,
    o: Matrix,
    between: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
}

/// A model with its weights.
pub(crate) struct Decoder {
    pub shape: Shape,
    words: Matrix,
    layers: Vec<Layer>,
    last: Vec<f32>,
    /// None when words are looked up and foretold by the same matrix.
    output: Option<Matrix>,
    /// The angle of each pair for a position of one.
    angles: Vec<f32>,
}

/// A token to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Whose: an index into the memories.
    pub of: usize,
    /// Which.
    pub token: u32,
    /// What comes next is asked for.
    pub asks: bool,
}

impl Decoder {
    pub fn load(gguf: &mut Gguf) -> Result<Self, LocalError> {
        let shape = Shape::of(gguf)?;
        let width = shape.width;
        let words = Matrix::load(gguf, "token_embd.weight")?;
        fits(gguf, "token_embd.weight", &words, width, words.rows)?;
        let mut layers = Vec::with_capacity(shape.layers);
        for i in 0..shape.layers {
            layers.push(Layer::load(gguf, i, &shape)?);
        }
        let last = vector(gguf, "output_norm.weight", width)?;
        let output = match gguf.place("output.weight") {
            Some(_) => Some(Matrix::load(gguf, "output.weight")?),
            None => None,
        };
        if let Some(output) = &output {
            fits(gguf, "output.weight", output, width, words.rows)?;
        }
        let pairs = shape.turned / 2;
        let factors = match gguf.place("rope_freqs.weight") {
            Some(_) => vector(gguf, "rope_freqs.weight", pairs)?,
            None => vec![1.0; pairs],
        };
        let angle = |(i, factor): (usize, f32)| {
            shape.base.powf(-2.0 * i as f32 / shape.turned as f32) / factor / shape.stretch
        };
        let angles = factors.into_iter().enumerate().map(angle).collect();
        Ok(Self { shape, words, layers, last, output, angles })
    }

    /// How many words it knows.
    pub fn vocabulary(&self) -> usize {
        self.words.rows
    }

    /// What the weights take in memory.
    pub fn bytes(&self) -> usize {
        let layers = self.layers.iter().flat_map(|l| [&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down]);
        layers.chain(self.output.iter()).chain([&self.words]).map(Matrix::bytes).sum()
    }

    /// Reads tokens, each at the end of its conversation, and says what may come next where it is
    /// asked: a number for each word. Tokens of one conversation stand in their order.
    pub fn read(&self, steps: &[Step], memories: &mut [&mut Memory]) -> Vec<Vec<f32>> {
        let shape = &self.shape;
        let (width, head) = (shape.width, shape.head);
        let mut lengths: Vec<usize> = memories.iter().map(|memory| memory.tokens.len()).collect();
        let mut positions = Vec::with_capacity(steps.len());
        let mut x = vec![0.0; steps.len() * width];
        for (step, x) in steps.iter().zip(x.chunks_exact_mut(width)) {
            self.words.row((step.token as usize).min(self.words.rows - 1), x);
            positions.push(lengths[step.of]);
            lengths[step.of] += 1;
            memories[step.of].tokens.push(step.token);
        }
        let turns: Vec<Vec<(f32, f32)>> = positions.iter().map(|position| self.turns(*position)).collect();
        let mut normed = vec![0.0; x.len()];
        for (i, layer) in self.layers.iter().enumerate() {
            norms(&x, &layer.before, shape.epsilon, &mut normed);
            let [mut q, mut k, mut v] = multiply([&layer.q, &layer.k, &layer.v], &normed);
            if let Some(biases) = &layer.biases {
                for (all, bias) in [&mut q, &mut k, &mut v].into_iter().zip(biases) {
                    for row in all.chunks_exact_mut(bias.len()) {
                        row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
                    }
                }
            }
            if let Some([q_norm, k_norm]) = &layer.head_norms {
                q = normed_heads(&q, q_norm, shape.epsilon);
                k = normed_heads(&k, k_norm, shape.epsilon);
            }
            self.turn(&mut q, shape.heads * head, &turns);
            self.turn(&mut k, shape.kv_heads * head, &turns);
            let kv = shape.kv_heads * head;
            for ((step, k), v) in steps.iter().zip(k.chunks_exact(kv)).zip(v.chunks_exact(kv)) {
                memories[step.of].keys[i].extend_from_slice(k);
                memories[step.of].values[i].extend_from_slice(v);
            }
            let seen = self.attend(i, &q, steps, &positions, memories);
            let [answer] = multiply([&layer.o], &seen);
            x.iter_mut().zip(answer).for_each(|(x, answer)| *x += answer);
            norms(&x, &layer.between, shape.epsilon, &mut normed);
            let [mut gate, up] = multiply([&layer.gate, &layer.up], &normed);
            run(SwiGlu { gate: &mut gate, up: &up });
            let [answer] = multiply([&layer.down], &gate);
            x.iter_mut().zip(answer).for_each(|(x, answer)| *x += answer);
        }
        self.foretell(steps, &x)
    }

    fn foretell(&self, steps: &[Step], x: &[f32]) -> Vec<Vec<f32>> {
        let width = self.shape.width;
        let asking: Vec<&[f32]> =
            steps.iter().zip(x.chunks_exact(width)).filter(|(step, _)| step.asks).map(|(_, x)| x).collect();
        if asking.is_empty() {
            return Vec::new();
        }
        let mut normed = vec![0.0; asking.len() * width];
        for (x, out) in asking.iter().zip(normed.chunks_exact_mut(width)) {
            rms_norm(x, &self.last, self.shape.epsilon, out);
        }
        let [answers] = multiply([self.output.as_ref().unwrap_or(&self.words)], &normed);
        answers.chunks_exact(self.words.rows).map(<[f32]>::to_vec).collect()
    }

    fn attend(
        &self,
        layer: usize,
        q: &[f32],
        steps: &[Step],
        positions: &[usize],
        memories: &[&mut Memory],
    ) -> Vec<f32> {
        let Shape { heads, kv_heads, head, .. } = self.shape;
        let stride = kv_heads * head;
        let mut out = vec![0.0; q.len()];
        let one = |scores: &mut Vec<f32>, at: usize, out: &mut [f32]| {
            let (row, h) = (at / heads, at % heads);
            let memory = &memories[steps[row].of];
            let first = h / (heads / kv_heads) * head;
            run(Attend {
                query: &q[at * head..][..head],
                keys: &memory.keys[layer][first..],
                values: &memory.values[layer][first..],
                stride,
                bias: None,
                seen: positions[row] + 1,
                scale: 1.0 / (head as f32).sqrt(),
                scores,
                out,
            });
        };
        let work: usize = positions.iter().map(|position| position * heads * head).sum();
        if work < WORTH_SHARING {
            let mut scores = Vec::new();
            out.chunks_exact_mut(head).enumerate().for_each(|(at, out)| one(&mut scores, at, out));
        } else {
            let each = out.par_chunks_exact_mut(head).enumerate();
            each.for_each_init(Vec::new, |scores, (at, out)| one(scores, at, out));
        }
        out
    }

    fn turns(&self, position: usize) -> Vec<(f32, f32)> {
        self.angles.iter().map(|angle| (angle * position as f32).sin_cos()).collect()
    }

    /// Turns each pair of each head by its position.
    fn turn(&self, all: &mut [f32], row: usize, turns: &[Vec<(f32, f32)>]) {
        let half = self.shape.turned / 2;
        for (x, turns) in all.chunks_exact_mut(row).zip(turns) {
            for x in x.chunks_exact_mut(self.shape.head) {
                for (i, (sin, cos)) in turns.iter().enumerate() {
                    let (a, b) = if self.shape.neighbours { (2 * i, 2 * i + 1) } else { (i, i + half) };
                    (x[a], x[b]) = (x[a] * cos - x[b] * sin, x[a] * sin + x[b] * cos);
                }
            }
        }
    }
}

impl Layer {
    fn load(gguf: &mut Gguf, i: usize, shape: &Shape) -> Result<Self, LocalError> {
        let name = |part: &str| format!("blk.{i}.{part}");
        let (width, head) = (shape.width, shape.head);
        let (q_rows, kv_rows) = (shape.heads * head, shape.kv_heads * head);
        let mut matrix = |part: &str, cols: usize, rows: Option<usize>| {
            let name = name(part);
            let matrix = Matrix::load(gguf, &name)?;
            fits(gguf, &name, &matrix, cols, rows.unwrap_or(matrix.rows))?;
            Ok::<_, LocalError>(matrix)
        };
        let q = matrix("attn_q.weight", width, Some(q_rows))?;
        let k = matrix("attn_k.weight", width, Some(kv_rows))?;
        let v = matrix("attn_v.weight", width, Some(kv_rows))?;
        let o = matrix("attn_output.weight", q_rows, Some(width))?;
        let gate = matrix("ffn_gate.weight", width, None)?;
        let up = matrix("ffn_up.weight", width, Some(gate.rows))?;
        let down = matrix("ffn_down.weight", gate.rows, Some(width))?;
        let biases = match gguf.place(&name("attn_q.bias")) {
            Some(_) => Some([
                vector(gguf, &name("attn_q.bias"), q_rows)?,
                vector(gguf, &name("attn_k.bias"), kv_rows)?,
                vector(gguf, &name("attn_v.bias"), kv_rows)?,
            ]),
            None => None,
        };
        let head_norms = match gguf.place(&name("attn_q_norm.weight")) {
            Some(_) => Some([
                vector(gguf, &name("attn_q_norm.weight"), head)?,
                vector(gguf, &name("attn_k_norm.weight"), head)?,
            ]),
            None => None,
        };
        Ok(Self {
            before: vector(gguf, &name("attn_norm.weight"), width)?,
            q,
            k,
            v,
            biases,
            head_norms,
            o,
            between: vector(gguf, &name("ffn_norm.weight"), width)?,
            gate,
            up,
            down,
        })
    }
}

fn fits(gguf: &Gguf, name: &str, matrix: &Matrix, cols: usize, rows: usize) -> Result<(), LocalError> {
    if matrix.cols == cols && matrix.rows == rows && rows > 0 {
        return Ok(());
    }
    Err(gguf.wrong(format!("tensor {name} is {}×{} and not {rows}×{cols}", matrix.rows, matrix.cols)))
}

fn norms(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
        rms_norm(x, weight, epsilon, out);
    }
}

fn normed_heads(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    norms(x, weight, epsilon, &mut out);
    out
}
