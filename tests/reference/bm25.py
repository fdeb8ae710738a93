#!/usr/bin/env python3
"""nDCG@10 of plain BM25 beside that of bm25s (pip install bm25s numpy), from the same terms.

    bm25.py [--juxta PROGRAM] [--data-dir DIR] [--tune] ID…      for instance cranfield cisi beir-dbpedia, after
                                                                 `juxta corpus add`

For each corpus `juxta corpus terms` says what is indexed and asked, and `juxta corpus eval --ranking plain --trec` what juxta
ranks. Two references rank the same terms, both by bm25s's Lucene variant with k1 = 1.2 and b = 0.75, documents by their
best passage:

    same fields   a BM25 for text, title and heading each; for every word the highest of them (1, 1.5, 1) and a tenth of
                  the others: the same analysis and the same fields, so that only the scoring is another's. It ends with 1
                  if juxta's nDCG@10 is more than 0.01 from this one.
    one field     title, heading and text of a passage as one text: what a plain Lucene index would do

With --tune it asks instead what other values of k1 and b would bring, over the same fields: those that are best for one half
of the questions are measured on the other half, and the other way round, so that what is chosen and what is measured are
never the same question. Printed are the gain over 1.2 and 0.75 with its interval (bootstrap over questions, 95 %), and the
best pair over all questions, which flatters itself.
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


GRID = [(k1, b) for k1 in (0.6, 0.9, 1.2, 1.5, 2.0) for b in (0.3, 0.45, 0.6, 0.75, 0.9)]


def index(texts, k1=K1, b=B):
    # bm25s cannot index what has no word at all: such a field never matches.
    if not any(texts):
        return None
    retriever = bm25s.BM25(method="lucene", k1=k1, b=b)
    retriever.index(texts, show_progress=False)
    return retriever


def scores(retriever, term, k1=K1):
    if retriever is None or term not in retriever.vocab_dict:
        return None
    # tantivy keeps BM25's factor k1 + 1, which Lucene dropped and which changes no order.
    return retriever.get_scores([term]) * (k1 + 1)


def ndcg(ranking, grades):
    def discounted(gains):
        return sum(g / math.log2(n + 2) for n, g in enumerate(gains[:10]))

    ideal = sorted((g for g in grades.values() if g > 0), reverse=True)
    return discounted([max(grades.get(d, 0), 0) for d in ranking]) / discounted(ideal)


def ranked(found):
    return [d for d, _ in sorted(found.items(), key=lambda f: (f[1], f[0]), reverse=True)]


def read(terms, folder):
    """Passages, the name each is judged by, terms by question, grades by question, juxta's scores by question."""
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
    return passages, ["_".join(name.split()) for name in names], questions, grades, run


def of_fields(passages, fields, terms, k1=K1):
    """The score of every passage: for each term the highest of the fields and a tenth of the others."""
    same = numpy.zeros(len(passages))
    for term in terms:
        each = [scores(fields[f], term, k1) for f in BOOSTS]
        each = [s * boost for s, boost in zip(each, BOOSTS.values()) if s is not None]
        if each:
            best = numpy.max(each, axis=0)
            same += best + TIE * (numpy.sum(each, axis=0) - best)
    return same


def by_name(names, values):
    """The best score of each name among its passages."""
    best = {}
    for n in numpy.flatnonzero(values):
        best[names[n]] = max(best.get(names[n], 0.0), float(values[n]))
    return best


def compared(terms, folder):
    """Questions, nDCG@10 of juxta and of both references, and how far scores are apart from those of the same fields."""
    passages, names, questions, grades, run = read(terms, folder)
    whole = index([p["title"] + p["heading"] + p["text"] for p in passages])
    fields = {field: index([p[field] for p in passages]) for field in BOOSTS}
    totals, apart = defaultdict(float), []
    for question, judged in grades.items():
        one = numpy.zeros(len(passages))
        for term in questions[question]:
            found = scores(whole, term)
            one += 0 if found is None else found
        totals["one field"] += ndcg(ranked(by_name(names, one)), judged)
        best = by_name(names, of_fields(passages, fields, questions[question]))
        totals["same fields"] += ndcg(ranked(best), judged)
        apart += [abs(best.get(d, 0.0) - s) / s for d, s in run[question].items()]
        totals["juxta"] += ndcg(ranked(run[question]), judged)
    n = len(grades)
    return n, {of: total / n for of, total in totals.items()}, (numpy.median(apart), max(apart))


