"""How well a reader answers from passages that people asked about: XQuAD's English questions, and SQuAD 2.0's unanswerable ones.

Each question of XQuAD comes with its own paragraph and two others of the same article, each cut to whole sentences of some
ninety words, in drawn order. Printed are the shares of answers that contain a gold answer, copy a sentence's first fifty
letters, cite the right passage, and say that the passages do not say; beside them the first for the sentence that BM25 ranks
highest and for a drawn one. Of SQuAD's, each is asked with its one paragraph.

Needs torch and transformers. XQUAD is xquad.en.json; SQUAD2 a folder with queries.json (context, question, id) and
ground_truth.json (is_impossible, by id).
    python tests/reference/reading.py assets/models/reader XQUAD SQUAD2 [QUESTIONS]
"""

import collections
import json
import math
import random
import re
import sys
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

SYSTEM = "Answer the question using only the passages. Cite passages like [1]."
WORDS = 90


def sentences(text: str) -> list[str]:
    ends = re.split(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])", " ".join(text.split()))
    return [s for s in ends if s]


def cut(text: str, must: str | None) -> list[str]:
    """Whole sentences around the one that holds `must`, or from the first, of up to WORDS words."""
    all_ = sentences(text)
    first = next((n for n, s in enumerate(all_) if must and must in s), 0)
    low = high = first
    room = WORDS - len(all_[first].split())
    grown = True
    while grown:
        grown = False
        for n in (low - 1, high + 1):
            if 0 <= n < len(all_) and len(all_[n].split()) <= room:
                room -= len(all_[n].split())
                low, high, grown = min(low, n), max(high, n), True
    return all_[low : high + 1]


def best(question: str, shown: list[str]) -> str:
    """The sentence that BM25 (k1 1.2, b 0.75) ranks highest."""
    words = lambda text: re.findall(r"\w+", text.lower())
    texts = [words(s) for s in shown]
    mean = sum(map(len, texts)) / len(texts)
    holds = collections.Counter(w for text in texts for w in set(text))
    weight = lambda w: math.log(1 + (len(texts) - holds[w] + 0.5) / (holds[w] + 0.5))

    def score(text: list[str]) -> float:
        norm = 1.2 * (0.25 + 0.75 * len(text) / mean)
        return sum(weight(w) * text.count(w) * 2.2 / (text.count(w) + norm) for w in set(words(question)))

    return shown[max(range(len(texts)), key=lambda n: score(texts[n]))]


class Reader:
    def __init__(self, folder: str):
        self.words = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def answer(self, passages: list[tuple[str, str]], question: str) -> str:
        shown = "\n\n".join(f"[{n}] {title}\n{text}" for n, (title, text) in enumerate(passages, 1))
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{shown}\n\nQuestion: {question}"}]
        prompt = self.words.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = self.words(prompt, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.no_grad():
            said = self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=80, do_sample=False)
        return self.words.decode(said[0, ids.shape[1] :], skip_special_tokens=True).strip()


def main() -> None:
    folder, xquad, squad = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    most = int(sys.argv[4]) if len(sys.argv) > 4 else 300
    reader, chance = Reader(folder), random.Random(1)
    asked = []
    for article in xquad["data"]:
        texts = [p["context"] for p in article["paragraphs"]]
        for n, paragraph in enumerate(article["paragraphs"]):
            asked += [(article.get("title") or "Article", texts, n, qa) for qa in paragraph["qas"]]
    chance.shuffle(asked)
    hits, asked = collections.Counter(), asked[:most]
    for title, texts, own, qa in asked:
        gold = [a["text"] for a in qa["answers"]]
        others = chance.sample([n for n in range(len(texts)) if n != own], 2)
        order = chance.sample([own, *others], 3)
        shown = [cut(texts[n], gold[0] if n == own else None) for n in order]
        flat = [s for passage in shown for s in passage]
        answer = reader.answer([(title, " ".join(passage)) for passage in shown], qa["question"])
        right = lambda text: any(g.lower() in text.lower() for g in gold)
        hits["contains a gold answer"] += right(answer)
        hits["copies a sentence"] += any(s[:50] in answer for s in flat)
        hits["cites the right passage"] += answer.endswith(f"[{order.index(own) + 1}]")
        hits["abstains"] += "do not say" in answer
        hits["BM25's sentence contains one"] += right(best(qa["question"], flat))
        hits["a drawn sentence contains one"] += right(chance.choice(flat))
    print(f"XQuAD, {len(asked)} questions")
    for what, n in hits.items():
        print(f"  {what}: {n / len(asked):.2f}")
    truth = json.loads((squad / "ground_truth.json").read_text())
    questions = json.loads((squad / "queries.json").read_text())["queries"]
    for impossible in (True, False):
        some = [q for q in questions if truth[q["id"]]["is_impossible"] == impossible][:most]
        no = sum("do not say" in reader.answer([("Passage", q["context"])], q["question"]) for q in some)
        print(f"SQuAD 2.0, {len(some)} {'un' * impossible}answerable questions\n  abstains: {no / len(some):.2f}")


if __name__ == "__main__":
    main()
