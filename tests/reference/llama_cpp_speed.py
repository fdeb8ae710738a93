"""juxta's own engine beside llama.cpp, on the same shape and format, alternated: tokens a second, and their ratios.

Speed does not hang on what the weights are, so both draw theirs: `benches/engine.rs` in memory, this script as a GGUF file of
the llama family in the same formats, tensor by tensor. llama.cpp's figures are those of its own llama-batched-bench: it reads a
prompt, then answers one, or two at once; its better way of two answers is the faster of the latter and one after the other. It
cannot batch answers with and without an adapter, so its two have none: that favours it.

llama.cpp is best built on the machine that measures, so that it uses all that the processor has. Its sources are in the package
llama-cpp-python (written with 0.3.36):
    pip install gguf numpy cmake ninja scikit-build-core
    pip download --no-deps --no-binary :all: --no-build-isolation llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz
    cmake -S llama_cpp_python-*/vendor/llama.cpp -B llama -G Ninja -D CMAKE_BUILD_TYPE=Release -D GGML_NATIVE=ON \
        -D LLAMA_CURL=OFF -D LLAMA_BUILD_TESTS=OFF -D LLAMA_BUILD_SERVER=OFF -D LLAMA_BUILD_EXAMPLES=OFF
    cmake --build llama --target llama-batched-bench
Then on a quiet machine, from the repository's root, with a shape of the bench (smollm2-135m, smollm2-360m, qwen2.5-0.5b, reader)
and q8_0 or q4_k_m:
    cargo bench --bench engine --no-run
    python tests/reference/llama_cpp_speed.py SHAPE FORMAT target/release/deps/engine-… llama/bin/llama-batched-bench [REPEATS] [THREADS]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import gguf
import numpy as np

ANSWER, BEFORE, PROMPT = 64, 128, 512


def median(numbers: list) -> float:
    return float(np.median(numbers))


# Vocabulary, hidden, feed-forward, layers, heads, key heads, head: as the bench has them.
SHAPES = {
    "smollm2-135m": (49_152, 576, 1_536, 30, 9, 3, 64),
    "smollm2-360m": (49_152, 960, 2_560, 32, 15, 5, 64),
    "qwen2.5-0.5b": (151_936, 896, 4_864, 24, 14, 2, 64),
    "reader": (12_288, 320, 640, 7, 5, 5, 64),
}
Q = gguf.GGMLQuantizationType
# Numbers in a block, its bytes, and where its scales (16 bits) stand, with what makes the weights about as large as a model's.
BLOCKS = {
    Q.Q8_0: (32, 34, [(0, 1 / 128)]),
    Q.Q5_0: (32, 22, [(0, 1 / 16)]),
    Q.Q4_K: (256, 144, [(0, 1 / 256), (2, 1 / 32)]),
    Q.Q6_K: (256, 210, [(208, 1 / 2048)]),
}
# What llama-quantize takes where rows are no multiples of 256.
INSTEAD = {Q.Q4_K: Q.Q5_0, Q.Q6_K: Q.Q8_0}
MIXES = {"q8_0": (Q.Q8_0, Q.Q8_0), "q4_k_m": (Q.Q4_K, Q.Q6_K)}


def drawn(random: np.random.Generator, rows: int, inner: int, kind: Q) -> tuple:
    """A matrix of drawn bits in a type that its rows suit, and that type."""
    if inner % BLOCKS[kind][0]:
        kind = INSTEAD[kind]
    numbers, size, scales = BLOCKS[kind]
    blocks = random.integers(0, 256, (rows * inner // numbers, size), dtype=np.uint8)
    for at, scale in scales:
        blocks[:, at : at + 2] = np.frombuffer(np.float16(scale / inner**0.5).tobytes(), np.uint8)
    return blocks.reshape(rows, -1), kind


def alphabet() -> list:
    """The letters that byte-level tokenizers write bytes as, in their order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


