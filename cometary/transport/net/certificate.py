"""The server's certificate: read from two files, and again when the operator says so."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from cometary.errors import ConfigError
from cometary.transport.net.tls import TlsSocket

PROTOCOLS: Final = ("http/1.1",)
"""What is spoken within TLS, for clients that ask (RFC 7301). HTTP/2 is not: see `docs/how-to/tls.md`."""


class Certificate:
    """A certificate and its key, as a context for new connections.

    Args:
        cert: the path of a PEM file with the certificate, and behind it those of its issuers but for the root.
        key: the path of the PEM file with its private key, which is not encrypted.

    Attributes:
        context: the one in force.

    Raises:
        ConfigError: one of the files cannot be read, or is not what it has to be; `where` is its option.
    """

    def __init__(self, cert: str, key: str) -> None:
        self.context = read_context(cert, key)

    def reload(self, cert: str, key: str) -> None:
        """Read the files again, or others; open connections keep what they have.

        Args:
            cert: as above.
            key: as above.

        Raises:
            ConfigError: as above; then everything stays as it is.
        """
        self.context = read_context(cert, key)


def read_context(cert: str, key: str) -> ssl.SSLContext:
    """Return a context for a server: TLS 1.2 and 1.3, with OpenSSL's own choice of ciphers with forward secrecy.

    Raises:
        ConfigError: one of the files cannot be read, or is not what it has to be; `where` is its option.
    """
    _check_certificates(cert, _read("tls-cert", cert))
    _read("tls-key", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(PROTOCOLS)
    context.sslsocket_class = TlsSocket

    def refuse_password() -> str:
        raise ConfigError("tls-key", f"{key} is encrypted, and nobody is there to give a password")

    try:
        context.load_cert_chain(cert, key, refuse_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"{key} is not the key of the certificate in {cert}"
        else:
            problem = f"{key} holds no private key in PEM form that goes with {cert}"
        raise ConfigError("tls-key", problem) from None
    return context


def _read(option: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(option, f"{path} cannot be read: {error.strerror}") from None


def _check_certificates(path: str, text: bytes) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        raise ConfigError("tls-cert", f"{path} holds no certificate in PEM form") from None
