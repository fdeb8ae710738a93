"""juxta and huggingface_hub share one cache: what either downloads the other finds without a network.

    python -m venv v && v/bin/pip install huggingface_hub
    v/bin/python tests/reference/hub.py [JUXTA]

Serves the bundled model as a repository on a server of its own that speaks the hub's protocol (listings, resolve with
X-Linked-Etag and a redirect to another port for large files, ETags that are git's names of small ones). Then:
juxta pulls into one cache, in which `snapshot_download` and `hf_hub_download` of the real package find every file with
local_files_only; the package downloads into another one, in which juxta finds the model with HF_HUB_OFFLINE; and into a
third both download one after the other, where the second fetches nothing. The layouts are compared file by file.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "assets", "models", "reader")
REPO = "owner/reader-by-hub"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_a_token_for_the_hub_alone"
BODIES: dict[str, int] = {}


def content(name: str) -> bytes:
    with open(os.path.join(MODEL, name), "rb") as f:
        return f.read()


def git(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(name: str) -> bool:
    return name.endswith(".safetensors")


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cdn = ""

    def log_message(self, *_: object) -> None:
        pass

    def send(self, status: int, headers: dict, body: bytes = b"", length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        assert self.headers["authorization"] == f"Bearer {TOKEN}", self.headers
        path = self.path.split("?")[0]
        names = sorted(os.listdir(MODEL))
        if path in (f"/api/models/{REPO}", *(f"/api/models/{REPO}/revision/{r}" for r in ("main", COMMIT))):
            siblings = [{"rfilename": n, "size": len(content(n))} for n in names]
            body = {"id": REPO, "modelId": REPO, "sha": COMMIT, "siblings": siblings, "private": False, "tags": [],
                    "downloads": 0, "likes": 0, "gated": False}
            return self.send(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
        if re.fullmatch(f"/api/models/{REPO}/tree/(main|{COMMIT})", path):
            tree = []
            for n in names:
                data = content(n)
                entry = {"type": "file", "path": n, "size": len(data), "oid": git(data)}
                if is_large(n):
                    sha = hashlib.sha256(data).hexdigest()
                    entry["lfs"] = {"oid": sha, "size": len(data), "pointerSize": 134}
                tree.append(entry)
            return self.send(200, {"Content-Type": "application/json"}, json.dumps(tree).encode())
        found = re.fullmatch(f"/{REPO}/resolve/(main|{COMMIT})/(.+)", path)
        if not found or found[2] not in names:
            return self.send(404, {"X-Error-Code": "EntryNotFound"})
        data = content(found[2])
        headers = {"X-Repo-Commit": COMMIT}
        if is_large(found[2]):
            headers |= {
                "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Linked-Size": len(data),
                "Location": f"{self.cdn}/{found[2]}?signature=x",
            }
            return self.send(302, headers)
        if self.command == "GET":
            BODIES[found[2]] = BODIES.get(found[2], 0) + 1
        return self.send(200, headers | {"ETag": f'"{git(data)}"'}, data)


class Cdn(Hub):
    def do_GET(self) -> None:
        assert "authorization" not in self.headers, "the token went to another host"
        name = self.path.split("?")[0].lstrip("/")
        data = content(name)
        BODIES[name] = BODIES.get(name, 0) + 1
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        if asked:
            at = int(asked[1])
            return self.send(206, {"Content-Range": f"bytes {at}-{len(data) - 1}/{len(data)}"}, data[at:])
        return self.send(200, {}, data)


def serve(handler: type) -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def layout(cache: str) -> dict[str, str]:
    """Every file and link of the cache that says what is where, with what it leads to or holds."""
    found = {}
    for root, dirs, files in os.walk(cache):
        for name in files:
            path = os.path.join(root, name)
            relative = os.path.relpath(path, cache)
            if relative.startswith(".locks") or "/trees/" in relative or name == "CACHEDIR.TAG":
                continue
            if os.path.islink(path):
                found[relative] = "-> " + os.readlink(path)
            else:
                with open(path, "rb") as f:
                    found[relative] = hashlib.sha256(f.read()).hexdigest()
    return found


def main() -> None:
    juxta = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "target/debug/juxta"))
    Hub.cdn = serve(Cdn)
    url = serve(Hub)
    os.environ |= {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*",
                   "HF_HUB_DISABLE_TELEMETRY": "1"}
    import huggingface_hub as hf

    kept = [n for n in sorted(os.listdir(MODEL)) if n != "README.md"]

    def pull(cache: str, data: str, **more: str) -> str:
        done = subprocess.run(
            [juxta, "--data-dir", data, "model", "pull", REPO], capture_output=True, text=True, timeout=600,
            env={**os.environ, "HF_HUB_CACHE": cache, **more},
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    ours, theirs, both = (tempfile.mkdtemp() for _ in range(3))
    data = tempfile.mkdtemp()

    print(pull(ours, data).splitlines()[0])
    folder = hf.snapshot_download(REPO, cache_dir=ours, local_files_only=True)
    for name in kept:
        path = hf.hf_hub_download(REPO, name, cache_dir=ours, local_files_only=True)
        assert path == os.path.join(folder, name)
        with open(path, "rb") as f:
            assert f.read() == content(name), name
    print("huggingface_hub", hf.__version__, "finds", len(kept), "files that juxta pulled")

    hf.snapshot_download(REPO, cache_dir=theirs, allow_patterns=kept)
    told = pull(theirs, tempfile.mkdtemp(), HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    assert " 0 fetched now" in told, told
    print("juxta finds what huggingface_hub downloaded, without a network")

    assert layout(ours) == layout(theirs), (layout(ours), layout(theirs))
    print("the layouts are the same:", len(layout(ours)), "files and links")

    BODIES.clear()
    hf.snapshot_download(REPO, cache_dir=both, allow_patterns=kept)
    first = dict(BODIES)
    assert " 0 fetched now" in pull(both, tempfile.mkdtemp())
    assert BODIES == first, BODIES
    hf.snapshot_download(REPO, cache_dir=ours, allow_patterns=kept)
    assert BODIES == first, BODIES
    print("neither fetches what the other has")

    done = subprocess.run(
        [juxta, "--data-dir", data, "ask", "Why is the sky blue?", "--corpus", "everyday", "--pair",
         "reader,reader-by-hub", "--json"], capture_output=True, text=True, timeout=600, env=os.environ,
    )
    answers = [a["text"] for a in json.loads(done.stdout)["answers"]]
    assert done.returncode == 0 and answers[0] == answers[1], done
    print("and it answers as the bundled one:", json.dumps(answers[1][:80]))


if __name__ == "__main__":
    main()
