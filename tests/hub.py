"""A Hugging Face Hub on 127.0.0.1 for tests, with switches for everything that goes wrong.

    with LoopbackHub() as hub:
        hub.put("owner/name", "model.safetensors", data)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)

It serves HEAD and GET of `/{owner}/{name}/resolve/{revision}/{file}` with ranges, the model's facts
(`/api/models/{id}`) and its list of files (`…/tree/{revision}`).  To whoever has the token `WRITER`
it lets repositories be made and committed to, large files by way of Git LFS.
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote

CHUNK = 2**14
WRITER = "hf_may_write"


@dataclass
class Request:
    """What was asked and how many bytes of the file were sent: those from `start` on."""

    method: str
    path: str
    start: int
    sent: int = 0
    token: str = ""


@dataclass
class Switches:
    """What goes wrong; all off at first."""

    status: int = 0  # answer everything with this error
    error_code: str = ""  # its X-Error-Code
    slow: float = 0.0  # seconds before each answer
    slow_head: float = 0.0  # seconds after each line of the headers
    mute: bool = False  # HEAD is answered, GET is not
    drip: float = 0.0  # seconds after each 16 kB of a body
    stall_after: int | None = None  # bytes of a body, then silence
    cut_after: int | None = None  # bytes of a body, then the connection is closed
    corrupt: bool = False  # wrong bytes, of the right number
    redirect: bool = False  # files come from another host name, as from the Hub's store
    greedy: bool = False  # more bytes than the range asked for
    shifted: bool = False  # another range than the one asked for
    renamed: bool = False  # the repository redirects to another name
    no_ranges: bool = False  # Range is ignored
    not_a_hub: bool = False  # no X-Repo-Commit: any web server
    linked_etag: bool = True  # tell the sha256, as the Hub does of large files


@dataclass
class _Repo:
    main: str = ""
    private: bool = False
    hardware: str = ""
    message: str = ""
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)


class LoopbackHub(Switches):
    """The server; a context manager."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.repos: dict[str, _Repo] = {}
        self.objects: dict[str, bytes] = {}  # of Git LFS
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def down(self) -> None:
        """Refuse connections from now on."""
        if not self.closing.is_set():
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def put(self, repo: str, file: str, data: bytes) -> str:
        """A new commit on main; returns its id."""
        there = self.repos.setdefault(repo, _Repo())
        files = dict(there.commits.get(there.main, {})) | {file: data}
        there.main = hashlib.sha1(f"{repo} {len(there.commits)}".encode()).hexdigest()
        there.commits[there.main] = files
        return there.main

    def sent(self) -> list[tuple[int, int]]:
        """Byte ranges of files that were really sent, in order."""
        return [(r.start, r.start + r.sent) for r in self.requests if r.sent]


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:  # noqa: N802 the standard library's name
        self._answer()

    def do_GET(self) -> None:  # noqa: N802 the standard library's name
        self._answer()

    def do_PUT(self) -> None:  # noqa: N802 the standard library's name
        """An object of Git LFS."""
        self.hub.objects[self.path.rpartition("/")[2]] = self._body()
        self._plain(200, b"", {})

    def do_POST(self) -> None:  # noqa: N802 the standard library's name
        hub, body = self.hub, self._body()
        hub.requests.append(Request(self.command, self.path, 0))
        if hub.status or self.headers.get("Authorization") != f"Bearer {WRITER}":
            return self._plain(hub.status or 401, b"", {"X-Error-Code": hub.error_code})
        if self.path == "/api/repos/create":
            return self._json(self._created(json.loads(body)))
        if self.path == "/api/validate-yaml":
            return self._json({"warnings": [], "errors": []})
        if found := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", self.path):
            return self._json(self._uploads(json.loads(body)))
        if found := re.fullmatch(r"/api/(?:model|space)s/(.+)/preupload/main", self.path):
            return self._json({"files": [self._mode(one) for one in json.loads(body)["files"]]})
        if found := re.fullmatch(r"/api/(?:model|space)s/(.+)/commit/main", self.path):
            return self._json(self._commit(found[1], [json.loads(x) for x in body.splitlines()]))
        return self._plain(404, b"", {})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _json(self, value: object) -> None:
        self._plain(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _created(self, asked: dict[str, str]) -> dict[str, str]:
        name = f"{asked['organization'] or 'somebody'}/{asked['name']}"
        repo = self.hub.repos.setdefault(name, _Repo())
        repo.private = asked.get("visibility") == "private"
        repo.hardware = asked.get("hardware", repo.hardware)
        kind = "spaces/" if asked.get("type") == "space" else ""
        return {"url": f"{self.hub.url}/{kind}{name}"}

    def _mode(self, file: dict[str, str]) -> dict[str, object]:
        large = file["path"].endswith((".safetensors", ".onnx", ".png"))
        mode = "lfs" if large else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _uploads(self, asked: dict[str, list[dict[str, str]]]) -> dict[str, object]:
        href = f"{self.hub.url}/lfs/"
        objects = [
            {**one, "actions": {"upload": {"href": href + one["oid"]}}} for one in asked["objects"]
        ]
        return {"transfer": "basic", "objects": objects}

    def _commit(self, repo: str, lines: list[dict[str, dict[str, str]]]) -> dict[str, str]:
        files = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.hub.repos[repo].message = value["summary"]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                files[value["path"]] = self.hub.objects[value["oid"]]
        there = self.hub.repos[repo]
        there.main = hashlib.sha1(f"{repo} {len(there.commits)}".encode()).hexdigest()
        there.commits[there.main] = files
        return {"commitUrl": f"{self.hub.url}/{repo}/commit/{there.main}", "commitOid": there.main}

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that went away
            super().handle()

    def _answer(self) -> None:
        hub = self.hub
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        entry = Request(self.command, self.path, int(asked[1]) if asked else 0)
        entry.token = self.headers.get("Authorization", "")
        hub.requests.append(entry)
        if (hub.slow and hub.closing.wait(hub.slow)) or (
            hub.mute and self.command == "GET" and hub.closing.wait()
        ):
            self.close_connection = True
            return
        if hub.status:
            self._plain(hub.status, b"", {"X-Error-Code": hub.error_code})
        elif self.path.startswith("/api/models/"):
            self._facts(*re.split("/tree/", self.path.split("?")[0][len("/api/models/") :]))
        else:
            self._file(entry, asked)

    def _facts(self, repo: str, revision: str = "main") -> None:
        there = self.hub.repos.get(unquote(repo))
        if there is None:
            return self._plain(404, b"", {"X-Error-Code": "RepoNotFound"})
        commit = there.main if revision == "main" else revision
        files = there.commits.get(commit, {})
        tree = [{"type": "file", "path": f, "size": len(d), "oid": ""} for f, d in files.items()]
        facts = {"id": repo, "sha": commit, "siblings": [{"rfilename": f} for f in files]}
        body = tree if "/tree/" in self.path else facts
        headers = {"Content-Type": "application/json"}
        return self._plain(200, json.dumps(body).encode(), headers)

    def _file(self, entry: Request, asked: re.Match[str] | None) -> None:
        hub = self.hub
        if hub.renamed and "/resolve/" in self.path and not self.path.startswith("/new-"):
            return self._plain(307, b"", {"Location": f"/new-{self.path[1:]}"})
        parts = re.fullmatch(
            r"/(?:new-)?(store/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", unquote(self.path)
        )
        there = hub.repos.get(parts[2]) if parts else None
        if parts is None or there is None:
            return self._plain(404, b"", {"X-Error-Code": "RepoNotFound"})
        commit = there.main if parts[3] == "main" else parts[3]
        if commit not in there.commits:
            return self._plain(404, b"", {"X-Error-Code": "RevisionNotFound"})
        data = there.commits[commit].get(parts[4])
        if data is None:
            return self._plain(404, b"", {"X-Error-Code": "EntryNotFound"})
        headers = {} if hub.not_a_hub or parts[1] else {"X-Repo-Commit": commit}
        sha256 = hashlib.sha256(data).hexdigest()
        headers["ETag"] = f'"{sha256 if hub.linked_etag else sha256[:40]}"'
        if hub.redirect and not parts[1]:
            headers["Location"] = f"http://localhost:{hub.port}/store{self.path}"
            headers["X-Linked-Size"] = str(len(data))
            headers["X-Linked-ETag"] = headers["ETag"]
            return self._plain(302, b"", headers)
        if hub.corrupt and not parts[1]:
            data = data[:-8] + bytes(byte ^ 255 for byte in data[-8:])
        return self._send(entry, asked, data, headers)

    def _send(
        self,
        entry: Request,
        asked: re.Match[str] | None,
        data: bytes,
        headers: dict[str, str],
    ) -> None:
        hub, status, start, end = self.hub, 200, 0, len(data)
        if asked and not hub.no_ranges:
            start, end = int(asked[1]), min(int(asked[2] or len(data)) + 1, len(data))
            if start >= len(data):
                return self._plain(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            end = min(end + 1000 * hub.greedy, len(data))
            start += 8 * (hub.shifted and start > 0)
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        else:
            entry.start = 0
        self._head(status, end - start, headers)
        if self.command == "HEAD":
            return None
        stop = min(v for v in (hub.cut_after, hub.stall_after, end - start) if v is not None)
        for begin in range(start, start + stop, CHUNK):
            chunk = data[begin : min(begin + CHUNK, start + stop)]
            self.wfile.write(chunk)
            entry.sent += len(chunk)
            if hub.drip and hub.closing.wait(hub.drip):
                break
        if stop < end - start:
            self.close_connection = True
            if hub.stall_after is not None:
                hub.closing.wait()
        return None

    def _plain(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._head(status, len(body), headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
            if self.hub.slow_head:
                self.flush_headers()
                self.hub.closing.wait(self.hub.slow_head)
        self.send_header("Content-Length", str(length))
        self.end_headers()
