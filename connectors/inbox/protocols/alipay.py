"""Alipay notifications: a form signed with Alipay's RSA key over its sorted fields."""

import re

import orjson

from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    RefusedError,
    content_key,
    form_fields,
)
from connectors.sources.alipay.signing import string_to_sign, verify

_WHAT = "The Alipay notification"
_CHARSET = re.compile(rb"(?:^|&)charset=([A-Za-z0-9-]{1,20})(?:&|$)")
_ENCODINGS = {"utf-8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}


class AlipayPushes(PushProtocol):
    """Alipay wants to read `success` and nothing else; it sends again for 25 hours otherwise."""

    needs = ("alipay_public_key",)
    may_have = ("app_id",)
    accepted = Answer(200, b"success")

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: the fields as a JSON object of texts."""
        fields = form_fields(push.body, _WHAT, _encoding(push.body))
        signed = string_to_sign(fields, notify=True)
        if not verify(signed, fields.get("sign", ""), account.secrets["alipay_public_key"]):
            raise RefusedError(Reason.FORGED, f"{_WHAT} is not signed with Alipay's key.")
        app_id = account.secrets.get("app_id", "")
        if app_id and fields.get("app_id", app_id) != app_id:
            raise RefusedError(
                Reason.WRONG_ACCOUNT,
                f"{_WHAT} is meant for another app; correct the notify address of that app.",
            )
        return [
            Received(
                topic=fields.get("notify_type", ""),
                dedupe_key=fields.get("notify_id") or content_key(signed),
                payload=orjson.dumps(fields).decode(),
                sent_at=fields.get("notify_time"),
            )
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """The word that the platform's documents use; it sends the notification again."""
        del reason
        return Answer(status, b"fail")


def _encoding(body: bytes) -> str:
    """The encoding that the form names for itself; UTF-8 when it names none."""
    named = _CHARSET.search(body)
    charset = named[1].decode().lower() if named else "utf-8"
    if charset not in _ENCODINGS:
        raise RefusedError(Reason.MALFORMED, f"{_WHAT} names an encoding that Alipay has not.")
    return _ENCODINGS[charset]
