"""Holds GGUF files that juxta writes against llama.cpp: it must load them, cut texts into the same tokens, render the same
prompts and answer the same, greedily, token for token.

Asks 20 test questions of a bundled corpus in the lab's own layout, of the bundled reader (or another model by name or path),
written as F16 and as Q8_0: through `juxta ask` on the file that was written, and through llama.cpp.

Needs xllamacpp (llama.cpp, compiled) and jinja2; written with xllamacpp 2026.10.11549.
Run from the repository's root: python tests/reference/llama_cpp.py PATH/TO/juxta [MODEL]
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import xllamacpp
from jinja2.sandbox import ImmutableSandboxedEnvironment

CORPUS = "biomedicine"
QUESTIONS = 20
MOST_TOKENS = 64


def questions() -> list[str]:
    lines = Path(f"corpora/{CORPUS}/questions.jsonl").read_text().splitlines()
    return [q["question"] for q in map(json.loads, lines) if q["split"] == "test"][:QUESTIONS]


def serve(file: str) -> xllamacpp.Server:
    p = xllamacpp.CommonParams()
    p.model.path = file
    p.n_ctx, p.n_parallel, p.warmup, p.verbosity = 2048, 1, False, 0
    # Its threads wait for each other by spinning, which costs tens of times on a busy machine.
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
    p.use_jinja = True
    p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    return xllamacpp.Server(p)


def main() -> None:
    juxta, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "reader"
    failed = 0
    for numbers in ["f16", "q8_0"]:
        with tempfile.TemporaryDirectory() as data:
            run = lambda *args: subprocess.run([juxta, "--data-dir", data, *args], check=True, capture_output=True, text=True).stdout
            file = f"{data}/exported-{numbers}.gguf"
            print(run("model", "export", model, "--gguf", file, "--type", numbers).strip(), flush=True)
            server = serve(file)
            same = 0
            for question in questions():
                trial = json.loads(run("ask", question, "--corpus", CORPUS, "--pair", f"{file},{file}",
                                       "--max-tokens", str(MOST_TOKENS), "--json"))
                ours, messages = trial["answers"][1], trial["rerun"]["messages"]
                greedy = {"temperature": 0, "top_k": 1, "cache_prompt": False}
                # Its own rendering of the template.
                asked = server.handle_chat_completions({"messages": messages, "max_tokens": 1, **greedy})
                # Ours, to have the answer as it was said.
                prompt = render(template(model), messages)
                theirs = server.handle_completions({"prompt": prompt, "max_tokens": MOST_TOKENS, **greedy})
                print(".", end="", file=sys.stderr, flush=True)
                counts = {asked["usage"]["prompt_tokens"], theirs["usage"]["prompt_tokens"], ours["prompt_tokens"]}
                # juxta's answers begin with their first word, whatever space the model puts before it.
                said = theirs["choices"][0]["text"].lstrip()
                # The token that ends the answer is counted there.
                tokens = theirs["usage"]["completion_tokens"] - (theirs["choices"][0]["finish_reason"] == "stop")
                if len(counts) == 1 and said == ours["text"] and tokens == ours["tokens"]:
                    same += 1
                else:
                    print(f"differs: {question}\n  prompt tokens {counts}\n  juxta:     {ours['text']!r}\n  llama.cpp: {said!r}", flush=True)
            print(f"{numbers}: {same} of {QUESTIONS} answers are the same, token for token", flush=True)
            failed += QUESTIONS - same
    sys.exit(1 if failed else 0)


def template(model: str) -> str:
    folder = Path("assets/models/reader") if model.startswith("reader") else Path(model)
    return json.loads((folder / "tokenizer_config.json").read_text())["chat_template"]


def render(source: str, messages: list) -> str:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(messages=messages, add_generation_prompt=True)


if __name__ == "__main__":
    main()
