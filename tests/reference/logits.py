"""Makes the models in tests/data/models and what Hugging Face computes with them.

Tiny llama models with random weights, one for each thing that the loader has to get right, and PEFT adapters of them.
Beside each lies expected.safetensors: `tokens` and the `logits` after each of them, computed in f32 by transformers
(and PEFT, unmerged). For the bundled reader: the logits after a few positions of a real prompt, and its greedy answer.

Needs torch, transformers, peft, safetensors and tokenizers; written with torch 2.15, transformers 5.23, peft 0.21.
Run from the repository's root: python tests/reference/logits.py [a GGUF file for its logits]
"""

import json
import shutil
import sys
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

HERE = Path("tests/data/models")
SPECIALS = ["<unk>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Older files have rope_theta and rope_scaling beside each other; transformers 5 writes rope_parameters.
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    # With heads of 8 the wavelengths are 6, 63, 628 and 6283: one kept, one between, two slowed down.
    "original_max_position_embeddings": 100,
}


def tokenizer() -> Tokenizer:
    letters = ["\n"] + [chr(c) for c in range(32, 127)]
    vocabulary = {token: n for n, token in enumerate(SPECIALS + letters)}
    t = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    t.decoder = decoders.Fuse()
    t.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return t


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Large enough weights that a wrong rotation or a swapped head shows in the logits."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator)
            p.copy_(1 + 0.2 * noise if "norm" in name else 0.25 * noise)


def tokens(vocabulary: int, n: int, seed: int) -> torch.Tensor:
    return torch.randint(3, vocabulary, (1, n), generator=torch.Generator().manual_seed(seed))


def expect(folder: Path, model: torch.nn.Module, vocabulary: int, n: int = 20) -> None:
    ids = tokens(vocabulary, n, 1)
    with torch.no_grad():
        logits = model(ids).logits[0].float()
    # Not too small to show an error, not so large that softmax saturates.
    assert 0.3 < logits.std() < 20, logits.std()
    save_file({"tokens": ids[0], "logits": logits.contiguous()}, folder / "expected.safetensors")


def base(name: str, seed: int, dtype: torch.dtype = torch.float32, old: dict | None = None, shard: str | None = None, **settings) -> LlamaForCausalLM:
    folder = HERE / name
    words = tokenizer()
    config = LlamaConfig(
        vocab_size=words.get_vocab_size() + 1,  # padded, as many are
        hidden_size=32,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        **settings,
    )
    model = LlamaForCausalLM(config)
    randomise(model, seed)
    model = model.to(dtype)
    model.tie_weights()
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "chat_template": CHATML}, indent=2)
    )
    path = folder / "config.json"
    written = json.loads(path.read_text())
    if old is not None:
        parameters = written.pop("rope_parameters")
        written["rope_theta"] = parameters["rope_theta"]
        written["rope_scaling"] = old
        written["torch_dtype"] = written.pop("dtype")
    path.write_text(json.dumps(written, indent=2) + "\n")
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    expect(folder, loaded, config.vocab_size)
    return loaded


