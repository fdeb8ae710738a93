#!/usr/bin/env python3
"""nDCG@10 of plain BM25 beside that of bm25s (pip install bm25s numpy), from the same terms.

    bm25.py [--juxta PROGRAM] [--data-dir DIR] ID…      for instance cranfield cisi beir-dbpedia, after `juxta corpus add`

For each corpus `juxta corpus terms` says what is indexed and asked, and `juxta corpus eval --ranking plain --trec` what juxta
ranks. Two references rank the same terms, both by bm25s's Lucene variant with k1 = 1.2 and b = 0.75, documents by their
best passage:

    same fields   a BM25 for text, title and heading each; for every word the highest of them (1, 1.5, 1) and a tenth of
                  the others: the same analysis and the same fields, so that only the scoring is another's. It ends with 1
                  if juxta's nDCG@10 is more than 0.01 from this one.
    one field     title, heading and text of a passage as one text: what a plain Lucene index would do
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
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


def compared(terms, folder):
    """Questions, nDCG@10 of juxta and of both references, and how far scores are apart from those of the same fields."""
    lines = [json.loads(line) for line in terms.splitlines()]
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
    return n, {of: total / n for of, total in totals.items()}, (numpy.median(apart), max(apart))


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--juxta", default="juxta")
    asked.add_argument("--data-dir")
    asked.add_argument("ids", nargs="+", metavar="ID")
    asked = asked.parse_args()
    command = [asked.juxta] + (["--data-dir", asked.data_dir] if asked.data_dir else []) + ["corpus"]
    print(f"{'nDCG@10':<20}{'n':>5}{'juxta':>9}{'same fields':>14}{'apart':>9}{'one field':>12}{'apart':>9}   scores apart: median, most")
    far = []
    for corpus in asked.ids:
        with tempfile.TemporaryDirectory() as folder:
            terms = subprocess.run(command + ["terms", corpus], check=True, stdout=subprocess.PIPE, text=True).stdout
            ranked = ["eval", corpus, "--ranking", "plain", "--trec", folder, "--json"]
            subprocess.run(command + ranked, check=True, stdout=subprocess.DEVNULL)
            n, of, (median, most) = compared(terms, pathlib.Path(folder))
        own, same, one = of["juxta"], of["same fields"], of["one field"]
        print(
            f"{corpus:<20}{n:>5}{own:>9.4f}{same:>14.4f}{own - same:>+9.4f}{one:>12.4f}{own - one:>+9.4f}"
            f"   {median:.4f}, {most:.4f} of the score"
        )
        far += [corpus] if abs(own - same) > 0.01 else []
    if far:
        sys.exit(f"more than 0.01 from the same analysis and fields: {', '.join(far)}")
    print("Each within 0.01 of Lucene's BM25 with the same analysis and the same fields.")


if __name__ == "__main__":
    main()
