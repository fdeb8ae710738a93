"""Holds GGUF files that juxta writes against llama.cpp: it must load them, cut texts into the same tokens, render the same
prompts and answer the same, greedily, token for token.

Asks 20 test questions of a bundled corpus in the lab's own layout, of the bundled reader (or another model by name or path),
written as F16 and as Q8_0: through `juxta ask` on the file that was written, and through llama.cpp.

llama.cpp rounds what it multiplies Q8_0 weights by to 8 bits, juxta to 16 unless it is asked for 8. Both are compared: with 8
bits the file itself, with 16 a file with the very same numbers in f32, with which llama.cpp rounds nothing.

Needs xllamacpp (llama.cpp, compiled), gguf and jinja2; written with xllamacpp 2026.10.11549 and gguf 0.19.
Run from the repository's root: python tests/reference/llama_cpp.py PATH/TO/juxta [MODEL]
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

# To the end: statistics.py beside this file would hide Python's own.
sys.path.append(sys.path.pop(0))

import gguf
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
    # Of its two ways of attention the one that sums as juxta does. With rounding to 8 bits the last bit of a sum can tip a number
    # to the next step, and with it a word: llama.cpp's two ways do not always say the same.
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(p)


def main() -> None:
    juxta, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "reader"
    failed = 0
    for numbers, bits in [("f16", "16-bit"), ("q8_0", "8-bit"), ("q8_0", "16-bit")]:
        with tempfile.TemporaryDirectory() as data:
            run = lambda *args: subprocess.run([juxta, "--data-dir", data, *args], check=True, capture_output=True, text=True).stdout
            file = f"{data}/exported-{numbers}.gguf"
            print(run("model", "export", model, "--gguf", file, "--type", numbers).strip(), flush=True)
            as_f32 = (numbers, bits) == ("q8_0", "16-bit")
            server = serve(in_f32(file) if as_f32 else file)
            same = 0
            for question in questions():
                trial = json.loads(run("ask", question, "--corpus", CORPUS, "--pair", f"{file},{file}",
                                       "--activations", bits, "--max-tokens", str(MOST_TOKENS), "--json"))
                ours, messages = trial["answers"][1], trial["rerun"]["messages"]
                greedy = {"temperature": 0, "top_k": 1, "cache_prompt": False}
                # Its own rendering of the template.
                asked = server.handle_chat_completions({"messages": messages, "max_tokens": 1, **greedy})
                # Ours, to have the answer as it was said.
                said, tokens, read = answer(server, render(template(model), messages))
                print(".", end="", file=sys.stderr, flush=True)
                counts = {asked["usage"]["prompt_tokens"], read, ours["prompt_tokens"]}
                if len(counts) == 1 and (said, tokens) == (ours["text"], ours["tokens"]):
                    same += 1
                    continue
                print(f"differs: {question}\n  prompt tokens {counts}\n  juxta:     {ours['text']!r}\n  llama.cpp: {said!r}", flush=True)
            of = f"{numbers}, activations in {bits}" + (", llama.cpp on the same numbers in f32" if as_f32 else "")
            print(f"{of}: {same} of {QUESTIONS} answers are the same, token for token", flush=True)
            failed += QUESTIONS - same
            # Two of its servers in one process do not get on.
            del server
    sys.exit(1 if failed else 0)


def answer(server: xllamacpp.Server, prompt: str) -> tuple[str, int, int]:
    """The answer, its tokens, and the prompt's."""
    said = server.handle_completions(
        {"prompt": prompt, "max_tokens": MOST_TOKENS, "temperature": 0, "top_k": 1, "cache_prompt": False})
    choice, usage = said["choices"][0], said["usage"]
    # juxta's answers begin with their first word, whatever space the model puts before it; the token that ends the answer is
    # counted there.
    return choice["text"].lstrip(), usage["completion_tokens"] - (choice["finish_reason"] == "stop"), usage["prompt_tokens"]


def in_f32(file: str) -> str:
    """Writes a copy with every tensor in f32 beside the file."""
    read = gguf.GGUFReader(file)
    kind = read.fields["general.architecture"].contents()
    path = file.replace(".gguf", "-f32.gguf")
    writer = gguf.GGUFWriter(path, kind)
    for field in read.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kinds = list(field.types)
        of = kinds[-1] if kinds[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kinds[0], sub_type=of)
    for tensor in read.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def template(model: str) -> str:
    folder = Path("assets/models/reader") if model.startswith("reader") else Path(model)
    return json.loads((folder / "tokenizer_config.json").read_text())["chat_template"]


def render(source: str, messages: list) -> str:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(messages=messages, add_generation_prompt=True)


if __name__ == "__main__":
    main()
