# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FakeEtcd stands in for etcd, etcdctl and etcdutl: this file is a module for tests, and the programs themselves.

Its state is JSON: {"revision": 7, "compacted": 2, "keys": {key: [revision, value]}}; a snapshot is that file with
its SHA-256 appended. Written so that it needs nothing but the standard library: it is copied and run as a program.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import socketserver
import stat
import sys
import threading
import typing as t
import zlib
from pathlib import Path

VERSION = "3.5.6"
LIVE = "FAKE_ETCD_LIVE"  # environment: the state of the live etcd


def hash_of(state: dict[str, t.Any], revision: int) -> int:
    """Depends, as etcd's does, on what is held up to a revision, and on what was forgotten."""
    held = {key: row for key, row in state["keys"].items() if row[0] <= revision}
    return zlib.crc32(json.dumps([held, state["compacted"]], sort_keys=True).encode())


def answer(state: dict[str, t.Any], path: str, body: dict[str, t.Any]) -> dict[str, t.Any]:
    header = {"cluster_id": "10", "member_id": "11", "revision": str(state["revision"])}
    if path == "/v3/maintenance/status":
        return {"header": header, "version": VERSION, "dbSize": "4096", "leader": state.get("leader", "11")}
    if path == "/v3/cluster/member/list":
        return {"members": [{"ID": "11", "name": "cp1", "peerURLs": ["https://a:2380"]}]}
    if path == "/v3/maintenance/alarm":
        return {"alarms": state.get("alarms", [])}
    if path == "/v3/kv/range":
        since, start = int(body.get("min_mod_revision", 0)), base64.b64decode(body["key"]).decode()
        keys = sorted(key for key, row in state["keys"].items() if row[0] >= since and key >= start)
        page = keys[: body.get("limit") or None]
        kvs = [{"key": base64.b64encode(key.encode()).decode()} for key in page]
        return {"header": header, "kvs": kvs, "count": str(len(keys)), "more": len(page) < len(keys)}
    raise KeyError(path)


def snapshot(state: dict[str, t.Any]) -> bytes:
    content = json.dumps(state).encode()
    return content + hashlib.sha256(content).digest()


def handler(read: t.Callable[[], dict[str, t.Any]], damage: t.Callable[[bytes], bytes]) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/v3/maintenance/snapshot":
                whole = damage(snapshot(read()))
                blocks = [whole[at : at + 50] for at in range(0, len(whole), 50)]
                lines = [json.dumps({"result": {"blob": base64.b64encode(b).decode()}}) for b in blocks]
                text = "\n".join(lines) + "\n"
            else:
                text = json.dumps(answer(read(), self.path, body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_args: t.Any) -> None:
            pass

        def address_string(self) -> str:
            return ""

    return Handler


class FakeEtcd:
    """A live etcd on a TCP port, and the programs of its version in a folder."""

    def __init__(self, folder: Path, keys: dict[str, int], revision: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "live.json"
        self.state: dict[str, t.Any] = {
            "revision": revision,
            "compacted": 1,
            "keys": {key: [at, "x"] for key, at in keys.items()},
        }
        self.damage: t.Callable[[bytes], bytes] = lambda whole: whole
        self.write()
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in ("etcd", "etcdctl", "etcdutl"):
            program = self.programs / name
            program.write_text(f"#!{sys.executable}\n{Path(__file__).read_text()}")
            program.chmod(0o700)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self._read, self._damaged))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def write(self) -> None:
        self.file.write_text(json.dumps(self.state))

    def _read(self) -> t.Any:
        return json.loads(self.file.read_text())

    def _damaged(self, whole: bytes) -> bytes:
        return self.damage(whole)

    def put(self, key: str) -> None:
        self.state["revision"] += 1
        self.state["keys"][key] = [self.state["revision"], "x"]
        self.write()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def _serve(words: list[str]) -> None:
    file = Path(words[words.index("--data-dir") + 1]) / "member/state.json"
    url = words[words.index("--listen-client-urls") + 1]
    if json.loads(file.read_text()).get("broken"):
        sys.exit("it is broken")
    server = _UnixServer(url[len("unix://") :], handler(lambda: json.loads(file.read_text()), lambda whole: whole))
    server.serve_forever()


def _control(words: list[str]) -> None:
    if "restore" in words and "--help" in words:
        sys.stdout.write("--data-dir\n" + ("--bump-revision --mark-compacted\n" if os.environ.get("FAKE_BUMP") else ""))
    elif "restore" in words:
        whole = Path(words[words.index("restore") + 1]).read_bytes()
        if hashlib.sha256(whole[:-32]).digest() != whole[-32:]:
            sys.exit("expected sha256, got another")
        member = Path(words[words.index("--data-dir") + 1]) / "member"
        member.mkdir(parents=True)
        (member / "state.json").write_bytes(whole[:-32])
        (member / "restored.json").write_text(json.dumps(words))
    elif "status" in words:
        state = json.loads(Path(words[words.index("status") + 1]).read_bytes()[:-32])
        sys.stdout.write(json.dumps({"hash": 1, "revision": state["revision"], "totalKey": len(state["keys"])}))
    else:
        own = Path("data/member/state.json")
        file = own if words[words.index("--endpoints") + 1].startswith("unix:") else Path(os.environ[LIVE])
        state = json.loads(file.read_text())
        # As etcdctl does: after 5 s, or what it was told, it gives up.
        patience = next((word for word in words if word.startswith("--command-timeout=")), "=5s").partition("=")[2]
        if state.get("slow", 0) > int(patience.rstrip("s")):
            sys.exit("Error: context deadline exceeded")
        if "compact" in words:
            state["compacted"] = int(words[words.index("compact") + 1])
            file.write_text(json.dumps(state))
        else:
            revision = int(words[words.index("--rev") + 1])
            if revision <= state["compacted"]:
                sys.exit("Error: etcdserver: mvcc: required revision has been compacted")
            told = hash_of(state, revision)
            sys.stdout.write(json.dumps([{"HashKV": {"hash": told, "compact_revision": state["compacted"]}}]))


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


if __name__ == "__main__":
    if "--version" in sys.argv:
        sys.stdout.write(f"etcd Version: {VERSION}\nGit SHA: none\n")
    elif os.path.basename(sys.argv[0]) == "etcd":
        _serve(sys.argv)
    else:
        _control(sys.argv)
