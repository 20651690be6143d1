"""Signatures and encryption of what WeChat pushes: pure functions, nothing is sent from here."""

import base64
import hashlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from connectors.errors import ContractError, InputError, PermanentError

_RANDOM_BYTES, _LENGTH_BYTES, _BLOCK_BYTES, _LONGEST_PADDING = 16, 4, 16, 32
_KEY_BYTES: Final = 32


def push_signature(token: str, *parts: str) -> str:
    """The `signature` or `msg_signature` of an address: lower-case hex, 40 characters.

    Args:
        token: that the shop chose for its pushes.
        parts: `timestamp` and `nonce` of the address; for a push also its `Encrypt`.
    """
    text = "".join(sorted((token, *parts)))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def decrypt_push(encoding_aes_key: str, encrypted: str) -> tuple[bytes, str]:
    """The message of a push and the AppID that it is meant for (AES-256-CBC).

    Args:
        encoding_aes_key: the shop's EncodingAESKey, 43 characters.
        encrypted: `Encrypt` of the push, Base64.

    Raises:
        InputError: the key is none.
        ContractError: the text is no whole number of blocks.
        PermanentError: it was not encrypted with this key.
    """
    try:
        key = base64.b64decode(encoding_aes_key + "=", validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InputError(
            "The EncodingAESKey of WeChat Store is not 43 letters and digits; copy it again from "
            "the shop's back office."
        )
    try:
        data = base64.b64decode(encrypted, validate=True)
    except ValueError as error:
        raise ContractError("A WeChat push is not Base64; look at its body.") from error
    if not data or len(data) % _BLOCK_BYTES:
        raise ContractError("A WeChat push is no whole number of blocks; look at its body.")
    decryptor = Cipher(AES(key), CBC(key[:_BLOCK_BYTES])).decryptor()
    return _opened(decryptor.update(data) + decryptor.finalize())


def _opened(plain: bytes) -> tuple[bytes, str]:
    """Random bytes, the message's length, the message, the AppID, and padding of up to 32 bytes."""
    padding = plain[-1]
    start = _RANDOM_BYTES + _LENGTH_BYTES
    end = start + int.from_bytes(plain[_RANDOM_BYTES:start], "big")
    rest = plain[end : len(plain) - padding]
    is_padded = 1 <= padding <= _LONGEST_PADDING and plain.endswith(bytes([padding]) * padding)
    if not is_padded or end > len(plain) - padding or not rest.isascii():
        raise PermanentError(
            "A WeChat push can't be decrypted; check the EncodingAESKey of the shop."
        )
    return plain[start:end], rest.decode("ascii")
