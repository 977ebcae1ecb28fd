# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of variables that nobody reads: Ansible passes them over in silence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Of difflib's ratio, between what two names have after their prefix. Slips of the keyboard and near words (thru and
# through, approval and approved) are above it; other people's names of the prefix (hostname beside name) are below.
_ALIKE = 0.7


def unknown_variables(names: Iterable[str], known: Iterable[str], prefix: str, only_alike: bool = False) -> list[str]:
    """Names that are not known, sorted, each with the known one that may have been meant.

    :param prefix: what all these names begin with.
    :param only_alike: leave out those that resemble no known name: where the prefix may be others' as well.
    """
    by_rest = {str(name).removeprefix(prefix): str(name) for name in known}
    told = []
    for name in sorted({str(name) for name in names} - set(by_rest.values())):
        near = get_close_matches(name.removeprefix(prefix), by_rest, 1, _ALIKE)
        if near or not only_alike:
            told.append(f"{name} (did you mean {by_rest[near[0]]}?)" if near else name)
    return told
