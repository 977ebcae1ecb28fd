# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real API server and etcd on loopback, in a folder of their own, and nothing else of a cluster: no kubelets.

The programs are the lab's. What is in it is what is put there through the API. simulated.py has more of a cluster.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.lab import artifacts  # type: ignore[import-not-found]

ETCD = "3.5.6"
_TOKEN = "bench"
_READY = 120  # seconds that the API server may take to begin with
_END = 30  # seconds that a program may take to end when it is told to


class KubeError(Exception):
    """The API server cannot be had. The message says what was seen."""


@contextlib.contextmanager
def running(version: str, folder: Path) -> Iterator[Path]:
    """The kubeconfig of an API server of that version, with its data in folder; both programs end with the block."""
    programs, etcd = artifacts.ensure(version), artifacts.tool("etcd", ETCD)
    client, peer, secure = _free_port(), _free_port(), _free_port()
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f"{_TOKEN},bench,1,system:masters\n")
    store = f"http://127.0.0.1:{client}"
    commands = {
        "etcd": [
            etcd / "etcd", f"--data-dir={folder / 'etcd'}", "--log-level=error", "--unsafe-no-fsync",
            f"--quota-backend-bytes={8 * 1024**3}", f"--listen-client-urls={store}", f"--advertise-client-urls={store}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
        ],
        "kube-apiserver": [
            programs / "kube-apiserver", f"--etcd-servers={store}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={secure}", f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.96.0.0/16",
            # No controllers: nobody would make service accounts, nor take the taint not-ready off a new node.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition", "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
        ],
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        for name, command in commands.items():
            start(stack, folder, name, command)
        server = f"https://127.0.0.1:{secure}"
        _wait(server, folder)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
            f"clusters:\n- name: k\n  cluster:\n    server: {server}\n    insecure-skip-tls-verify: true\n"
            "contexts:\n- name: c\n  context:\n    cluster: k\n    user: u\n"
            f"users:\n- name: u\n  user:\n    token: {_TOKEN}\n"
        )
        yield kubeconfig


def start(
    stack: contextlib.ExitStack, folder: Path, name: str, command: Sequence[str | Path], patience: float = _END
) -> subprocess.Popen[bytes]:
    """Start a program that ends with the stack; what it says goes to NAME.log in folder.

    :param patience: seconds that it may take to end when it is told to; then it is killed.
    """
    log = stack.enter_context((folder / f"{name}.log").open("w"))
    process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT)
    stack.callback(_end, process, patience)
    return process


def end_of_log(folder: Path, name: str) -> str:
    return (folder / f"{name}.log").read_text(errors="replace")[-2000:]


def _wait(server: str, folder: Path) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(f"{server}/readyz", headers={"Authorization": f"Bearer {_TOKEN}"})
    deadline = time.monotonic() + _READY
    seen = "nothing yet"
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, context=trusting, timeout=5):
                return
        except (OSError, urllib.error.URLError) as e:
            seen = str(e)
        time.sleep(0.2)
    end = end_of_log(folder, "kube-apiserver")
    raise KubeError(f"The API server was not ready within {_READY} s (last seen: {seen}). The end of its log:\n{end}")


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port
