"""SHA256withRSA (PKCS#1 v1.5, Base64) as Alipay and WeChat Pay use it; no I/O.

Keys come in the forms that people get from the platforms: PEM, or the bare Base64 of the same DER
without its first and last line; a certificate serves as the public key in it. Reading a key takes
longer than a hundred signatures, so the last few keys are kept in memory.
"""

import base64
from contextlib import suppress
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509 import load_pem_x509_certificate

from connectors.errors import InputError

_PEM: Final = b"-----BEGIN"
_CERTIFICATE: Final = _PEM + b" CERTIFICATE-----"
_KEPT_KEYS: Final = 16


def sign(message: bytes, private_key: str) -> str:
    """The Base64 signature of a message (344 characters with a 2048-bit key).

    Raises:
        InputError: the private key is not a readable RSA key.
    """
    signature = _read_private_key(private_key).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


def verify(message: bytes, signature: str, public_key: str) -> bool:
    """Whether the Base64 signature is this key's signature of the message.

    Raises:
        InputError: the public key is not a readable RSA key or certificate.
    """
    key = _read_public_key(public_key)
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


@lru_cache(maxsize=_KEPT_KEYS)
def _read_private_key(text: str) -> rsa.RSAPrivateKey:
    key = None
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = _load_private_key(text.strip().encode())
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InputError(
            "The private key is not a readable RSA key without password; "
            "give the PEM text or the Base64 that the platform's key tool wrote."
        )
    return key


@lru_cache(maxsize=_KEPT_KEYS)
def _read_public_key(text: str) -> rsa.RSAPublicKey:
    key = None
    with suppress(ValueError, UnsupportedAlgorithm):
        key = _load_public_key(text.strip().encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError(
            "The platform's public key is not a readable RSA key or certificate; "
            "give the PEM text or the Base64 that the platform shows."
        )
    return key


def _load_private_key(data: bytes) -> PrivateKeyTypes:
    if data.startswith(_PEM):
        return serialization.load_pem_private_key(data, password=None)
    return serialization.load_der_private_key(_bare(data), password=None)


def _load_public_key(data: bytes) -> PublicKeyTypes:
    if data.startswith(_CERTIFICATE):
        return load_pem_x509_certificate(data).public_key()
    if data.startswith(_PEM):
        return serialization.load_pem_public_key(data)
    return serialization.load_der_public_key(_bare(data))


def _bare(data: bytes) -> bytes:
    return base64.b64decode(b"".join(data.split()), validate=True)
