//! The encoder and the decoder. Everything is in 32-bit floats, so that the reference implementation
//! gives the same numbers.

use super::config::Config;
use super::weights::Weights;
use crate::LocalError;
use crate::arithmetic::{Attend, exp, rms_norm, run};
use crate::matrix::{Matrix, multiply};
use pulp::NullaryFnOnce;
use rayon::prelude::*;
use std::path::Path;

struct Attention {
    norm: Vec<f32>,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    o: Matrix,
}

struct Feed {
    norm: Vec<f32>,
    /// What lets through, where there is such a thing.
    gate: Option<Matrix>,
    up: Matrix,
    down: Matrix,
}

#[derive(Clone, Copy)]
enum Bend {
    Relu,
    Gelu,
    Silu,
}

struct Block {
    own: Attention,
    /// Of the decoder.
    other: Option<Attention>,
    feed: Feed,
}

struct Stack {
    blocks: Vec<Block>,
    norm: Vec<f32>,
    /// What distance means, by bucket and head.
    distances: Matrix,
}

/// A T5 with its weights.
pub(crate) struct T5 {
    pub config: Config,
    words: Matrix,
    output: Option<Matrix>,
    encoder: Stack,
    decoder: Stack,
    bend: Bend,
}

/// What the decoder knows: the encoded text, and what each beam has said.
pub(crate) struct Telling {
    /// Keys and values of the text, by layer.
    text: Vec<(Vec<f32>, Vec<f32>)>,
    read: usize,
    /// Keys and values of what was said, by beam and layer.
    beams: Vec<Vec<(Vec<f32>, Vec<f32>)>>,
    said: usize,
}

impl Telling {
    /// Goes on with these beams, some of which may be there twice.
    pub fn follow(&mut self, beams: &[usize]) {
        let mut left: Vec<Option<_>> = std::mem::take(&mut self.beams).into_iter().map(Some).collect();
        // As many beams end as others are there again: those are written into the room of these.
        let ended = |beam: &usize| !beams.contains(beam);
        let mut rooms: Vec<_> = (0..left.len()).filter(ended).filter_map(|beam| left[beam].take()).collect();
        for (i, beam) in beams.iter().enumerate() {
            if !beams[i + 1..].contains(beam) {
                self.beams.extend(left[*beam].take());
            } else if let (Some(of), Some(mut room)) = (&left[*beam], rooms.pop()) {
                for (to, from) in room.iter_mut().zip(of) {
                    to.0.clone_from(&from.0);
                    to.1.clone_from(&from.1);
                }
                self.beams.push(room);
            }
        }
    }
}

impl T5 {
    pub fn load(folder: &Path) -> Result<Self, LocalError> {
        let config = Config::read(folder)?;
        let mut weights = Weights::open(folder)?;
        let bend = match config.feed_forward_proj.as_str() {
            "relu" | "gated-relu" => Bend::Relu,
            "gated-gelu" | "gelu" | "gelu_new" => Bend::Gelu,
            "gated-silu" | "silu" => Bend::Silu,
            other => {
                let why =
                    format!("has feed_forward_proj {other:?}; relu, gated-gelu and gated-silu can be used");
                return Err(LocalError::format(folder, why));
            }
        };
        let (vocabulary, width) = (config.vocab_size, config.d_model);
        let words =
            if weights.has("shared.weight") { "shared.weight" } else { "encoder.embed_tokens.weight" };
        let words = weights.matrix(words, vocabulary, width)?;
        let output = match weights.has("lm_head.weight") {
            true => Some(weights.matrix("lm_head.weight", vocabulary, width)?),
            false => None,
        };
        let encoder = Stack::load(&mut weights, &config, "encoder", config.num_layers)?;
        let layers = config.num_decoder_layers.unwrap_or(config.num_layers);
        let decoder = Stack::load(&mut weights, &config, "decoder", layers)?;
        Ok(Self { config, words, output, encoder, decoder, bend })
    }

    /// What the weights take in memory.
    pub fn bytes(&self) -> usize {
        let stacks = self.encoder.blocks.iter().chain(&self.decoder.blocks);
        let blocks = stacks.flat_map(|block| {
            let attentions = [Some(&block.own), block.other.as_ref()].into_iter().flatten();
            let attentions = attentions.flat_map(|a| [&a.q, &a.k, &a.v, &a.o]);
            attentions.chain([&block.feed.up, &block.feed.down]).chain(&block.feed.gate).collect::<Vec<_>>()
        });
        blocks.chain([&self.words]).chain(&self.output).map(Matrix::bytes).sum()
    }

    fn looked_up(&self, tokens: &[u32]) -> Vec<f32> {
        let width = self.config.d_model;
        let mut x = vec![0.0; tokens.len() * width];
        for (token, x) in tokens.iter().zip(x.chunks_exact_mut(width)) {
            self.words.row((*token as usize).min(self.words.rows - 1), x);
        }
        x
    }

