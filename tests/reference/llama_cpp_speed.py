"""juxta's own engine beside llama.cpp, on the same shape and format, alternated: tokens a second, and their ratios.

What it takes is a GGUF file of the llama family, whose weights are written again as Q8_0 (or another type that the gguf
package can make) for llama.cpp; `benches/engine.rs` draws weights of the same shape, since speed does not hang on their
values. llama.cpp answers one prompt, then two prompts in two slots at once; its better way of two answers is the faster of
the latter and one after the other. It cannot batch answers with and without an adapter, so its two have none: that favours it.

Needs xllamacpp (llama.cpp, compiled; written with 2026.10.11549), gguf and numpy, a quiet machine, and the bench compiled:
    cargo bench --bench engine --no-run
Run from the repository's root:
    python tests/reference/llama_cpp_speed.py MODEL.gguf PATH/TO/target/release/deps/engine-… [REPEATS] [THREADS]
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import gguf
import numpy as np
import xllamacpp

ANSWER, BEFORE, PROMPT = 64, 128, 512


def median(numbers: list) -> float:
    return float(np.median(numbers))


def requantised(source: str, target: str) -> list:
    """Writes the file again as Q8_0; its shape, as the bench takes it."""
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, 7 if field.name == "general.file_type" else field.contents(), kind, sub_type=inner)
    for tensor in reader.tensors:
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if len(tensor.shape) == 1:
            writer.add_tensor(tensor.name, numbers)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(tensor.name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    get = lambda key: int(reader.fields[f"{architecture}.{key}"].contents())
    hidden, heads = get("embedding_length"), get("attention.head_count")
    vocabulary = next(int(t.shape[1]) for t in reader.tensors if t.name == "token_embd.weight")
    return [vocabulary, hidden, get("feed_forward_length"), get("block_count"), heads, get("attention.head_count_kv"), hidden // heads]


class Theirs:
    def __init__(self, file: str, threads: int):
        p = xllamacpp.CommonParams()
        p.model.path = file
        p.n_ctx, p.n_parallel, p.warmup, p.verbosity = 4096, 2, True, 0
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads
        self.server = xllamacpp.Server(p)
        self.long, self.short = self.prompt(PROMPT), self.prompt(BEFORE)

    def ask(self, prompt: str, tokens: int) -> dict:
        said = self.server.handle_completions({"prompt": prompt, "max_tokens": tokens, "temperature": 0, "cache_prompt": False, "ignore_eos": True})
        return said["timings"]

    def prompt(self, tokens: int) -> str:
        """A prompt of about so many tokens."""
        words, n = [], 0
        while n < tokens:
            words += [f"word{len(words) + i}" for i in range(max(1, (tokens - n) // 4))]
            n = self.ask(" ".join(words), 1)["prompt_n"]
        return " ".join(words)

    def rates(self) -> dict:
        prefill = self.ask(self.long, 1)["prompt_per_second"]
        one = self.ask(self.short, ANSWER)["predicted_per_second"]
        timings = [None, None]

        def answer(slot: int) -> None:
            timings[slot] = self.ask(self.short + f" {slot}", ANSWER)

        threads = [threading.Thread(target=answer, args=[slot]) for slot in range(2)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        batched = sum(t["predicted_per_second"] for t in timings)
        return {"one": one, "two": max(one, batched), "batched": batched, "prefill": prefill}


def main() -> None:
    source, bench = sys.argv[1], sys.argv[2]
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    threads = int(sys.argv[4]) if len(sys.argv) > 4 else len(os.sched_getaffinity(0))
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "again.gguf")
        shape = ",".join(map(str, requantised(source, file)))
        other = Theirs(file, threads)
        print(f"{Path(source).name} as Q8_0, shape {shape}, {threads} threads; tokens/s", flush=True)
        for n in range(repeats):
            lines = subprocess.run([bench, shape, "q8_0", str(threads), "--json"], check=True, capture_output=True, text=True).stdout
            of_run = [json.loads(line) for line in lines.splitlines()]
            ours.append({key: median([run[key] for run in of_run]) for key in of_run[0]})
            time.sleep(1)
            theirs.append(other.rates())
            show = lambda rates: ", ".join(f"{key} {value:.0f}" for key, value in rates.items())
            print(f"juxta:     {show(ours[-1])}\nllama.cpp: {show(theirs[-1])}", flush=True)
    for key, what in [("one", "one answer"), ("two", "two answers, theirs the better way"), ("prefill", f"prompt of {PROMPT}")]:
        ratios = [a[key] / b[key] for a, b in zip(ours, theirs)]
        print(f"{what}: {median(ratios):.2f} of llama.cpp (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
