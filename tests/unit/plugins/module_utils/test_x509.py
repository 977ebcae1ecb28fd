# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Common name and end of validity, out of certificates that another library made."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.uplift.kubeadm.plugins.module_utils._x509 import fingerprints, first_certificate, parse
from ansible_collections.uplift.kubeadm.tests.unit.plugins.certificates import END, UTC, Authority

AUTHORITY = Authority()
KUBELET = AUTHORITY.issue("system:node:wörker-1")
DER = base64.b64decode("".join(KUBELET.certificate.splitlines()[1:-1]))


def test_kubelets_certificate() -> None:
    seen = first_certificate(KUBELET.key + KUBELET.certificate + AUTHORITY.pem)
    assert seen == ("system:node:wörker-1", END)


def test_fingerprints_of_all_certificates_in_order() -> None:
    own, authority = fingerprints(KUBELET.key + KUBELET.certificate + AUTHORITY.pem)
    assert own == hashlib.sha256(DER).hexdigest()
    assert authority == AUTHORITY.own.fingerprint(hashes.SHA256()).hex()
    with pytest.raises(ValueError, match="no PEM"):
        fingerprints("rubbish")


def test_an_end_after_2049_is_a_generalized_time() -> None:
    end = datetime.datetime(2120, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert first_certificate(AUTHORITY.issue("x", end=end).certificate).not_after == end


def test_a_subject_without_common_name() -> None:
    assert first_certificate(AUTHORITY.issue(None).certificate).common_name is None


@pytest.mark.parametrize("text", ["", KUBELET.key, "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----"])
def test_text_without_a_certificate(text: str) -> None:
    with pytest.raises(ValueError, match=r"certificate|base64|padding"):
        first_certificate(text)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_a_value_error_at_most(at: int, byte: int) -> None:
    damaged = DER[:at] + bytes([byte]) + DER[at + 1 :]
    for der in (damaged, DER[:at]):
        pem = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n-----END CERTIFICATE-----"
        with contextlib.suppress(ValueError):
            first_certificate(pem)


def test_der_itself() -> None:
    assert parse(DER).not_after == END
