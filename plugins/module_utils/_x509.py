# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts this collection needs of a certificate: the subject's common name, when it ends, and its fingerprint.

Python's standard library has no public parser of X.509, so the few steps through DER (X.690, RFC 5280 section 4.1)
are walked here. Nothing is verified: the certificates read are the node's own files.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import typing as t

PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s+(.*?)-----END CERTIFICATE-----", re.DOTALL)
COMMON_NAME = bytes((0x55, 0x04, 0x03))  # object identifier 2.5.4.3
UTC_TIME = 0x17
VERSION_TAG = 0xA0


class Certificate(t.NamedTuple):
    """Common name (None when the subject has none) and end of validity (UTC)."""

    common_name: str | None
    not_after: datetime.datetime


def first_certificate(pem: str) -> Certificate:
    """Read the first certificate of a PEM text. Raises ValueError when there is none, or it is broken."""
    match = PEM.search(pem)
    if match is None:
        raise ValueError("no PEM certificate in it")
    try:
        return parse(base64.b64decode(match.group(1)))
    except (IndexError, StopIteration) as exc:
        raise ValueError("a certificate that is cut short") from exc


def fingerprints(pem: str) -> list[str]:
    """SHA-256, in hexadecimal, of each certificate of a PEM text. Raises ValueError when there is none."""
    found = [hashlib.sha256(base64.b64decode(body)).hexdigest() for body in PEM.findall(pem)]
    if not found:
        raise ValueError("no PEM certificate in it")
    return found


def key_hashes(pem: str) -> list[str]:
    """SHA-256, in hexadecimal, of the public key (SubjectPublicKeyInfo) of each certificate of a PEM text.

    That is what kubeadm join compares (--discovery-token-ca-cert-hash; RFC 7469 section 2.4 has the same digest).

    :raises ValueError: there is none, or it is broken.
    """
    found = []
    for body in PEM.findall(pem):
        _tag, certificate = next(_elements(base64.b64decode(body)))
        _tag, tbs = next(_elements(certificate))
        fields = [(tag, content) for tag, content in _elements(tbs) if tag != VERSION_TAG]
        tag, content = fields[5]  # serial, signature, issuer, validity, subject, key
        found.append(hashlib.sha256(bytes([tag]) + _length(len(content)) + content).hexdigest())
    if not found:
        raise ValueError("no PEM certificate in it")
    return found


def _length(number: int) -> bytes:
    """A length in DER: short below 128, else the number of its bytes and those (X.690 8.1.3, 10.1)."""
    if number < 0x80:
        return bytes([number])
    size = (number.bit_length() + 7) // 8
    return bytes([0x80 | size]) + number.to_bytes(size, "big")


def parse(der: bytes) -> Certificate:
    """Walk Certificate -> TBSCertificate -> version?, serial, signature, issuer, validity, subject."""
    _tag, certificate = next(_elements(der))
    _tag, tbs = next(_elements(certificate))
    fields = [content for tag, content in _elements(tbs) if tag != VERSION_TAG]
    validity, subject = fields[3], fields[4]
    _not_before, (tag, not_after) = list(_elements(validity))[:2]
    return Certificate(_common_name(subject), _time(tag, not_after.decode("ascii")))


def _elements(data: bytes) -> t.Iterator[tuple[int, bytes]]:
    """The tag and content of each DER element that follow one another in data."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("a certificate that is cut short")
        yield tag, data[at : at + length]
        at += length


def _common_name(subject: bytes) -> str | None:
    for _set, relative in _elements(subject):
        for _sequence, pair in _elements(relative):
            (_oid, oid), (_string, value) = list(_elements(pair))[:2]
            if oid == COMMON_NAME:
                return value.decode("utf-8", errors="replace")
    return None


def _time(tag: int, text: str) -> datetime.datetime:
    """UTCTime has two digits of year, of which 50 to 99 mean the last century (RFC 5280 section 4.1.2.5.1)."""
    if tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