def written(target: str, shape: tuple, named: str) -> None:
    """Writes a model of drawn weights as a GGUF file."""
    vocabulary, hidden, feed, layers, heads, keys, head = shape
    most, finer = MIXES[named]
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_context_length(8192)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed)
    writer.add_head_count(heads)
    writer.add_head_count_kv(keys)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    letters = alphabet()
    merged = ["wo", "rd", "word"]
    tokens = letters + merged + [f"<{n}>" for n in range(vocabulary - len(letters) - len(merged))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * vocabulary)
    writer.add_token_merges(["w o", "r d", "wo rd"])
    writer.add_eos_token_id(vocabulary - 1)

    def put(name: str, rows: int, inner: int, kind: Q) -> None:
        numbers, kind = drawn(random, rows, inner, kind)
        writer.add_tensor(name, numbers, raw_dtype=kind)

    def norm(name: str) -> None:
        writer.add_tensor(name, np.ones(hidden, dtype=np.float32))

    put("token_embd.weight", vocabulary, hidden, finer)
    norm("output_norm.weight")
    for n in range(layers):
        better = finer if n % 2 == 0 else most
        norm(f"blk.{n}.attn_norm.weight")
        norm(f"blk.{n}.ffn_norm.weight")
        put(f"blk.{n}.attn_q.weight", heads * head, hidden, most)
        put(f"blk.{n}.attn_k.weight", keys * head, hidden, most)
        put(f"blk.{n}.attn_v.weight", keys * head, hidden, better)
        put(f"blk.{n}.attn_output.weight", hidden, heads * head, most)
        put(f"blk.{n}.ffn_gate.weight", feed, hidden, most)
        put(f"blk.{n}.ffn_up.weight", feed, hidden, most)
        put(f"blk.{n}.ffn_down.weight", hidden, feed, better)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def theirs(program: str, file: str, threads: int) -> dict:
    """What llama-batched-bench measures of one answer, of two, and of a prompt: medians of as many rounds as take some seconds."""

    def rounds(times: int) -> dict:
        prompts = ",".join([f"{BEFORE},{PROMPT}"] * times)
        asked = f"-c 4096 -npp {prompts} -ntg {ANSWER} -npl 1,2 -t {threads} -tb {threads} --output-format jsonl"
        lines = subprocess.run([program, "-m", file, *asked.split()], check=True, capture_output=True, text=True).stdout
        rows = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
        of = lambda prompt, answers, key: [row[key] for row in rows if (row["pp"], row["pl"]) == (prompt, answers)]
        return {"one": of(BEFORE, 1, "speed_tg"), "together": of(BEFORE, 2, "speed_tg"), "prefill": of(PROMPT, 1, "speed_pp"), "seconds": [row["t"] for row in rows]}

    once = sum(rounds(1)["seconds"])
    found = {key: median(values) for key, values in rounds(max(3, min(60, round(6 / once)))).items()}
    return {"one": found["one"], "two": max(found["one"], found["together"]), "together": found["together"], "prefill": found["prefill"]}


def main() -> None:
    named, form, bench, program = sys.argv[1:5]
    repeats = int(sys.argv[5]) if len(sys.argv) > 5 else 3
    threads = int(sys.argv[6]) if len(sys.argv) > 6 else len(os.sched_getaffinity(0))
    ours, others = [], []
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "drawn.gguf")
        written(file, SHAPES[named], form)
        print(f"{named} in {form}, {threads} threads; tokens/s", flush=True)
        for _ in range(repeats):
            lines = subprocess.run([bench, named, form, str(threads), "--json", "--bench"], check=True, capture_output=True, text=True).stdout
            of_run = [json.loads(line) for line in lines.splitlines()]
            ours.append({key: median([run[key] for run in of_run]) for key in of_run[0]})
            time.sleep(1)
            others.append(theirs(program, file, threads))
            show = lambda rates: ", ".join(f"{key} {value:.0f}" for key, value in rates.items())
            print(f"juxta:     {show(ours[-1])}\nllama.cpp: {show(others[-1])}", flush=True)
    for key, what in [("one", "one answer"), ("two", "two answers, theirs the better way"), ("prefill", f"prompt of {PROMPT}")]:
        ratios = [a[key] / b[key] for a, b in zip(ours, others)]
        print(f"{what}: {median(ratios):.2f} of llama.cpp (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
