#!/usr/bin/env python3
"""Writes tests/data/score.json: token F1 and ROUGE-L of answers against references.

ROUGE-L is that of the package `rouge-score` (pip install rouge-score), without stemming. Token F1 follows the
definition of the SQuAD v1.1 evaluation, written out again below. The texts were written for this file.

    python tests/reference/score.py > tests/data/score.json
"""

import collections
import json
import re
import string

from rouge_score import rouge_scorer

PAIRS = [
    ("Fish spread the seeds.", "Fish eat fallen fruit and so spread the seeds."),
    ("Fish eat fallen fruit and so spread the seeds.", "Fish eat fallen fruit and so spread the seeds."),
    ("FISH EAT FALLEN FRUIT!", "fish eat fallen fruit"),
    ("Seeds the spread fish.", "Fish spread the seeds."),
    ("", "Fish spread the seeds."),
    ("Fish spread the seeds.", ""),
    ("", ""),
    ("the", "a"),
    ("The a an the.", "the"),
    ("The passages do not say.", "USS Hornet recovered Columbia."),
    ("No.", "No, the till looks up the price in a database."),
    ("no no no", "no no"),
    ("It is 8,850 kilometres long.", "About 8,850 km, or 8850 kilometres."),
    ("3.5 mg", "3.5 mg/day"),
    ("well-known side-effect", "well known side effect"),
    ("the drug's half-life", "The half life of the drug"),
    ("don't", "do not"),
    ("It’s the patient’s choice – always.", "It's the patient's choice - always."),
    ("the–end", "end"),
    ("a–b", "b"),
    ("Café au lait", "Cafe au lait"),
    ("naïve T-cells", "naive T cells"),
    ("β-blockers slow the heart", "Beta blockers slow the heart"),
    ("ÉCOLE", "école"),
    ("İstanbul", "istanbul"),
    ("temperature of 300 K", "temperature of 300 K"),
    ("snake_case_word", "snake case word"),
    ("underscore _the_ word", "underscore word"),
    ("x²", "x2"),
    ("H₂O is water", "H2O is water"),
    ("東京 is the capital", "The capital is 東京"),
    ("a b c d e f", "f e d c b a"),
    ("one two three four", "one three two four"),
    ("one two three one two three", "one two three"),
    ("word " * 30, "word"),
    ("tabs\tand\nnew lines", "tabs and new lines"),
    ("non\u00a0breaking space", "non breaking space"),
    ("the theatre anthem another", "theatre anthem another"),
    ("An apple, a pear & the plum.", "apple pear plum"),
    ("$5.00 (about €4.60)", "5 dollars or 4.60 euros"),
    ("Urate crystals  .", "Urate crystals."),
    (
        "Scanners with red light cannot read red bars on white, because red ink reflects the light.",
        "Red ink reflects red light as well as white paper does, so a scanner with red light sees no bars.",
    ),
    (
        "Oxygen needs almost two minutes to give off its red light.",
        "The red light of oxygen takes two minutes, so it appears only where the air is too thin for collisions.",
    ),
]


def normalised(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def token_f1(answer, reference):
    answer, reference = normalised(answer).split(), normalised(reference).split()
    same = sum((collections.Counter(answer) & collections.Counter(reference)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(answer), same / len(reference)
    return 2 * precision * recall / (precision + recall)


def main():
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    cases = [
        {
            "answer": answer,
            "reference": reference,
            "token_f1": token_f1(answer, reference),
            "rouge_l": scorer.score(reference, answer)["rougeL"].fmeasure,
        }
        for answer, reference in PAIRS
    ]
    print("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]")


if __name__ == "__main__":
    main()
