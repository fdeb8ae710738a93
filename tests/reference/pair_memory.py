"""The most memory that a pair takes, a base and its adapter answering at once, beside one model's in llama.cpp.

Makes a llama of SmolLM2-135M's shape with random weights in bf16 and a rank-16 adapter of it, has juxta ask both with
`--quant q8_0`, exports the base as Q8_0, and has llama.cpp answer from that as long. Of llama.cpp's process, what Python and
its packages had taken before the model was loaded is taken off; of juxta's, nothing, so that its corpus and index are in it:
`recorded` is the same question to recorded answers, what juxta takes without any model.

    pip install numpy gguf xllamacpp     (written with xllamacpp 2026.10.11549)
    cargo build --release
    python tests/reference/pair_memory.py [target/release/juxta]
"""

import json
import multiprocessing
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import numpy as np

TOP = pathlib.Path(__file__).resolve().parents[2]
HIDDEN, LAYERS, FEED, VOCABULARY, HEADS, KEY_HEADS, RANK = 576, 30, 1536, 49_152, 9, 3, 16
QUESTION = "How does metformin lower blood glucose?"
TOKENS = 64


def save(file: pathlib.Path, tensors: dict, bf16: bool) -> None:
    """A safetensors file: the package would do, but it writes no bf16 from numpy."""
    header, at, blobs = {}, 0, []
    for name, numbers in tensors.items():
        numbers = np.ascontiguousarray(numbers, np.float32)
        blob = (numbers.view(np.uint32) >> 16).astype(np.uint16).tobytes() if bf16 else numbers.tobytes()
        header[name] = {"dtype": "BF16" if bf16 else "F32", "shape": numbers.shape, "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def peak(command: list, env: dict | None = None) -> tuple:
    """The most memory of a process in MB, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} ended with {status}")
    return usage.ru_maxrss * 1024 / 1e6, said


def most() -> float:
    """The most memory of this process so far, in MB."""
    line = next(l for l in open("/proc/self/status") if l.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def theirs(file: str, prompt: int) -> None:
    import xllamacpp

    before = most()
    p = xllamacpp.CommonParams()
    p.model.path = file
    p.n_ctx, p.n_parallel, p.warmup, p.verbosity = 1024, 1, True, 0
    server = xllamacpp.Server(p)
    words = " ".join(f"word{n}" for n in range(prompt // 5))
    server.handle_completions({"prompt": words, "max_tokens": TOKENS, "temperature": 0, "ignore_eos": True})
    print(most() - before)


def write(models: pathlib.Path) -> None:
    """The base and its adapter."""
    random = np.random.default_rng(1)
    drawn = lambda *shape: random.standard_normal(shape, np.float32) * np.float32(0.02)
    base, adapter = models / "base", models / "tuned"
    shutil.copytree(TOP / "assets/models/reader", base, ignore=shutil.ignore_patterns("model.*", "README.md"))
    adapter.mkdir()
    settings = json.loads((base / "config.json").read_text()) | {
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "intermediate_size": FEED, "vocab_size": VOCABULARY,
        "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "head_dim": HIDDEN // HEADS, "torch_dtype": "bfloat16",
        "tie_word_embeddings": True,
    }
    (base / "config.json").write_text(json.dumps(settings))
    keys = HIDDEN // HEADS * KEY_HEADS
    linear = {
        "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (keys, HIDDEN), "self_attn.v_proj": (keys, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN), "mlp.gate_proj": (FEED, HIDDEN), "mlp.up_proj": (FEED, HIDDEN),
        "mlp.down_proj": (HIDDEN, FEED),
    }
    weights = {"model.embed_tokens.weight": drawn(VOCABULARY, HIDDEN), "model.norm.weight": np.ones(HIDDEN)}
    halves = {}
    for n in range(LAYERS):
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{n}.{name}.weight"] = np.ones(HIDDEN)
        for name, (rows, inner) in linear.items():
            weights[f"model.layers.{n}.{name}.weight"] = drawn(rows, inner)
            halves[f"base_model.model.model.layers.{n}.{name}.lora_A.weight"] = drawn(RANK, inner)
            halves[f"base_model.model.model.layers.{n}.{name}.lora_B.weight"] = drawn(rows, RANK)
    save(base / "model.safetensors", weights, True)
    save(adapter / "adapter_model.safetensors", halves, False)
    (adapter / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "base_model_name_or_path": "base", "r": RANK, "lora_alpha": RANK, "lora_dropout": 0.0, "bias": "none",
        "fan_in_fan_out": False, "target_modules": [name.split(".")[-1] for name in linear],
    }))


def main() -> None:
    juxta = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else TOP / "target/release/juxta").resolve())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # In a process of its own: what its parent has taken counts as what a process took.
        writer = multiprocessing.Process(target=write, args=[folder / "data" / "models"])
        writer.start()
        writer.join()
        run = [juxta, "--data-dir", str(folder / "data")]
        ask = run + ["ask", QUESTION, "--corpus", "biomedicine", "--json", "--max-tokens", str(TOKENS), "--quant", "q8_0"]
        # The index is built by the first that asks.
        subprocess.run(run + ["search", QUESTION, "--corpus", "biomedicine"], check=True, capture_output=True)
        pair, said = peak(ask + ["--pair", "base,tuned"])
        trial = json.loads(said)
        tokens = [answer["tokens"] for answer in trial["answers"]]
        prompt = trial["answers"][0]["prompt_tokens"]
        recorded = folder / "recorded.jsonl"
        recorded.write_text(json.dumps({"question": QUESTION, "answer": "It does."}) + "\n")
        for name in ("one", "other"):
            subprocess.run(run + ["model", "add", name, "--recorded", str(recorded)], check=True, capture_output=True)
        nothing, _ = peak(ask + ["--pair", "one,other"])
        file = str(folder / "base.gguf")
        subprocess.run(run + ["model", "export", "base", "--gguf", file, "--type", "q8_0"], check=True, capture_output=True)
        _, said = peak([sys.executable, __file__, "--theirs", file, str(prompt)])
        one = float(said.strip().splitlines()[-1])
        print(f"{os.path.getsize(file) / 1e6:.0f} MB of weights in Q8_0, prompts of {prompt} tokens, answers of {tokens}")
        print(f"juxta, base and adapter: {pair:.0f} MB, of which {nothing:.0f} without any model (recorded)")
        print(f"llama.cpp, the base alone: {one:.0f} MB")
        print(f"the pair: {pair / one:.2f} of llama.cpp's one model; without what juxta takes for itself {(pair - nothing) / one:.2f}")


if __name__ == "__main__":
    if "--theirs" in sys.argv:
        theirs(sys.argv[2], int(sys.argv[3]))
    else:
        main()
