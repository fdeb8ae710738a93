"""Tokens a second of LoRA training: PyTorch + PEFT beside juxta, one after the other, same shapes, same machine.

    cargo bench --no-run --bench finetune_speed    # prints the path of the program
    python tests/reference/speed.py PATH [THREADS [cpu]]

The bundled reader in f32, rank 8 on all seven projections, sequences of 450 tokens of which 40 are predicted, 8
sequences a step, AdamW, clipping. PyTorch is measured in three ways: as it is commonly run (Hugging Face's own loss with
labels of -100 on the prompt, a sequence at a time, and 8 in one batch), and with the logits computed only for the
answer. Prints the rounds of each and the ratio of the medians. With `cpu`, seconds of processor time are counted (juxta's with
its loading): for a machine that does other work too, on one thread.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import time

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import statistics

THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
CPU = sys.argv[3:] == ["cpu"]
# As the reader's own recipe does: glibc otherwise gives large tensors back after each product.
if os.environ.get("MALLOC_MMAP_MAX_") != "0":
    settings = dict(os.environ, MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="8589934592", OMP_NUM_THREADS=str(THREADS))
    os.execve(sys.executable, [sys.executable, *sys.argv], settings)

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).parent.parent.parent
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TOKENS, ANSWER, STEP, STEPS, ROUNDS = 450, 40, 8, 2, 3


clock = time.process_time if CPU else time.time


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(ROOT / "assets/models/reader", dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules=TARGETS, task_type="CAUSAL_LM"))
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(weights, lr=1e-4)

    def step(batch, answer_only):
        adam.zero_grad()
        for _ in range(STEP // batch):
            tokens = torch.randint(3, 8192, (batch, TOKENS))
            if answer_only:
                logits = model(input_ids=tokens[:, :-1], logits_to_keep=ANSWER).logits
                loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, -ANSWER:].flatten())
            else:
                labels = tokens.clone()
                labels[:, :-ANSWER] = -100
                loss = model(input_ids=tokens, labels=labels).loss
            (loss * batch / STEP).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        adam.step()

    def torch_rate(batch, answer_only):
        start = clock()
        for _ in range(STEPS):
            step(batch, answer_only)
        return STEPS * STEP * TOKENS / (clock() - start)

    def juxta_rate():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = dict(os.environ, RAYON_NUM_THREADS=str(THREADS))
        said = subprocess.run([sys.argv[1], str(STEP * STEPS), str(TOKENS)], env=environment, check=True, capture_output=True)
        after, found = resource.getrusage(resource.RUSAGE_CHILDREN), json.loads(said.stdout)
        if CPU:
            return found["tokens"] / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return found["tokens_per_second"]

    ways = {
        "torch, one at a time": lambda: torch_rate(1, False),
        "torch, batch of 8": lambda: torch_rate(8, False),
        "torch, one at a time, answer logits": lambda: torch_rate(1, True),
        "torch, batch of 8, answer logits": lambda: torch_rate(8, True),
        "juxta": juxta_rate,
    }
    rates = {name: [] for name in ways}
    for n in range(ROUNDS):
        # Interleaved, so that another load on the machine meets all of them.
        for name, way in ways.items():
            rates[name].append(way())
            print(f"round {n + 1}: {name}: {rates[name][-1]:.0f} tokens/s", file=sys.stderr, flush=True)
    ours = statistics.median(rates["juxta"])
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"{name:38} {median:7.0f} tokens/s ({min(found):.0f} to {max(found):.0f}); juxta/this {ours / median:.2f}")


main()