def adapter(name: str, of: str, seed: int, **settings) -> None:
    folder = HERE / name
    model = AutoModelForCausalLM.from_pretrained(HERE / of, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, p in sorted(model.named_parameters()):
            if p.requires_grad:
                noise = 0.2 * torch.randn(p.shape, generator=generator)
                p.copy_(p + noise if "modules_to_save" in parameter_name else noise)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    written = json.loads(path.read_text())
    written["base_model_name_or_path"] = of
    path.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")
    # As a person would load it, unmerged.
    fresh = AutoModelForCausalLM.from_pretrained(HERE / of, dtype=torch.float32)
    loaded = PeftModel.from_pretrained(fresh, folder)
    plain = AutoModelForCausalLM.from_pretrained(HERE / of, dtype=torch.float32)
    ids = tokens(plain.config.vocab_size, 20, 1)
    with torch.no_grad():
        difference = (loaded(ids).logits - plain(ids).logits).abs().max()
    assert difference > 0.1, f"{name} changes nothing"
    expect(folder, loaded, plain.config.vocab_size)


def reader() -> None:
    folder = Path("assets/models/reader")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    words = AutoTokenizer.from_pretrained(folder)
    passages = [
        ("Loch Ness", "Loch Ness is a large freshwater loch in the Scottish Highlands. It takes its name from the River "
         "Ness, which flows from its northern end."),
        ("Ben Nevis", "Ben Nevis is the highest mountain in Scotland. The summit is 1,345 metres above sea level."),
    ]
    shown = "\n\n".join(f"[{n}] {title}\n{text}" for n, (title, text) in enumerate(passages, 1))
    messages = [
        {"role": "system", "content": "Answer the question using only the passages. Cite passages like [1]."},
        {"role": "user", "content": f"{shown}\n\nQuestion: What is the highest mountain in Scotland?"},
    ]
    prompt = words.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ids = words(prompt, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = model(ids).logits[0]
        answer = model.generate(ids, max_new_tokens=60, do_sample=False)[0][ids.shape[1] :]
    lengths = [1, 70, ids.shape[1]]
    out = HERE / "reader"
    out.mkdir(parents=True)
    save_file(
        {"tokens": ids[0], "lengths": torch.tensor(lengths), "logits": logits[[n - 1 for n in lengths]].contiguous()},
        out / "expected.safetensors",
    )
    # An answer begins with its first word; one that is copied from within a passage has the space before it.
    answer = words.decode(answer, skip_special_tokens=True).lstrip()
    expected = {"messages": messages, "prompt": prompt, "answer": answer}
    (out / "expected.json").write_text(json.dumps(expected, indent=2, ensure_ascii=False) + "\n")


def gguf(path: Path) -> None:
    """What transformers computes with a GGUF file's dequantised weights: the first 200 logits of each position."""
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    ids = tokens(model.config.vocab_size, 12, 1)
    with torch.no_grad():
        logits = model(ids).logits[0, :, :200].float().contiguous()
    out = HERE / "gguf"
    out.mkdir(parents=True)
    save_file({"tokens": ids[0], "logits": logits}, out / f"{path.stem}.safetensors")


def main() -> None:
    torch.set_num_threads(1)
    keep = HERE / "gguf"
    kept = {p.name: load_file(p) for p in keep.glob("*.safetensors")} if keep.exists() and len(sys.argv) < 2 else {}
    shutil.rmtree(HERE, ignore_errors=True)
    base("grouped", 1, num_key_value_heads=2, tie_word_embeddings=False)
    base("tied-bf16", 2, torch.bfloat16, num_key_value_heads=4, tie_word_embeddings=True)
    base("llama3-f16", 3, torch.float16, num_key_value_heads=1, tie_word_embeddings=False,
         rope_parameters={"rope_theta": 10000.0, **LLAMA3})
    base("llama3-old-sharded", 4, torch.float16, old=LLAMA3, shard="20KB", num_key_value_heads=2, tie_word_embeddings=True,
         rope_parameters={"rope_theta": 10000.0, **LLAMA3})
    adapter("lora", "grouped", 11, r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    adapter("lora-rank-stabilised", "grouped", 12, r=4, lora_alpha=4, use_rslora=True, target_modules="all-linear")
    adapter("lora-patterns", "grouped", 13, r=2, lora_alpha=4, target_modules=["q_proj", "down_proj", "gate_proj"],
            rank_pattern={"q_proj": 3, "^model.layers.1.mlp.gate_proj": 5}, alpha_pattern={"layers.0.mlp.down_proj": 7})
    adapter("lora-one-layer", "grouped", 14, r=2, lora_alpha=2, target_modules=["o_proj"], layers_to_transform=[1])
    adapter("lora-saved-head", "grouped", 15, r=2, lora_alpha=2, target_modules=["k_proj"],
            modules_to_save=["lm_head", "embed_tokens"])
    adapter("lora-head", "grouped", 16, r=2, lora_alpha=2, target_modules=["lm_head", "up_proj"])
    # With tied embeddings PEFT changes one end and leaves the other.
    adapter("lora-tied-embeddings", "tied-bf16", 17, r=2, lora_alpha=2, target_modules=["embed_tokens", "q_proj"])
    adapter("lora-tied-saved", "tied-bf16", 18, r=2, lora_alpha=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"])
    reader()
    if len(sys.argv) > 1:
        gguf(Path(sys.argv[1]))
    for name, tensors in kept.items():
        keep.mkdir(parents=True, exist_ok=True)
        save_file(tensors, keep / name)


if __name__ == "__main__":
    main()
