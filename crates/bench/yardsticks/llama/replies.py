"""The yardstick of chat models: llama.cpp, by its Python binding, on the same file with as many threads.

    python replies.py MODEL.gguf THREADS TOKENS

says `ready`, and then, for each line with a prompt (as JSON), how many tokens a second it read and said (as JSON).
"""

import json
import sys
import time

from llama_cpp import Llama


def main():
    path, threads, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    model = Llama(path, n_ctx=4096, n_threads=threads, n_threads_batch=threads, verbose=False)
    print("ready", flush=True)
    for line in sys.stdin:
        prompt = model.tokenize(json.loads(line).encode(), special=True)
        model.reset()
        begun = time.monotonic()
        model.eval(prompt)
        token = model.sample(temp=0.0)
        first = time.monotonic()
        for _ in range(tokens - 1):
            model.eval([token])
            token = model.sample(temp=0.0)
        end = time.monotonic()
        print(json.dumps({"read": len(prompt) / (first - begun), "said": (tokens - 1) / (end - first)}), flush=True)


main()
