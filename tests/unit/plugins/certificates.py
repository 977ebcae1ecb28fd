# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for tests, made when they run: no private key lies in the repository."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import typing as t
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

UTC = datetime.timezone.utc
END = datetime.datetime(2036, 5, 4, 3, 2, 1, tzinfo=UTC)


class Pair(t.NamedTuple):
    """A certificate and its key, both PEM."""

    certificate: str
    key: str


class Authority:
    """A certificate authority that issues certificates for clients and for servers on 127.0.0.1."""

    def __init__(self, name: str = "kubernetes") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self.name, self.key, END)
        self.own = builder.add_extension(x509.BasicConstraints(True, None), True).sign(self.key, hashes.SHA256())
        self.pem = self.own.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, common_name: str | None, organization: str = "system:nodes", end: datetime.datetime = END) -> Pair:
        """A certificate whose subject has the organization first, as kubelet's has."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]
        if common_name is not None:
            subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        builder = self._builder(x509.Name(subject), key, end)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = builder.add_extension(names, False).sign(self.key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, end: datetime.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(end)
        )


def kubeconfig(path: Path, authority: Authority, pair: Pair) -> None:
    """Write a kubeconfig as kubeadm does."""

    def data(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "apiVersion: v1\nclusters:\n- cluster:\n"
        f"    certificate-authority-data: {data(authority.pem)}\n    server: https://127.0.0.1:6443\n  name: k\n"
        "users:\n- name: kubernetes-admin\n  user:\n"
        f"    client-certificate-data: {data(pair.certificate)}\n    client-key-data: {data(pair.key)}\n"
    )
