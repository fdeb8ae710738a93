"""The bundled model behind a server answers as it does here: `transformers serve` against juxta's own engine.

    pip install torch transformers fastapi uvicorn openai
    python tests/reference/endpoint_same.py [JUXTA]

Serves assets/models/reader by Hugging Face transformers on the CPU, adds it with `juxta model add --endpoint`, and asks
both with the same passages, greedily: texts and numbers of prompt tokens must be the same, which shows that messages,
template and sampling arrive as they are meant. The questions are ones that the corpus has passages for: without any the
small model says noise, in which two engines part at the first near tie.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "assets", "models", "reader")
QUESTIONS = ["How does metformin lower blood glucose?", "What causes gout?", "Why are beta blockers tapered?"]


def main() -> None:
    juxta = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "target/debug/juxta"))
    port = 18000 + os.getpid() % 1000
    url = f"http://localhost:{port}"
    serve = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", "--port", str(port),
             "--device", "cpu"]
    server = subprocess.Popen(serve, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    data = tempfile.mkdtemp()

    def run(*args: str) -> str:
        done = subprocess.run([juxta, "--data-dir", data, *args], capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout

    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url + "/v1/models", timeout=5).read()
                break
            except OSError:
                assert server.poll() is None, "the server ended"
                time.sleep(0.5)
        run("model", "add", "far", "--endpoint", url, "--model", MODEL)
        for question in QUESTIONS:
            ask = ("ask", question, "--corpus", "biomedicine", "--pair", "reader,far", "--json")
            here, far = json.loads(run(*ask))["answers"]
            assert here["text"] == far["text"], (here["text"], far["text"])
            assert here["prompt_tokens"] == far["prompt_tokens"] == far["served"]["usage"]["prompt_tokens"]
            print(f"{question} {far['prompt_tokens']} tokens of prompt, the same answer: {far['text'][:60]!r}…")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
