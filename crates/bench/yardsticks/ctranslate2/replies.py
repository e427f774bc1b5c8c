"""The yardstick of T5: CTranslate2 in 32-bit floats, with as many threads.

    python replies.py FOLDER THREADS TOKENS BEAMS

says `ready`, and then, for each line with the numbers of a text's tokens (as JSON), how many tokens a second it said
(as JSON).
"""

import json
import sys
import time

import ctranslate2


def main():
    folder, threads, tokens, beams = sys.argv[1], *map(int, sys.argv[2:])
    model = ctranslate2.Translator(folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=threads)
    names = ["<pad>", "</s>", "<unk>"]
    print("ready", flush=True)
    for line in sys.stdin:
        text = [names[token] if token < 3 else f"w{token}" for token in json.loads(line)]
        begun = time.monotonic()
        found = model.translate_batch(
            [text], beam_size=beams, no_repeat_ngram_size=2, max_decoding_length=tokens, min_decoding_length=tokens
        )
        took = time.monotonic() - begun
        print(json.dumps({"said": len(found[0].hypotheses[0]) / took}), flush=True)


main()
