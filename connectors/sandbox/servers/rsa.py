"""SHA256-with-RSA (PKCS#1 v1.5) in Base64: how the payment providers sign and check."""

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key


def rsa_sign(message: bytes, private_key: str) -> str:
    """The Base64 signature of a message; the key is PEM text.

    Raises:
        TypeError: the key is no RSA key.
    """
    return base64.b64encode(_private_key(private_key).sign(message, PKCS1v15(), SHA256())).decode()


def rsa_holds(message: bytes, signature: str, public_key: str) -> bool:
    """Whether the Base64 signature is that of the message; the key is PEM text.

    Raises:
        TypeError: the key is no RSA key.
    """
    try:
        raw = base64.b64decode(signature, validate=True)
        _public_key(public_key).verify(raw, message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@lru_cache(maxsize=8)
def _private_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode("ascii"), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("The signing key is no RSA key.")
    return key


@lru_cache(maxsize=8)
def _public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode("ascii"))
    if not isinstance(key, RSAPublicKey):
        raise TypeError("The verifying key is no RSA key.")
    return key
