"""juxta against a real server: llama.cpp's own, as the package xllamacpp carries it, serving a GGUF file.

    python -m venv v && v/bin/pip install xllamacpp
    v/bin/python tests/reference/endpoint.py MODEL.gguf [JUXTA]

Starts the server, adds it with `juxta model add --endpoint`, asks one question with `juxta ask`, has eight answered four
at a time with `juxta model eval` and a study of four generated, and compares what juxta recorded with what the server
says to the same messages when it is asked without streaming. Then with a wrong key, and after the server has gone; at the end the
key is looked for in everything that was written.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

CORPUS = "biomedicine"
QUESTION = "How does metformin lower blood glucose?"
KEY = "sk-for-this-server-alone"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def serve(gguf: str, port: int) -> None:
    """In a process of its own: serves until it is killed."""
    import xllamacpp as xl

    params = xl.CommonParams()
    params.model.path = gguf
    params.model_alias = "m"
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = 4
    params.n_ctx = 4 * 4096
    params.cpuparams.n_threads = 2
    params.api_keys = [KEY]
    params.warmup = False
    server = xl.Server(params)
    print("at", server.listening_address, flush=True)
    while True:
        time.sleep(60)


def post(url: str, body: dict) -> dict:
    request = urllib.request.Request(
        url + "/chat/completions", json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request, timeout=600) as reply:
        return json.load(reply)


def main() -> None:
    gguf = os.path.abspath(sys.argv[1])
    juxta = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else "target/debug/juxta")
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", gguf, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    data = tempfile.mkdtemp()
    with open(os.path.join(data, "settings.toml"), "w") as f:
        f.write("[sampling]\nmax_tokens = 24\n")

    def run(*args: str, code: int = 0, key: str = KEY) -> str:
        done = subprocess.run(
            [juxta, "--data-dir", data, *args], capture_output=True, text=True, timeout=1200,
            env={**os.environ, "LLAMA_KEY": key, "NO_PROXY": "*"},
        )
        assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
        assert KEY not in done.stdout + done.stderr
        return done.stdout + done.stderr

    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).read()
                break
            except OSError as e:
                assert server.poll() is None, "the server ended"
                if getattr(e, "code", None) in (401, 404):
                    break
                time.sleep(0.1)
        add = ("--endpoint", f"http://127.0.0.1:{port}", "--model", "m", "--key-env", "LLAMA_KEY", "--in-flight", "4")
        print(run("model", "add", "far", *add).strip())
        print(open(os.path.join(data, "models/far/endpoint.toml")).read().strip())

        trial = json.loads(run("ask", QUESTION, "--corpus", CORPUS, "--pair", "far,far", "--json"))
        answer = trial["answers"][0]
        served = answer["served"]
        whole = post(url, {
            "model": "m", "messages": trial["rerun"]["messages"], "temperature": 0, "seed": served["sent"]["seed"],
            "max_tokens": served["sent"]["max_tokens"],
        })
        choice, usage = whole["choices"][0], whole["usage"]
        print("juxta: ", json.dumps(answer["text"][:120]), answer["tokens"], answer["finish"])
        print("server:", json.dumps(choice["message"]["content"][:120]), usage["completion_tokens"], choice["finish_reason"])
        # Answers begin with their first word, whatever space the model puts before it.
        assert answer["text"] == choice["message"]["content"].lstrip()
        assert answer["finish"] == choice["finish_reason"] == served["finish_reason"]
        if served["usage"]:
            assert served["usage"]["completion_tokens"] == usage["completion_tokens"] == answer["tokens"]
            assert served["usage"]["prompt_tokens"] == usage["prompt_tokens"] == answer["prompt_tokens"]
        print("recorded:", {k: v for k, v in served.items() if k not in ("sent", "url")})

        before = time.monotonic()
        measured = json.loads(run("model", "eval", "far", "--corpus", CORPUS, "--limit", "8", "--json"))
        print(f"model eval: {measured['corpora'][0]['questions']} questions, {time.monotonic() - before:.1f} s")
        study = os.path.join(data, "study")
        run("model", "add", "near", *add, "--stop", ".")
        run("study", "new", study, "--corpus", CORPUS, "--baseline", "far", "--against", "near", "--questions", "4")
        generated = json.loads(run("study", "generate", study, "--json"))
        assert (generated["answers"], generated["items"], generated["failed"]) == (8, 4, []), generated
        run("study", "verify", study)
        print("study: 8 answers, 4 items")

        ask = ("ask", QUESTION, "--corpus", CORPUS, "--pair", "far,reader")
        told = run(*ask, code=1, key="sk-of-another-server")
        print("with a wrong key:", told.strip().splitlines()[-1])
        assert "401" in told and "sk-of-another-server" not in told
        server.kill()
        server.wait()
        told = run(*ask, code=1)
        print("without a server:", told.strip().splitlines()[-1])
        assert "nobody who listens there" in told and "reader" in told
        for root, _, files in os.walk(data):
            for file in files:
                assert KEY.encode() not in open(os.path.join(root, file), "rb").read(), file
        print("the key is in no file of the data folder")
    finally:
        server.kill()


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        main()
