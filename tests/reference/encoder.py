#!/usr/bin/env python3
"""Makes tests/data/encoder: a tiny random BERT as sentence-transformers lays one out, and what Hugging Face transformers
makes of some texts with it (pip install torch transformers; run it as `python -P`, since a script beside it has the name of
a standard module). The one vector is the mean over tokens, of length 1, the
other the first token's as it is."""

import json
import pathlib
import sys

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

TO = pathlib.Path(__file__).parent.parent / "data" / "encoder"
LONGEST = 16
TEXTS = [
    "Gout comes of urate.",
    "urate",
    "",
    "A text that is longer than what the model was made for, so that it counts by its beginning alone.",
    "Émile, 東 and \x1b[2J",
]


def tokenizer():
    letters = "abcdefghijklmnopqrstuvwxyz.,"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "gout", "urate", "of", "the", *letters, *("##" + c for c in letters)]
    made = Tokenizer(models.WordPiece({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made, len(words)


def main():
    torch.manual_seed(7)
    words, count = tokenizer()
    config = BertConfig(
        vocab_size=count, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=24, hidden_act="gelu", initializer_range=0.4,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    model.save_pretrained(TO)
    words.save(str(TO / "tokenizer.json"))
    modules = ["Transformer", "Pooling", "Normalize"]
    (TO / "modules.json").write_text(json.dumps([{"idx": n, "type": f"sentence_transformers.models.{m}"} for n, m in enumerate(modules)]))
    (TO / "1_Pooling").mkdir(exist_ok=True)
    (TO / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}))
    (TO / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LONGEST}))
    words.enable_truncation(LONGEST)
    expected = []
    for text in TEXTS:
        ids = torch.tensor([words.encode(text).ids])
        with torch.no_grad():
            last = model(ids).last_hidden_state[0]
        mean = torch.nn.functional.normalize(last.mean(0), dim=0)
        expected.append({"text": text, "mean": mean.tolist(), "first": last[0].tolist()})
    (TO / "expected.json").write_text(json.dumps(expected, ensure_ascii=True, indent=1) + "\n")


if __name__ == "__main__":
    main()
