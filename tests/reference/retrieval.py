#!/usr/bin/env python3
"""Figures of retrieval by trec_eval, through pytrec_eval (pip install pytrec-eval-terrier).

    retrieval.py                     makes tests/data/retrieval.json: rankings with ties, graded and negative
                                     judgments, unjudged documents, and what trec_eval says of them
    retrieval.py --check DIR JSON    compares what `juxta corpus eval ID --trec DIR --json > JSON` printed with
                                     what trec_eval says of DIR/run.txt and DIR/qrels.txt
"""

import json
import pathlib
import random
import sys

import pytrec_eval

MEASURES = {"map", "recip_rank", "ndcg_cut.10", "recall.1,3,5,10,100", "success.1,3,5,10,100"}
CUTS = [1, 3, 5, 10, 100]


def figures(qrels, run):
    found = pytrec_eval.RelevanceEvaluator(qrels, MEASURES).evaluate(run)
    return {
        question: {
            "hit_at": [[k, of[f"success_{k}"]] for k in CUTS],
            "recall_at": [[k, of[f"recall_{k}"]] for k in CUTS],
            "reciprocal_rank": of["recip_rank"],
            "average_precision": of["map"],
            "ndcg_at_10": of["ndcg_cut_10"],
        }
        for question, of in found.items()
    }


def make():
    random.seed(7)
    qrels, run = {}, {}
    for n in range(60):
        names = [f"d{m:03}" for m in random.sample(range(400), 150)]
        grades = [0, 0, 0, 1, 1, 2, 3, -1]
        # One question in ten is judged without anything relevant.
        qrels[f"q{n}"] = {d: (0 if n % 10 == 9 else random.choice(grades)) for d in names[:random.randint(5, 60)]}
        ranked = random.sample(names, random.randint(1, 140)) + [f"u{m}" for m in range(random.randint(0, 20))]
        # Scores of a quarter, so that many are equal.
        run[f"q{n}"] = {d: random.randint(0, 40) / 4 for d in ranked}
    told = figures(qrels, run)
    cases = []
    for question in qrels:
        relevant = any(g > 0 for g in qrels[question].values())
        ranking = [[d, s] for d, s in run[question].items()]
        cases.append({"ranking": ranking, "grades": qrels[question], "figures": told[question] if relevant else None})
    path = pathlib.Path(__file__).parent.parent / "data" / "retrieval.json"
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    print(f"{path}: {len(cases)} questions")


def check(folder, printed):
    qrels, run = {}, {}
    for line in (pathlib.Path(folder) / "qrels.txt").read_text().splitlines():
        question, _, document, grade = line.split(" ")
        qrels.setdefault(question, {})[document] = int(grade)
    for line in (pathlib.Path(folder) / "run.txt").read_text().splitlines():
        question, _, document, _, score, _ = line.split(" ")
        run.setdefault(question, {})[document] = float(score)
    for question in qrels:
        # trec_eval leaves out questions without a ranking; one that found nothing counts.
        run.setdefault(question, {"nothing": 0.0})
    told = list(figures(qrels, run).values())
    mean = lambda f: sum(map(f, told)) / len(told)
    ours = json.loads(pathlib.Path(printed).read_text())["all"]
    pairs = [
        ("questions", ours["questions"], len(told)),
        ("mrr", ours["mrr"], mean(lambda t: t["reciprocal_rank"])),
        ("map", ours["map"], mean(lambda t: t["average_precision"])),
        ("ndcg@10", ours["ndcg_at_10"], mean(lambda t: t["ndcg_at_10"])),
    ]
    for n, k in enumerate(CUTS):
        pairs.append((f"recall@{k}", ours["recall_at"][n][1], mean(lambda t: t["recall_at"][n][1])))
        pairs.append((f"hit@{k}", ours["hit_at"][n][1], mean(lambda t: t["hit_at"][n][1])))
    for name, mine, theirs in pairs:
        print(f"{name:<12}{mine:>14.8f}{theirs:>14.8f}")
        assert abs(mine - theirs) < 1e-6, name
    print("agreed to 1e-6")


if __name__ == "__main__":
    check(*sys.argv[2:]) if sys.argv[1:2] == ["--check"] else make()
