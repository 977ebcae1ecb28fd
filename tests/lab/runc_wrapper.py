# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""runc, for hosts that lack a capability. The engine runs a copy of this file as its default runtime.

runc fails with «unable to apply caps: operation not permitted» when a container asks for a capability that is not in
the host's bounding set, which every privileged container does. So the capabilities that the host has not are taken
out of the specification, and a negative oomScoreAdj, which needs CAP_SYS_RESOURCE, is raised to 0.
"""

from __future__ import annotations

import json
import os
import sys

RUNC = "@RUNC@"
# In the order of linux/capability.h.
CAPABILITIES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()


def host_capabilities() -> set[str]:
    """Names of the capabilities in this process's bounding set."""
    with open("/proc/self/status") as status:
        bounding = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd:"))
    return {f"CAP_{name}" for number, name in enumerate(CAPABILITIES) if bounding >> number & 1}


def fit(process: dict, available: set[str]) -> None:
    """Take out of an OCI process what the host cannot give."""
    sets = process.get("capabilities") or {}
    for name, wanted in sets.items():
        sets[name] = [capability for capability in wanted or [] if capability in available]
    if process.get("oomScoreAdj", 0) < 0:
        process["oomScoreAdj"] = 0


def option(argv: list[str], *names: str) -> str:
    """Value of an option given as `--name value` or `--name=value`; empty when absent."""
    for position, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else argv[position + 1]
    return ""


def rewrite(path: str, nested: bool) -> None:
    """Fit the process of a specification file in place."""
    with open(path) as source:
        spec = json.load(source)
    fit(spec["process"] if nested else spec, host_capabilities())
    with open(path, "w") as target:
        json.dump(spec, target)


def main(argv: list[str]) -> None:
    """Rewrite the specification that the command names, if any, and become runc."""
    if "create" in argv or "run" in argv:
        rewrite(os.path.join(option(argv, "--bundle", "-b") or ".", "config.json"), nested=True)
    elif "exec" in argv:
        process = option(argv, "--process", "-p")
        if process:
            rewrite(process, nested=False)
    os.execvp(RUNC, [RUNC, *argv])


if __name__ == "__main__":
    main(sys.argv[1:])
