"""WeChat Pay notifications: an RSA signature in headers, and a resource that only we can decrypt.

Neither the encrypted nor the decrypted resource is ever logged or part of a refusal's sentence.
"""

from typing import Any

import orjson

from connectors.errors import ContractError, PermanentError
from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    RefusedError,
    content_key,
    equal,
    json_answer,
    json_payload,
    require_near,
    text_of,
)
from connectors.sources.wechat_pay.signing import decrypt_resource, response_message, verify

_WHAT = "The WeChat Pay notification"


class WeChatPayPushes(PushProtocol):
    """WeChat Pay wants 200 or 204; it sends again for a day otherwise, and probes with bad ones."""

    needs = ("platform_public_key", "api_v3_key")
    may_have = ("platform_serial", "merchant_id")
    accepted = Answer(204)

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: the notification with its resource decrypted in place."""
        _verify(push, account)
        payload, parsed, read_error = json_payload(push.body)
        if read_error is None:
            payload, read_error = _decrypted(parsed, account)
        return [
            Received(
                topic=text_of(parsed, "event_type"),
                dedupe_key=text_of(parsed, "id") or content_key(push.body),
                payload=payload,
                sent_at=text_of(parsed, "create_time") or None,
                read_error=read_error,
            )
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """The code that the platform's documents use; it sends the notification again."""
        return json_answer(status, {"code": "FAIL", "message": reason})


def _verify(push: Push, account: InboxAccount) -> None:
    stamp = push.headers.get("wechatpay-timestamp", "")
    serial = account.secrets.get("platform_serial", "")
    if serial and not equal(serial, push.headers.get("wechatpay-serial", "")):
        raise RefusedError(
            Reason.FORGED,
            f"{_WHAT} names a platform key that this account does not have; if WeChat Pay changed "
            "its key, configure the new one.",
        )
    message = response_message(stamp, push.headers.get("wechatpay-nonce", ""), push.body)
    signature = push.headers.get("wechatpay-signature", "")
    if not verify(message, signature, account.secrets["platform_public_key"]):
        raise RefusedError(Reason.FORGED, f"{_WHAT} is not signed with WeChat Pay's key.")
    require_near(stamp, push, account, _WHAT)


def _decrypted(parsed: Any, account: InboxAccount) -> tuple[str, str | None]:
    resource = parsed.get("resource") if isinstance(parsed, dict) else None
    if not isinstance(resource, dict):
        raise RefusedError(Reason.MALFORMED, f"{_WHAT} has no resource.")
    try:
        content = decrypt_resource(
            account.secrets["api_v3_key"].encode(),
            text_of(resource, "nonce"),
            text_of(resource, "ciphertext"),
            text_of(resource, "associated_data"),
        )
    except (PermanentError, ContractError) as error:
        # It is WeChat Pay's: refused, so that it comes again when the key is right.
        raise RefusedError(
            Reason.MISCONFIGURED, f"{_WHAT} can't be decrypted; check the account's APIv3 key."
        ) from error
    text, plain, read_error = json_payload(content)
    merchant = account.secrets.get("merchant_id", "")
    if merchant and text_of(plain, "mchid") not in ("", merchant):
        raise RefusedError(
            Reason.WRONG_ACCOUNT,
            f"{_WHAT} is meant for another merchant; correct the notify address it is sent to.",
        )
    # A fragment is written as it is: every number keeps its digits.
    opened = {**parsed, "resource": orjson.Fragment(text), "original_type": None}
    opened["original_type"] = text_of(resource, "original_type") or None
    return orjson.dumps(opened).decode(), read_error
