"""Holds GGUF files that juxta writes against llama.cpp: it must load them, cut texts into the same tokens, render the same
prompts and answer the same, greedily, token for token.

Asks 20 questions of a bundled corpus in the lab's own layout, of the bundled reader (or another model by name), written
as F16 and as Q8_0, once through juxta (`juxta ask` on the file that was written) and once through llama.cpp.

Needs llama-cpp-python and numpy; written with llama-cpp-python 0.3.36.
Run from the repository's root: python tests/reference/llama_cpp.py PATH/TO/juxta [MODEL]
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import numpy as np
from llama_cpp import Llama

CORPUS = "biomedicine"
QUESTIONS = 20
MOST_TOKENS = 64


def questions() -> list[str]:
    lines = Path(f"corpora/{CORPUS}/questions.jsonl").read_text().splitlines()
    test = [q for q in map(json.loads, lines) if q["split"] == "test"]
    return [q["question"] for q in test[:QUESTIONS]]


def greedy(llama: Llama, prompt: str, stops: set[int]) -> tuple[list[int], list[float]]:
    """The tokens, and how far the best stood above the second at each."""
    tokens = llama.tokenize(prompt.encode(), add_bos=False, special=True)
    llama.reset()
    llama.eval(tokens)
    answer, leads = [], []
    while len(answer) < MOST_TOKENS:
        logits = np.array(llama.scores[llama.n_tokens - 1])
        second, best = np.argsort(logits)[-2:]
        leads.append(float(logits[best] - logits[second]))
        if int(best) in stops:
            break
        answer.append(int(best))
        llama.eval([int(best)])
    return answer, leads


def main() -> None:
    juxta, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "reader"
    failed = 0
    for numbers in ["f16", "q8_0"]:
        with tempfile.TemporaryDirectory() as data:
            run = lambda *args: subprocess.run([juxta, "--data-dir", data, *args], check=True, capture_output=True, text=True).stdout
            file = f"{data}/{model}-{numbers}.gguf"
            print(run("model", "export", model, "--gguf", file, "--type", numbers).strip())
            llama = Llama(file, n_ctx=2048, logits_all=True, verbose=False, n_threads=2)
            template = llama.metadata["tokenizer.chat_template"]
            stops = {llama.token_eos()}
            same = 0
            for question in questions():
                trial = json.loads(run("ask", question, "--corpus", CORPUS, "--pair", f"{file},{file}",
                                       "--max-tokens", str(MOST_TOKENS), "--json"))
                ours = trial["answers"][1]
                prompt = render(template, trial["rerun"]["messages"])
                count = len(llama.tokenize(prompt.encode(), add_bos=False, special=True))
                assert count == ours["prompt_tokens"], f"{count} tokens there, {ours['prompt_tokens']} here: {question}"
                tokens, leads = greedy(llama, prompt, stops)
                text = llama.detokenize(tokens).decode(errors="replace")
                if text == ours["text"] and len(tokens) == ours["tokens"]:
                    same += 1
                else:
                    print(f"differs: {question}\n  juxta:     {ours['text']!r}\n  llama.cpp: {text!r}\n  least lead: {min(leads):.4f}")
            print(f"{numbers}: {same} of {QUESTIONS} answers are the same, token for token")
            failed += QUESTIONS - same
    sys.exit(1 if failed else 0)


def render(template: str, messages: list) -> str:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(messages=messages, add_generation_prompt=True)


if __name__ == "__main__":
    main()
