#!/usr/bin/env python3
"""nDCG@10 of plain BM25 beside that of bm25s (pip install bm25s numpy), from the same terms.

    juxta corpus terms ID > terms.jsonl
    juxta corpus eval ID --trec DIR          writes DIR/run.txt and DIR/qrels.txt
    bm25.py terms.jsonl DIR

Two references, both by bm25s's Lucene variant with k1 = 1.2 and b = 0.75, documents by their best passage:

    one field     title, heading and text of a passage as one text: what a plain Lucene index would do
    same fields   a BM25 for text, title and heading each; for every word the highest of them (1, 1.5, 1) and a tenth of
                  the others: what juxta does, to hold its scoring
"""

import json
import math
import pathlib
import sys
from collections import defaultdict

import bm25s
import numpy

K1, B, TIE = 1.2, 0.75, 0.1
BOOSTS = {"text": 1.0, "title": 1.5, "heading": 1.0}


def index(texts):
    # bm25s cannot index what has no word at all: such a field never matches.
    if not any(texts):
        return None
    retriever = bm25s.BM25(method="lucene", k1=K1, b=B)
    retriever.index(texts, show_progress=False)
    return retriever


def scores(retriever, term):
    if retriever is None or term not in retriever.vocab_dict:
        return None
    # tantivy keeps BM25's factor k1 + 1, which Lucene dropped and which changes no order.
    return retriever.get_scores([term]) * (K1 + 1)


def ndcg(ranking, grades):
    def discounted(gains):
        return sum(g / math.log2(n + 2) for n, g in enumerate(gains[:10]))

    ideal = sorted((g for g in grades.values() if g > 0), reverse=True)
    return discounted([max(grades.get(d, 0), 0) for d in ranking]) / discounted(ideal)


def ranked(found):
    return [d for d, _ in sorted(found.items(), key=lambda f: (f[1], f[0]), reverse=True)]


def main():
    lines = [json.loads(line) for line in open(sys.argv[1])]
    folder = pathlib.Path(sys.argv[2])
    passages = [line for line in lines if "passage" in line]
    questions = {line["question"]: line["terms"] for line in lines if "question" in line}
    names = [p["passage"] for p in passages]
    grades, run = defaultdict(dict), defaultdict(dict)
    for line in open(folder / "qrels.txt"):
        question, _, name, grade = line.split()
        grades[question][name] = int(grade)
    for line in open(folder / "run.txt"):
        question, _, name, _, score, _ = line.split()
        run[question][name] = float(score)
    # What is judged tells whether passages or documents are ranked.
    if next(iter(next(iter(grades.values())))) not in set(names):
        names = [name.rsplit("#", 1)[0] for name in names]
    names = ["_".join(name.split()) for name in names]

    whole = index([p["title"] + p["heading"] + p["text"] for p in passages])
    fields = {field: index([p[field] for p in passages]) for field in BOOSTS}
    totals, apart = defaultdict(float), []
    for question, judged in grades.items():
        one, same = numpy.zeros(len(passages)), numpy.zeros(len(passages))
        for term in questions[question]:
            found = scores(whole, term)
            one += 0 if found is None else found
            each = [scores(fields[f], term) for f in BOOSTS]
            each = [s * boost for s, boost in zip(each, BOOSTS.values()) if s is not None]
            if each:
                best = numpy.max(each, axis=0)
                same += best + TIE * (numpy.sum(each, axis=0) - best)
        for of, values in (("one field", one), ("same fields", same)):
            best = {}
            for n in numpy.flatnonzero(values):
                best[names[n]] = max(best.get(names[n], 0.0), float(values[n]))
            totals[of] += ndcg(ranked(best), judged)
            if of == "same fields":
                apart += [abs(best.get(d, 0.0) - s) / s for d, s in run[question].items()]
        totals["juxta"] += ndcg(ranked(run[question]), judged)
    n = len(grades)
    print(f"{n} questions, nDCG@10:", ", ".join(f"{of} {total / n:.4f}" for of, total in sorted(totals.items())))
    print(f"scores apart from those of the same fields: median {numpy.median(apart):.4f} of the score, most {max(apart):.4f}")


if __name__ == "__main__":
    main()
