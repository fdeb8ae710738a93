"""Loads what juxta fine-tuned with Hugging Face PEFT or transformers and compares the logits with juxta's own.

    cargo bench --bench adapter_logits -- BASE TUNED LOGITS.safetensors
    python tests/reference/peft_roundtrip.py BASE TUNED LOGITS.safetensors

BASE and TUNED are folders; TUNED is an adapter of BASE or a whole model (`--method full`), which is loaded with no word
about its precision, as anyone would. Exits with 1 where a logit differs by more than 1e-4 of the largest, or where the
training changed nothing.
"""

import pathlib
import sys

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

base_folder, tuned_folder, logits_file = sys.argv[1:]
ours = load_file(logits_file)
base = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
with torch.no_grad():
    tokens = ours["tokens"].long()[None]
    before = base(tokens).logits[0]
    if (pathlib.Path(tuned_folder) / "adapter_config.json").is_file():
        from peft import PeftModel

        tuned = PeftModel.from_pretrained(base, tuned_folder)
    else:
        tuned, loading = AutoModelForCausalLM.from_pretrained(tuned_folder, output_loading_info=True)
        assert not any(loading.values()), loading
        assert all(p.dtype == torch.float32 for p in tuned.parameters())
    theirs = tuned(tokens).logits[0]
apart = (theirs - ours["logits"]).abs().max().item() / theirs.abs().max().item()
effect = (theirs - before).abs().max().item()
print(f"{tokens.shape[1]} positions: largest difference {apart:.2e} of the largest logit; training moved logits by up to {effect:.3f}")
sys.exit(0 if apart <= 1e-4 and effect > 1e-2 else 1)