def tuned(terms, folder):
    """Questions, nDCG@10 at k1 and b as they are, the gain of chosen ones with its interval, the best pair over all."""
    passages, names, questions, grades, _ = read(terms, folder)
    asked = sorted(grades)
    values = numpy.zeros((len(GRID), len(asked)))
    for row, (k1, b) in enumerate(GRID):
        fields = {field: index([p[field] for p in passages], k1, b) for field in BOOSTS}
        for column, question in enumerate(asked):
            best = by_name(names, of_fields(passages, fields, questions[question], k1))
            values[row, column] = ndcg(ranked(best), grades[question])
    draw = numpy.random.default_rng(7)
    halves = draw.permutation(len(asked)) % 2
    usual, gains = values[GRID.index((K1, B))], numpy.zeros(len(asked))
    for half in (0, 1):
        chosen = values[:, halves == half].mean(axis=1).argmax()
        gains[halves != half] = (values[chosen] - usual)[halves != half]
    means = gains[draw.integers(0, len(asked), (10_000, len(asked)))].mean(axis=1)
    everywhere = values.mean(axis=1)
    return len(asked), usual.mean(), gains.mean(), numpy.quantile(means, (0.025, 0.975)), GRID[everywhere.argmax()], everywhere.max()


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--juxta", default="juxta")
    asked.add_argument("--data-dir")
    asked.add_argument("--tune", action="store_true")
    asked.add_argument("ids", nargs="+", metavar="ID")
    asked = asked.parse_args()
    command = [asked.juxta] + (["--data-dir", asked.data_dir] if asked.data_dir else []) + ["corpus"]
    if asked.tune:
        print(f"{'nDCG@10':<20}{'n':>5}{'1.2, 0.75':>11}{'chosen elsewhere':>18}{'95 %':>20}   best over all: k1, b")
    else:
        print(f"{'nDCG@10':<20}{'n':>5}{'juxta':>9}{'same fields':>14}{'apart':>9}{'one field':>12}{'apart':>9}   scores apart: median, most")
    far = []
    for corpus in asked.ids:
        with tempfile.TemporaryDirectory() as folder:
            terms = subprocess.run(command + ["terms", corpus], check=True, stdout=subprocess.PIPE, text=True).stdout
            ranked = ["eval", corpus, "--ranking", "plain", "--trec", folder, "--json"]
            subprocess.run(command + ranked, check=True, stdout=subprocess.DEVNULL)
            if asked.tune:
                n, usual, gain, (low, high), (k1, b), best = tuned(terms, pathlib.Path(folder))
                print(f"{corpus:<20}{n:>5}{usual:>11.4f}{gain:>+18.4f}{f'[{low:+.4f}, {high:+.4f}]':>20}   {best:.4f}: {k1}, {b}")
                continue
            n, of, (median, most) = compared(terms, pathlib.Path(folder))
        own, same, one = of["juxta"], of["same fields"], of["one field"]
        print(
            f"{corpus:<20}{n:>5}{own:>9.4f}{same:>14.4f}{own - same:>+9.4f}{one:>12.4f}{own - one:>+9.4f}"
            f"   {median:.4f}, {most:.4f} of the score"
        )
        far += [corpus] if abs(own - same) > 0.01 else []
    if asked.tune:
        return
    if far:
        sys.exit(f"more than 0.01 from the same analysis and fields: {', '.join(far)}")
    print("Each within 0.01 of Lucene's BM25 with the same analysis and the same fields.")


if __name__ == "__main__":
    main()