    /// Reads a text; what is told of it begins with `beams` empty beams.
    pub fn read(&self, tokens: &[u32], beams: usize) -> Telling {
        let n = tokens.len();
        let mut x = self.looked_up(tokens);
        // By head, for the distances 1-n to n-1.
        let distances = self.distances(&self.encoder, n, true);
        for block in &self.encoder.blocks {
            let normed = self.normed(&x, &block.own.norm);
            let [q, k, v] = multiply([&block.own.q, &block.own.k, &block.own.v], &normed);
            let seen = self.attend(&q, |row| (&k, &v, n, Some(n - 1 - row)), Some(&distances));
            let [answer] = multiply([&block.own.o], &seen);
            add(&mut x, &answer);
            self.feed(&block.feed, &mut x);
        }
        let x = self.normed(&x, &self.encoder.norm);
        let text = self.decoder.blocks.iter().filter_map(|block| block.other.as_ref());
        let text = text.map(|other| multiply([&other.k, &other.v], &x)).map(|[k, v]| (k, v)).collect();
        let empty = vec![(Vec::new(), Vec::new()); self.decoder.blocks.len()];
        Telling { text, read: n, beams: vec![empty; beams], said: 0 }
    }

    /// Says a token in each beam; answers a number for each next word, beam by beam.
    pub fn say(&self, telling: &mut Telling, tokens: &[u32]) -> Vec<Vec<f32>> {
        let mut x = self.looked_up(tokens);
        let position = telling.said;
        telling.said += 1;
        let distances = self.distances(&self.decoder, telling.said, false);
        let row_width = self.config.num_heads * self.config.d_kv;
        for (i, block) in self.decoder.blocks.iter().enumerate() {
            let normed = self.normed(&x, &block.own.norm);
            let [q, k, v] = multiply([&block.own.q, &block.own.k, &block.own.v], &normed);
            for (beam, (k, v)) in
                telling.beams.iter_mut().zip(k.chunks_exact(row_width).zip(v.chunks_exact(row_width)))
            {
                beam[i].0.extend_from_slice(k);
                beam[i].1.extend_from_slice(v);
            }
            let beams = &telling.beams;
            let own = |row: usize| (&beams[row][i].0, &beams[row][i].1, position + 1, Some(0));
            let seen = self.attend(&q, own, Some(&distances));
            let [answer] = multiply([&block.own.o], &seen);
            add(&mut x, &answer);
            if let (Some(other), Some((k, v))) = (&block.other, telling.text.get(i)) {
                let normed = self.normed(&x, &other.norm);
                let [q] = multiply([&other.q], &normed);
                let seen = self.attend(&q, |_| (k, v, telling.read, None), None);
                let [answer] = multiply([&other.o], &seen);
                add(&mut x, &answer);
            }
            self.feed(&block.feed, &mut x);
        }
        let mut x = self.normed(&x, &self.decoder.norm);
        if self.config.scales_output() {
            let scale = 1.0 / (self.config.d_model as f32).sqrt();
            x.iter_mut().for_each(|x| *x *= scale);
        }
        let [likely] = multiply([self.output.as_ref().unwrap_or(&self.words)], &x);
        likely.chunks_exact(self.config.vocab_size).map(<[f32]>::to_vec).collect()
    }

