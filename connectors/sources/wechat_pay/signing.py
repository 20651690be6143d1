"""WeChat Pay v3: signatures of requests, responses and notifications, and their decryption.

Pure functions, nothing is sent from here. Who verifies must also refuse a `Wechatpay-Timestamp`
more than five minutes away, and must choose the public key by `Wechatpay-Serial`.
"""

import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.errors import ContractError, InputError, PermanentError
from connectors.sources import rsa


def authorization_header(
    *,
    method: str,
    url_path_and_query: str,
    body: bytes,
    merchant_id: str,
    serial_no: str,
    private_key_pem: str,
    timestamp: str,
    nonce: str,
) -> str:
    """The `Authorization` header of a request.

    Args:
        method: the HTTP method.
        url_path_and_query: path and query exactly as they are sent, without host.
        body: the body exactly as it is sent; empty for GET.
        merchant_id: the merchant's `mchid`.
        serial_no: the serial number of the merchant's API certificate.
        private_key_pem: the private key of that certificate.
        timestamp: epoch seconds as text.
        nonce: a random text of this request.

    Raises:
        InputError: the private key is not a readable RSA key.
    """
    message = request_message(method, url_path_and_query, timestamp, nonce, body)
    fields = {
        "mchid": merchant_id,
        "nonce_str": nonce,
        "timestamp": timestamp,
        "serial_no": serial_no,
        "signature": sign(message, private_key_pem),
    }
    pairs = ",".join(f'{name}="{value}"' for name, value in fields.items())
    return f"WECHATPAY2-SHA256-RSA2048 {pairs}"


def request_message(
    method: str, url_path_and_query: str, timestamp: str, nonce: str, body: bytes
) -> bytes:
    """What a request signs: five lines, each ended by a line feed, an empty body too."""
    return f"{method}\n{url_path_and_query}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def response_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What WeChat Pay signs of a response or a notification.

    Args:
        timestamp: the text of `Wechatpay-Timestamp`.
        nonce: the text of `Wechatpay-Nonce`.
        body: the bytes as received, before any parsing.
    """
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def sign(message: bytes, private_key_pem: str) -> str:
    """The Base64 signature of a message.

    Raises:
        InputError: the private key is not a readable RSA key.
    """
    return rsa.sign(message, private_key_pem)


def verify(message: bytes, signature: str, public_key_pem: str) -> bool:
    """Whether WeChat Pay signed the message; False for its probes (`WECHATPAY/SIGNTEST/…`) too.

    Args:
        message: as `response_message` made it.
        signature: the text of `Wechatpay-Signature`.
        public_key_pem: the platform's public key or certificate that `Wechatpay-Serial` names.

    Raises:
        InputError: the public key is not a readable RSA key or certificate.
    """
    return rsa.verify(message, signature, public_key_pem)


def decrypt_resource(key: bytes, nonce: str, ciphertext: str, associated_data: str) -> bytes:
    """Decrypt the `resource` of a notification (AES-GCM).

    Args:
        key: the APIv3 key, 32 ASCII bytes (16 or 24 work too).
        nonce: of the resource, 12 characters.
        ciphertext: Base64, the tag in its last 16 bytes.
        associated_data: of the resource; may be empty.

    Returns:
        The plain text, usually JSON.

    Raises:
        InputError: no AES key has this length.
        ContractError: the nonce or the ciphertext is malformed.
        PermanentError: the resource was not encrypted with this key, or was changed on its way.
    """
    if len(key) not in (16, 24, 32):
        raise InputError(
            f"The APIv3 key of WeChat Pay has {len(key)} bytes, not 32; "
            "copy it again from the merchant platform."
        )
    try:
        data = base64.b64decode(ciphertext, validate=True)
        return AESGCM(key).decrypt(nonce.encode(), data, associated_data.encode())
    except ValueError as error:
        raise ContractError(
            f"A WeChat Pay notification has a malformed resource ({error}); look at its body."
        ) from error
    except InvalidTag as error:
        raise PermanentError(
            "A WeChat Pay notification can't be decrypted; check the APIv3 key of the merchant."
        ) from error
