"""Makes tests/data/gradients: tiny random llamas, and what PyTorch says about their losses and gradients.

    python tests/reference/gradients.py        (torch, transformers, peft, tokenizers)

Two bases, both with grouped queries: `tied` (embedding used twice) and `untied` (own output matrix, Llama 3's scaled
rotary positions). For each, on two sequences of different length with the loss on their last tokens:
  base.reference        logits of both sequences, mean loss, gradient of every weight
  lora.reference        adapters with random A and B on all seven projections, mean loss, gradient of every A and B
The folders are whole models (config, weights, tokenizer) and serve as bases in other tests too.
"""

import json
import pathlib
import sys

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).parent.parent / "data" / "gradients"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# (tokens, first predicted position): 75 crosses a block of queries.
SEQUENCES = [(75, 66), (20, 9)]


def tokenizer(folder):
    """One token a character, so that any text over the alphabet can be a pair."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,?[]012"
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + list(alphabet)
    made = Tokenizer(models.WordLevel({t: i for i, t in enumerate(names)}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    made.add_special_tokens(names[:3])
    made.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}) + "\n")
    assert len(names) == 64


def main():
    for name in ("tied", "untied"):
        torch.manual_seed(7)
        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        rope = {"rope_type": "default", "rope_theta": 10000.0}
        if name == "untied":
            rope = {
                "rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
            }
        config = LlamaConfig(
            vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=8, max_position_embeddings=128, rms_norm_eps=1e-5,
            tie_word_embeddings=name == "tied", rope_parameters=rope, bos_token_id=0, eos_token_id=2,
            attn_implementation="eager",
        )
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for key, p in model.named_parameters():
                # Far from the usual small start, so that softmax and norms are not nearly linear.
                p.copy_(1 + 0.3 * torch.randn_like(p) if "norm" in key else 0.25 * torch.randn_like(p))
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        tokenizer(folder)
        sequences = [torch.randint(3, 64, (n,)) for n, _ in SEQUENCES]

        def loss(model):
            total, count = 0.0, 0
            for tokens, (_, answer) in zip(sequences, SEQUENCES):
                logits = model(tokens[None]).logits[0]
                total = total + torch.nn.functional.cross_entropy(
                    logits[answer - 1 : -1], tokens[answer:], reduction="sum"
                )
                count += len(tokens) - answer
            return total / count

        common = {f"tokens.{i}": t.to(torch.int32) for i, t in enumerate(sequences)}
        meta = {"answers": ",".join(str(a) for _, a in SEQUENCES)}
        found = loss(model)
        found.backward()
        base = dict(common, loss=found.detach()[None])
        with torch.no_grad():
            base |= {f"logits.{i}": model(t[None]).logits[0].contiguous() for i, t in enumerate(sequences)}
        base |= {f"gradient.{k}": p.grad.clone() for k, p in model.named_parameters()}
        save_file(base, folder / "base.reference", metadata=meta)

        model.zero_grad()
        peft = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS, task_type="CAUSAL_LM"))
        for key, p in peft.named_parameters():
            if "lora_" in key:
                torch.nn.init.normal_(p, std=0.2)
        found = loss(peft)
        found.backward()
        lora = dict(common, loss=found.detach()[None])
        for key, p in peft.named_parameters():
            if "lora_" in key:
                key = key.replace(".default", "")
                lora[key] = p.detach().clone()
                lora[f"gradient.{key}"] = p.grad.clone()
        save_file(lora, folder / "lora.reference", metadata=meta)
        print(name, "loss", base["loss"].item(), lora["loss"].item())


main()
