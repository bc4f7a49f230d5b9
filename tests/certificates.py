"""Certificates that are as good as real ones, to whoever trusts their issuer."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import trustme


@cache
def issuer() -> trustme.CA:
    """The one issuer of all of them."""
    return trustme.CA()


def make_files(folder: Path, name: str = "127.0.0.1") -> tuple[str, str]:
    """Have a certificate issued; returns the paths of its file and of its key's."""
    made = issuer().issue_cert(name)
    cert, key = folder / "cert.pem", folder / "key.pem"
    made.private_key_pem.write_to_path(key)
    cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    return str(cert), str(key)


def trusting() -> ssl.SSLContext:
    """What a client needs that trusts the issuer."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=issuer().cert_pem.bytes().decode())
    return context
