"""Writes a T5 with random weights twice: as a folder of safetensors, for us, and as CTranslate2 has its models.

    python model.py FOLDER WIDTH INNER LAYERS HEADS WORDS

makes FOLDER/ours and FOLDER/theirs. The weights come from a seed; the words are `w3`, `w4` and so on.
"""

import json
import pathlib
import sys

import numpy as np
from ctranslate2.specs import common_spec, transformer_spec

ATTENTION = {"encoder": ["SelfAttention"], "decoder": ["SelfAttention", "EncDecAttention"]}


def weights(width, inner, layers, heads, words):
    """By the names that Flan-T5's files have."""
    random = np.random.default_rng(7)
    made = {}

    def matrix(name, rows, columns):
        made[name] = (random.standard_normal((rows, columns), dtype=np.float32)) * np.float32(0.05)

    def ones(name):
        made[name] = np.ones(width, dtype=np.float32)

    matrix("shared.weight", words, width)
    matrix("lm_head.weight", words, width)
    # Nothing ends before the limit.
    made["lm_head.weight"][1] = 0
    for side, kinds in ATTENTION.items():
        for layer in range(layers):
            block = f"{side}.block.{layer}.layer"
            for place, kind in enumerate(kinds):
                for part in "qkvo":
                    matrix(f"{block}.{place}.{kind}.{part}.weight", width, width)
                ones(f"{block}.{place}.layer_norm.weight")
            place = len(kinds)
            matrix(f"{block}.{place}.DenseReluDense.wi_0.weight", inner, width)
            matrix(f"{block}.{place}.DenseReluDense.wi_1.weight", inner, width)
            matrix(f"{block}.{place}.DenseReluDense.wo.weight", width, inner)
            ones(f"{block}.{place}.layer_norm.weight")
        matrix(f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight", 32, heads)
        ones(f"{side}.final_layer_norm.weight")
    return made


def vocabulary(words):
    return ["<pad>", "</s>", "<unk>"] + [f"w{n}" for n in range(3, words)]


def tokenizer(words):
    end = {"id": "</s>", "ids": [1], "tokens": ["</s>"]}
    closed = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    return {
        "version": "1.0", "added_tokens": [], "normalizer": None, "decoder": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "TemplateProcessing", "single": closed, "pair": closed, "special_tokens": {"</s>": end}},
        "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(vocabulary(words))}, "unk_token": "<unk>"},
    }


def save_ours(folder, made, width, inner, layers, heads, words):
    folder.mkdir(parents=True)
    config = {
        "model_type": "t5", "vocab_size": words, "d_model": width, "d_kv": width // heads, "d_ff": inner,
        "num_layers": layers, "num_decoder_layers": layers, "num_heads": heads, "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False, "eos_token_id": 1, "decoder_start_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(words)))
    head, at = {}, 0
    for name, values in made.items():
        head[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    head = json.dumps(head).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(head).to_bytes(8, "little"))
        file.write(head)
        for values in made.values():
            file.write(values.tobytes())


def save_theirs(folder, made, layers, heads, words):
    spec = transformer_spec.TransformerSpec.from_config(
        (layers, layers), heads, pre_norm=True, activation=common_spec.Activation.GELUTanh, ffn_glu=True,
        relative_attention_bias=True, rms_norm=True,
    )

    def attention(to, name, is_self):
        to.queries_scale = 1.0
        q, k, v, o = (made[f"{name}.{part}.weight"] for part in "qkvo")
        if is_self:
            to.linear[0].weight = np.concatenate([q, k, v])
        else:
            to.linear[0].weight, to.linear[1].weight = q, np.concatenate([k, v])
        to.linear[-1].weight = o

    for side, stack in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        stack.layer_norm.gamma = made[f"{side}.final_layer_norm.weight"]
        embeddings = stack.embeddings[0] if isinstance(stack.embeddings, list) else stack.embeddings
        embeddings.weight = made["shared.weight"]
        stack.scale_embeddings = False
        bias = made[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
        for layer, to in enumerate(stack.layer):
            block = f"{side}.block.{layer}.layer"
            attention(to.self_attention, f"{block}.0.SelfAttention", True)
            to.self_attention.layer_norm.gamma = made[f"{block}.0.layer_norm.weight"]
            to.self_attention.relative_attention_bias = bias
            to.self_attention.relative_attention_max_distance = np.dtype("int32").type(128)
            if side == "decoder":
                attention(to.attention, f"{block}.1.EncDecAttention", False)
                to.attention.layer_norm.gamma = made[f"{block}.1.layer_norm.weight"]
            last = len(ATTENTION[side])
            to.ffn.linear_0.weight = made[f"{block}.{last}.DenseReluDense.wi_0.weight"]
            to.ffn.linear_0_noact.weight = made[f"{block}.{last}.DenseReluDense.wi_1.weight"]
            to.ffn.linear_1.weight = made[f"{block}.{last}.DenseReluDense.wo.weight"]
            to.ffn.layer_norm.gamma = made[f"{block}.{last}.layer_norm.weight"]
    spec.decoder.projection.weight = made["lm_head.weight"]
    spec.register_source_vocabulary(vocabulary(words))
    spec.register_target_vocabulary(vocabulary(words))
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = vocabulary(words)[:3]
    spec.config.decoder_start_token = "<pad>"
    spec.validate()
    spec.optimize()
    folder.mkdir(parents=True)
    spec.save(str(folder))


def main():
    folder = pathlib.Path(sys.argv[1])
    width, inner, layers, heads, words = map(int, sys.argv[2:])
    made = weights(width, inner, layers, heads, words)
    save_ours(folder / "ours", made, width, inner, layers, heads, words)
    save_theirs(folder / "theirs", made, layers, heads, words)


main()
