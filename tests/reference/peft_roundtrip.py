"""Loads an adapter that juxta trained with Hugging Face PEFT and compares the logits with juxta's own.

    cargo bench --bench adapter_logits -- BASE ADAPTER LOGITS.safetensors
    python tests/reference/peft_roundtrip.py BASE ADAPTER LOGITS.safetensors

BASE and ADAPTER are folders. Exits with 1 where a logit differs by more than 1e-4 of the largest, or where the adapter
changes nothing.
"""

import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

base_folder, adapter_folder, logits_file = sys.argv[1:]
ours = load_file(logits_file)
base = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
with torch.no_grad():
    tokens = ours["tokens"].long()[None]
    before = base(tokens).logits[0]
    tuned = PeftModel.from_pretrained(base, adapter_folder)
    theirs = tuned(tokens).logits[0]
apart = (theirs - ours["logits"]).abs().max().item() / theirs.abs().max().item()
effect = (theirs - before).abs().max().item()
print(f"{tokens.shape[1]} positions: largest difference {apart:.2e} of the largest logit; the adapter moves logits by up to {effect:.3f}")
sys.exit(0 if apart <= 1e-4 and effect > 1e-2 else 1)
