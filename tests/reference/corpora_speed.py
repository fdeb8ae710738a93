#!/usr/bin/env python3
"""The Wikipedia bench, and bm25s on the same passages and questions, in one run (pip install bm25s PyStemmer numpy).

    JUXTA_TEST_DATA=DIR corpora_speed.py [--rounds N] [--slice FILES] [--bench PATH]

Each round runs `cargo bench --bench corpora` (or the bench that was built to PATH), which indexes with juxta and then the
same passages with bare tantivy, and after that bm25s in a process of its own: rounds alternate the two, and nothing runs
at the same time as anything else. bm25s gets the passages that the bench has cut, each with its title, and does what its
documentation does: its tokenizer with English stop words and Snowball's stemmer, its Lucene variant with k1 = 1.2 and
b = 0.75. It keeps its index in memory, cuts no documents, and marks no words; juxta reads the articles from the disk,
writes an index there, and gives highlights.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time


def bm25s_alone(folder):
    import bm25s
    import Stemmer

    def read(name):
        return [json.loads(line) for line in open(folder / name)]

    passages, questions = read("passages.jsonl"), read("questions.jsonl")
    stemmer = Stemmer.Stemmer("english")
    started = time.perf_counter()
    tokens = bm25s.tokenize(passages, stopwords="en", stemmer=stemmer, show_progress=False)
    cut = time.perf_counter()
    retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    retriever.index(tokens, show_progress=False)
    whole = time.perf_counter()
    print(f"{len(passages):,} passages")
    print(f"tokenising             {cut - started:.2f} s")
    print(f"indexing               {whole - cut:.2f} s")
    print(f"added in all           {whole - started:.2f} s")

    def ask(question):
        asked = bm25s.tokenize([question], stopwords="en", stemmer=stemmer, show_progress=False)
        found, _ = retriever.retrieve(asked, k=3, show_progress=False, n_threads=0)
        return found[0]

    for question in questions[:50]:
        ask(question)
    times = []
    for question in questions:
        started = time.perf_counter()
        assert len(ask(question)) == 3
        times.append((time.perf_counter() - started) * 1e3)
    times.sort()
    at = [times[int((len(times) - 1) * part)] for part in (0.5, 0.99)]
    print(f"a question             p50 {at[0]:.2f} ms, p99 {at[1]:.2f} ms, without highlights ({len(times):,} questions)")
    print(f"most memory held       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB, texts included")


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--rounds", type=int, default=1)
    asked.add_argument("--slice", type=int)
    asked.add_argument("--bench")
    asked.add_argument("--bm25s", type=pathlib.Path, help=argparse.SUPPRESS)
    asked = asked.parse_args()
    if asked.bm25s:
        return bm25s_alone(asked.bm25s)
    root = pathlib.Path(__file__).resolve().parents[2]
    command = [asked.bench, "--bench"] if asked.bench else ["cargo", "bench", "--locked", "--bench", "corpora"]
    for n in range(asked.rounds):
        with tempfile.TemporaryDirectory() as folder:
            about = {**os.environ, "JUXTA_PASSAGES": folder}
            if asked.slice:
                about["JUXTA_SLICE"] = str(asked.slice)
            print(f"round {n + 1} of {asked.rounds}, juxta, then bare tantivy:", flush=True)
            subprocess.run(command, check=True, cwd=root, env=about)
            if not (pathlib.Path(folder) / "passages.jsonl").exists():
                sys.exit("the bench has written no passages: JUXTA_TEST_DATA must name the folder of wikipedia-articles")
            print(f"\nround {n + 1} of {asked.rounds}, bm25s:", flush=True)
            subprocess.run([sys.executable, __file__, "--bm25s", folder], check=True)
            print()


if __name__ == "__main__":
    main()
