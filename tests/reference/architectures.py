"""Makes tests/data/models/ARCHITECTURE...: tiny random models of every architecture but llama (see logits.py), and PEFT
adapters of them, with the logits that transformers (and PEFT, unmerged) computes in f32 after each of 40 tokens.

Windows of attention are 8 tokens and shorter than the texts, scales differ from their defaults, and heads are not what
hidden_size would make them, so that an engine that leaves one of these out is far off.

Needs torch, transformers, peft, safetensors and tokenizers; written with torch 2.15, transformers 5.24, peft 0.21.
Run from the repository's root: python tests/reference/architectures.py
"""

import json
import shutil
import sys

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import torch
from logits import CHATML, HERE, adapter, tokenizer, tokens
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

LENGTH = 40
# Of phi3-long, whose first window has 64.
LONGER = 100


def randomise(model: torch.nn.Module, seed: int, norm: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator)
            p.copy_(norm + 0.2 * noise if "norm" in name else 0.25 * noise)


def base(name: str, kind: type, seed: int, dtype: torch.dtype, old=None, shard: str | None = None, **settings) -> None:
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    words = tokenizer()
    common = {
        "vocab_size": words.get_vocab_size() + 1,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    config = kind(**{**common, **settings})
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config)
    # Gemma's norms multiply by one more than their weights.
    randomise(model, seed, 0.0 if name.startswith("gemma") else 1.0)
    model = model.to(dtype)
    model.tie_weights()
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "chat_template": CHATML}, indent=2)
    )
    path = folder / "config.json"
    written = json.loads(path.read_text())
    if old:
        old(written)
    path.write_text(json.dumps(written, indent=2) + "\n")
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    expect(folder / "expected.safetensors", loaded, LENGTH)
    if name == "phi3-long":
        expect(folder / "longer.safetensors", loaded, LONGER)


def expect(file, model, length: int) -> None:
    ids = tokens(model.config.vocab_size, length, 1)
    with torch.no_grad():
        logits = model(ids).logits[0].float()
    assert 0.3 < logits.std() < 25, (file, logits.std())
    save_file({"tokens": ids[0], "logits": logits.contiguous()}, file)


def gemma3_as_older_files_have_it(written: dict) -> None:
    written.pop("layer_types")
    rope = written.pop("rope_parameters")
    written["sliding_window_pattern"] = 3
    written["rope_theta"] = rope["full_attention"]["rope_theta"]
    written["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    written["rope_scaling"] = {"rope_type": "linear", "factor": rope["full_attention"]["factor"]}


def main() -> None:
    torch.set_num_threads(1)
    base("mistral", MistralConfig, 21, torch.bfloat16, sliding_window=8, head_dim=12, tie_word_embeddings=False)
    base("qwen2", Qwen2Config, 22, torch.float16, tie_word_embeddings=True)
    base("qwen2-sliding", Qwen2Config, 23, torch.bfloat16, shard="20KB", tie_word_embeddings=False, use_sliding_window=True,
         sliding_window=8, max_window_layers=1)
    base("qwen3", Qwen3Config, 24, torch.bfloat16, head_dim=16, tie_word_embeddings=False)
    base("qwen3-yarn", Qwen3Config, 37, torch.bfloat16, head_dim=16, tie_word_embeddings=False,
         rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 8.0, "beta_slow": 0.5,
                          "original_max_position_embeddings": 64})
    base("gemma", GemmaConfig, 25, torch.bfloat16, head_dim=16)
    base("gemma2", Gemma2Config, 26, torch.bfloat16, head_dim=16, query_pre_attn_scalar=24, sliding_window=8,
         attn_logit_softcapping=5.0, final_logit_softcapping=9.0)
    gemma3 = {"head_dim": 16, "query_pre_attn_scalar": 24, "sliding_window": 8, "num_hidden_layers": 3,
              "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
              "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                                  "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}}
    base("gemma3", Gemma3TextConfig, 27, torch.bfloat16, **gemma3)
    base("gemma3-old", Gemma3TextConfig, 28, torch.float16, old=gemma3_as_older_files_have_it, **gemma3)
    base("phi3", Phi3Config, 29, torch.float32, sliding_window=8, tie_word_embeddings=False)
    base("phi3-long", Phi3Config, 30, torch.bfloat16, tie_word_embeddings=True, original_max_position_embeddings=64,
         rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
                          "short_factor": [1.0, 1.1, 1.3], "long_factor": [2.0, 3.0, 4.0]})
    plain = {"r": 4, "lora_alpha": 8}
    adapter("lora-mistral", "mistral", 31, **plain, target_modules="all-linear")
    adapter("lora-qwen2", "qwen2", 32, **plain, target_modules=["q_proj", "k_proj", "v_proj", "embed_tokens"])
    adapter("lora-qwen3", "qwen3", 33, **plain, target_modules=["q_proj", "o_proj", "down_proj"], modules_to_save=["lm_head"])
    adapter("lora-gemma2", "gemma2", 34, **plain, target_modules="all-linear")
    adapter("lora-gemma3", "gemma3", 35, **plain, target_modules=["q_proj", "v_proj", "gate_proj"])
    adapter("lora-phi3", "phi3", 36, **plain, target_modules=["qkv_proj", "gate_up_proj", "o_proj"])


if __name__ == "__main__":
    main()
