"""What quantising does to logits, part by part: which of it is the weights' rounding, and which is what juxta adds to that.

Of the tiny models with drawn weights in tests/data/models, in PyTorch: every matrix through Q8_0 and back; an adapter's halves
through f16 (as juxta keeps them beside a quantised base); what is multiplied through 16 bits of the largest of 32 (as juxta's
engine does) and through 8 (as llama.cpp and candle do). Prints how far the logits after 57 tokens are from those without, as a
share of their spread.

    pip install torch transformers peft
    python tests/reference/quantised.py
"""

import sys
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

MODELS = Path(__file__).resolve().parents[1] / "data/models"
PAIRS = [("grouped", None), ("qwen2", None), ("qwen2", "lora-qwen2"), ("qwen3", None), ("qwen3", "lora-qwen3"), ("mistral", "lora-mistral")]


def rounded(numbers: torch.Tensor, most: int, half: bool) -> torch.Tensor:
    """Whole multiples of a scale for every 32, up to so many of them."""
    if numbers.shape[-1] % 32:
        return numbers
    blocks = numbers.reshape(-1, 32)
    scale = blocks.abs().amax(1, keepdim=True) / most
    whole = torch.where(scale > 0, blocks / scale, 0 * blocks).round()
    return (whole * (scale.half().float() if half else scale)).reshape(numbers.shape)


def logits(base: str, adapter: str | None, part: str) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(MODELS / base, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, MODELS / adapter)
    model.eval()
    with torch.no_grad():
        for name, numbers in model.named_parameters():
            if "lora_" in name and part == "halves":
                numbers.copy_(numbers.half().float())
            elif "lora_" not in name and numbers.dim() == 2 and part == "weights":
                numbers.copy_(rounded(numbers, 127, True))
        if part in ("16 bits", "8 bits"):
            most = 32_767 if part == "16 bits" else 127
            for name, module in model.named_modules():
                if isinstance(module, torch.nn.Linear) and "lora_" not in name:
                    module.register_forward_pre_hook(lambda _, given: (rounded(given[0], most, False),))
        return model(torch.arange(3, 60)[None]).logits[0, -1]


for base, adapter in PAIRS:
    whole = logits(base, adapter, "nothing")
    parts = ["weights", "halves", "16 bits", "8 bits"]
    shares = [((logits(base, adapter, part) - whole).std() / whole.std()).item() for part in parts]
    print(f"{base} {adapter or 'alone'}: " + ", ".join(f"{part} {share:.5f}" for part, share in zip(parts, shares)), flush=True)
