"""Trains a rank-8 adapter on a llama of half a billion random weights and prints the most memory that it took.

    pip install numpy safetensors
    cargo build --release
    python tests/reference/memory.py [target/release/juxta]

Writes some 2 GB into a temporary folder. The loss means nothing; that the run ends, and within how much memory, does.
"""

import json
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from safetensors.numpy import save_file

top = pathlib.Path(__file__).parents[2]
juxta = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else top / "target/release/juxta").resolve()
HIDDEN, LAYERS, FEED, VOCABULARY = 1024, 24, 4096, 98_304

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    base, corpus = folder / "half-billion", folder / "corpus"
    shutil.copytree(top / "assets/models/reader", base, ignore=shutil.ignore_patterns("model.*", "README.md"))
    config = json.loads((base / "config.json").read_text()) | {
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "intermediate_size": FEED, "vocab_size": VOCABULARY,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 64, "torch_dtype": "float32",
    }
    (base / "config.json").write_text(json.dumps(config))
    random = np.random.default_rng(1)
    weights = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,)}
    for n in range(LAYERS):
        block = f"model.layers.{n}."
        weights |= {
            block + "self_attn.q_proj.weight": (HIDDEN, HIDDEN), block + "self_attn.k_proj.weight": (HIDDEN // 2, HIDDEN),
            block + "self_attn.v_proj.weight": (HIDDEN // 2, HIDDEN), block + "self_attn.o_proj.weight": (HIDDEN, HIDDEN),
            block + "mlp.gate_proj.weight": (FEED, HIDDEN), block + "mlp.up_proj.weight": (FEED, HIDDEN),
            block + "mlp.down_proj.weight": (HIDDEN, FEED), block + "input_layernorm.weight": (HIDDEN,),
            block + "post_attention_layernorm.weight": (HIDDEN,),
        }
    tensors = {
        name: np.ones(size, np.float32) if len(size) == 1
        else random.standard_normal(size, np.float32) * np.float32(0.02)
        for name, size in weights.items()
    }
    parameters = sum(t.size for t in tensors.values())
    save_file(tensors, base / "model.safetensors")
    del tensors
    # Few held-out questions: the run measures its loss on all of them before and after.
    shutil.copytree(top / "corpora/biomedicine", corpus)
    questions = [json.loads(line) for line in (corpus / "questions.jsonl").read_text().splitlines()]
    chosen = [q for q in questions if q["split"] == "train"][:8] + [q for q in questions if q["split"] == "dev"][:2]
    (corpus / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in chosen))
    start = time.time()
    subprocess.run(
        [juxta, "--data-dir", folder / "data", "finetune", "--base", base, "--corpus", corpus, "--examples", "8",
         "--rank", "8", "--epochs", "1", "--accumulate", "4", "--skip-long", "--out", folder / "adapter"],
        check=True,
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{parameters / 1e6:.0f} M weights, rank 8: {peak:.1f} GiB at most, {time.time() - start:.0f} s")
