# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How crictl is called, wherever it is."""

from __future__ import annotations

ANSWER_SECONDS = 60


def crictl(socket: str | None) -> list[str]:
    """The command line up to the subcommand. socket is the runtime's CRI endpoint; None leaves it to crictl.

    crictl by itself waits 2 s for an answer (cri-tools: cmd/crictl/main.go), and a runtime on a busy disk may need
    more to list its images or to take a pod's network down. Without a socket that stays: crictl then tries the sockets
    of several runtimes in turn, and would wait that long for each that is not there.
    """
    if not socket:
        return ["crictl"]
    return ["crictl", f"--runtime-endpoint={socket}", f"--image-endpoint={socket}", f"--timeout={ANSWER_SECONDS}s"]