    /// Keys, values, how many of them, and where the distances begin, for each row.
    fn attend<'a>(
        &self,
        q: &[f32],
        of: impl Fn(usize) -> (&'a Vec<f32>, &'a Vec<f32>, usize, Option<usize>) + Sync,
        distances: Option<&[Vec<f32>]>,
    ) -> Vec<f32> {
        let (heads, head) = (self.config.num_heads, self.config.d_kv);
        let mut out = vec![0.0; q.len()];
        // To share little work out costs more than to do it.
        let little = q.len() * of(0).2 < 1 << 17;
        let least = if little { q.len() } else { heads.div_ceil(2) };
        let each = out.par_chunks_exact_mut(head).enumerate().with_min_len(least);
        each.for_each_init(Vec::new, |scores, (at, out)| {
            let (row, h) = (at / heads, at % heads);
            let (keys, values, seen, from) = of(row);
            run(Attend {
                query: &q[at * head..][..head],
                keys: &keys[h * head..],
                values: &values[h * head..],
                stride: heads * head,
                bias: distances.zip(from).map(|(distances, from)| &distances[h][from..]),
                seen,
                scale: 1.0,
                scores,
                out,
            });
        });
        out
    }

    /// What each head makes of each distance. Both ways: from 1-n to n-1. Backwards: from 1-n to 0.
    fn distances(&self, stack: &Stack, n: usize, both: bool) -> Vec<Vec<f32>> {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let last = if both { n - 1 } else { 0 };
        let buckets: Vec<usize> = (1 - n..=last).map(|distance| self.bucket(distance, both)).collect();
        let of = |head: usize| buckets.iter().map(|bucket| stack.distances.floats(*bucket)[head]).collect();
        (0..self.config.num_heads).map(of).collect()
    }

    fn bucket(&self, distance: i64, both: bool) -> usize {
        let mut buckets = self.config.relative_attention_num_buckets;
        let mut first = 0;
        let away = if both {
            buckets /= 2;
            if distance > 0 {
                first = buckets;
            }
            distance.unsigned_abs()
        } else {
            (-distance).max(0).unsigned_abs()
        };
        let away = usize::try_from(away).unwrap_or(usize::MAX);
        let exact = buckets / 2;
        if away < exact {
            return first + away;
        }
        let far = (away as f32 / exact as f32).ln()
            / (self.config.relative_attention_max_distance as f64 / exact as f64).ln() as f32
            * (buckets - exact) as f32;
        first + (exact + far as usize).min(buckets - 1)
    }

    fn normed(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        for (x, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
            rms_norm(x, weight, self.config.layer_norm_epsilon, out);
        }
        out
    }

    fn feed(&self, feed: &Feed, x: &mut [f32]) {
        let normed = self.normed(x, &feed.norm);
        let bent = match &feed.gate {
            Some(gate) => {
                let [mut gate, up] = multiply([gate, &feed.up], &normed);
                run(Bent { bend: self.bend, x: &mut gate });
                gate.iter_mut().zip(up).for_each(|(gate, up)| *gate *= up);
                gate
            }
            None => {
                let [mut up] = multiply([&feed.up], &normed);
                run(Bent { bend: self.bend, x: &mut up });
                up
            }
        };
        let [answer] = multiply([&feed.down], &bent);
        add(x, &answer);
    }
}

struct Bent<'a> {
    bend: Bend,
    x: &'a mut [f32],
}

impl NullaryFnOnce for Bent<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        match self.bend {
            Bend::Relu => self.x.iter_mut().for_each(|x| *x = x.max(0.0)),
            Bend::Silu => self.x.iter_mut().for_each(|x| *x /= 1.0 + exp(-*x)),
            // tanh(y) = 1 - 2 / (e^2y + 1)
            Bend::Gelu => self.x.iter_mut().for_each(|x| {
                let y = 0.797_884_6 * (*x + 0.044_715 * *x * *x * *x);
                *x *= 1.0 - 1.0 / (exp(2.0 * y) + 1.0);
            }),
        }
    }
}

fn add(x: &mut [f32], more: &[f32]) {
    x.iter_mut().zip(more).for_each(|(x, more)| *x += more);
}

impl Stack {
    fn load(weights: &mut Weights, config: &Config, side: &str, layers: usize) -> Result<Self, LocalError> {
        let (width, inner) = (config.d_model, config.num_heads * config.d_kv);
        let (buckets, heads) = (config.relative_attention_num_buckets, config.num_heads);
        let mut blocks = Vec::with_capacity(layers);
        for i in 0..layers {
            let block = format!("{side}.block.{i}.layer");
            let mut attention = |layer: usize, name: &str| {
                let part = |letter: char| format!("{block}.{layer}.{name}.{letter}.weight");
                Ok::<_, LocalError>(Attention {
                    norm: weights.vector(&format!("{block}.{layer}.layer_norm.weight"), width)?,
                    q: weights.matrix(&part('q'), inner, width)?,
                    k: weights.matrix(&part('k'), inner, width)?,
                    v: weights.matrix(&part('v'), inner, width)?,
                    o: weights.matrix(&part('o'), width, inner)?,
                })
            };
            let own = attention(0, "SelfAttention")?;
            let other = if side == "decoder" { Some(attention(1, "EncDecAttention")?) } else { None };
            let last = if side == "decoder" { 2 } else { 1 };
            blocks.push(Block { own, other, feed: Feed::load(weights, config, &format!("{block}.{last}"))? });
        }
        let name = format!("{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        Ok(Self {
            blocks,
            norm: weights.vector(&format!("{side}.final_layer_norm.weight"), width)?,
            distances: weights.matrix(&name, buckets, heads)?,
        })
    }
}

impl Feed {
    fn load(weights: &mut Weights, config: &Config, layer: &str) -> Result<Self, LocalError> {
        let (width, wide) = (config.d_model, config.d_ff);
        let name = |part: &str| format!("{layer}.DenseReluDense.{part}.weight");
        let gated = config.feed_forward_proj.starts_with("gated-");
        let (gate, up) = if gated {
            (Some(weights.matrix(&name("wi_0"), wide, width)?), weights.matrix(&name("wi_1"), wide, width)?)
        } else {
            (None, weights.matrix(&name("wi"), wide, width)?)
        };
        let norm = weights.vector(&format!("{layer}.layer_norm.weight"), width)?;
        Ok(Self { norm, gate, up, down: weights.matrix(&name("wo"), width, wide)? })
    }
}
