"""Douyin pushes (抖店消息推送): a list of messages, an MD5 of key, body and secret in a header."""

from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    content_key,
    equal,
    forged,
    json_answer,
    json_elements,
    json_payload,
    text_of,
)
from connectors.sources.douyin.signing import push_signature


class DouyinPushes(PushProtocol):
    """Douyin wants to read code 0; it signs no time, so a replay is only a duplicate."""

    needs = ("app_key", "app_secret")
    accepted = json_answer(200, {"code": 0, "msg": "success"})

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """Each element of the list is a message; `tag` says which kind, `msg_id` which one."""
        secrets = account.secrets
        expected = push_signature(secrets["app_key"], secrets["app_secret"], push.body)
        if not equal(expected, push.headers.get("event-sign", "").lower()):
            raise forged("The Douyin push")
        payload, parsed, read_error = json_payload(push.body)
        if read_error or not isinstance(parsed, list):
            return [_message(payload, parsed, read_error)]
        return [
            _message(text, message, None)
            for text, message in zip(json_elements(payload), parsed, strict=True)
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """Any code but 0; the platform sends the push again."""
        return json_answer(status, {"code": status, "msg": reason})


def _message(payload: str, parsed: object, read_error: str | None) -> Received:
    identifier = text_of(parsed, "msg_id")
    # The content is part of the key: ids of different tags are not known to be different.
    return Received(
        topic=text_of(parsed, "tag"),
        dedupe_key=f"{identifier}:{content_key(payload)[:16]}".lstrip(":"),
        payload=payload,
        read_error=read_error,
    )
