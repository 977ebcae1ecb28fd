# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flags that kubeadm wrote for kubelet, in kubeadm-flags.env. Pure."""

from __future__ import annotations

import re


def without_flags(content: str, flags: list[str]) -> str:
    """The content of kubeadm-flags.env without these flags (names without dashes).

    kubeadm writes one line, KUBELET_KUBEADM_ARGS="--a=b --c=d" (cmd/kubeadm/app/phases/kubelet/flags.go); values hold
    no blanks, and a flag may also be followed by its value as a word of its own.
    """
    for flag in flags:
        # The value as a word of its own is one that does not begin with a dash or the closing quote.
        content = re.sub(rf"--{re.escape(flag)}(=[^\s\"]*|\s+[^-\s\"][^\s\"]*)?(?=[\s\"]|$)\s*", "", content)
    return re.sub(r"\s+\"$", '"', content, flags=re.MULTILINE)
