"""Alipay RSA2 signatures of requests, responses and notifications: pure functions.

Nothing is sent from here. A response is signed over the raw text of its `…_response` object: cut
it out of the body and give it to `verify`, never a parsed and rewritten copy.
"""

from collections.abc import Mapping

from connectors.sources import rsa


def string_to_sign(parameters: Mapping[str, str], *, notify: bool) -> str:
    """Join the parameters as `key=value` in the order of their keys, before any URL encoding.

    Args:
        parameters: what is sent, or the URL-decoded form of a notification.
        notify: of a request `sign` and empty values are left out; of a notification `sign` and
            `sign_type`, and nothing else.
    """
    if notify:
        signed = {k: v for k, v in parameters.items() if k not in ("sign", "sign_type")}
    else:
        signed = {k: v for k, v in parameters.items() if k != "sign" and v}
    return "&".join(f"{key}={value}" for key, value in sorted(signed.items()))


def sign(text: str, private_key_pem: str) -> str:
    """The Base64 signature of a text.

    Raises:
        InputError: the private key is not a readable RSA key.
    """
    return rsa.sign(text.encode(), private_key_pem)


def verify(text: str, signature: str, public_key_pem: str) -> bool:
    """Whether Alipay signed the text; its public key, not the merchant's.

    Raises:
        InputError: the public key is not a readable RSA key or certificate.
    """
    return rsa.verify(text.encode(), signature, public_key_pem)
