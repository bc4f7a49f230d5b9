"""A server's certificate: what is wrong with its files is said, with the option that names the one in question."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from cometary.errors import ConfigError
from cometary.transport.net.certificate import Certificate
from tests.certificates import make_files


def remove(path: Path) -> None:
    path.unlink()


def garble(path: Path) -> None:
    path.write_text("no PEM")


def empty(path: Path) -> None:
    path.write_text("")


def encrypt(path: Path) -> None:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    password = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, password))


def replace_by_another(path: Path) -> None:
    folder = path.parent / "other"
    folder.mkdir()
    make_files(folder)
    (folder / path.name).rename(path)


def test_it_is_taken_with_renegotiation_and_compression_refused(tmp_path: Path) -> None:
    context = Certificate(*make_files(tmp_path)).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("cert", remove, "cannot be read: No such file"),
        ("cert", garble, "holds no certificate in PEM form"),
        ("cert", empty, "holds no certificate in PEM form"),
        ("key", remove, "cannot be read: No such file"),
        ("key", garble, "holds no private key in PEM form"),
        ("key", encrypt, "is encrypted, and nobody is there to give a password"),
        ("key", replace_by_another, "is not the key of the certificate"),
    ],
)
def test_what_is_wrong_is_said_and_everything_stays_as_it_is(
    tmp_path: Path, name: str, spoil: Callable[[Path], None], said: str
) -> None:
    files = make_files(tmp_path)
    certificate = Certificate(*files)
    before = certificate.context
    spoil(tmp_path / f"{name}.pem")
    with pytest.raises(ConfigError, match=said) as raised:
        certificate.reload(*files)
    assert raised.value.where == f"tls-{name}"
    assert certificate.context is before
