# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.uplift.kubeadm.plugins.module_utils._kubelet_flags import without_flags


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--container-runtime=remote --a=b", "--a=b"),
        ("--a=b --container-runtime=remote", "--a=b"),
        ("--a=b --container-runtime remote --c=d", "--a=b --c=d"),
        ("--container-runtime --c=d", "--c=d"),
        ("--container-runtime=remote", ""),
        # Another flag that begins alike is not touched.
        ("--container-runtime-endpoint=unix:///run/containerd/containerd.sock", None),
        ("--a=--container-runtime-x", None),
        ("--a=b", None),
    ],
)
def test_only_the_named_flag_goes(arguments: str, expected: str | None) -> None:
    line = 'KUBELET_KUBEADM_ARGS="{}"\n'
    wanted = line.format(arguments if expected is None else expected)
    assert without_flags(line.format(arguments), ["container-runtime"]) == wanted
    assert without_flags(wanted, ["container-runtime"]) == wanted
