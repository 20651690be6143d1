"""Tokens in the addresses that people follow: signed, and good in one spelling only.

A signature in base64 leaves spare bits in its last letter, so several letters stand for the same
bytes and a changed address would still pass. Such an address is refused too.
"""

import hashlib
import hmac
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from connectors.settings import Settings


def key_for(purpose: str, settings: Settings) -> str:
    """This installation's key for one purpose, in hexadecimal digits."""
    return hmac.new(settings.pii_hash_key().encode(), purpose.encode(), "sha256").hexdigest()


class TokenSigner:
    """Signs what an address says.

    Args:
        key: the secret.
        purpose: a token of one purpose is no token of another.
    """

    def __init__(self, key: str, purpose: str) -> None:
        self._serializer = URLSafeSerializer(
            key,
            salt=purpose,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def sign(self, content: Any) -> str:
        """The token of something that JSON can hold."""
        return str(self._serializer.dumps(content))

    def read(self, token: str) -> Any:
        """What a token says.

        Raises:
            itsdangerous.BadSignature: it was not signed here, or is spelled in another way.
        """
        content = self._serializer.loads(token)
        if not hmac.compare_digest(self.sign(content).encode(), token.encode()):
            raise BadSignature("The token is not spelled as it was signed.")
        return content
