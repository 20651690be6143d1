"""SF Express route pushes: a digest where SF sends one, else a token in the registered address.

The documents at hand name no signature of route pushes (UNVERIFIED, platforms.md section 10). The
address that is registered with SF therefore ends in `?token=…`, and a push without that token is
refused. A push that carries `msgDigest` and `timestamp` must fit the check word instead.
"""

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
    json_payload,
)
from connectors.sources.sf_express.signing import sign

_WHAT = "The SF Express push"


class SFExpressPushes(PushProtocol):
    """SF wants to read return code 0000."""

    needs = ("push_token",)
    may_have = ("check_word",)
    accepted = json_answer(200, {"return_code": "0000", "return_msg": "成功"})

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: the body as it is, with one or more routes."""
        if not equal(account.secrets["push_token"], push.query.get("token", "")):
            raise forged(_WHAT)
        digest = push.headers.get("msgdigest") or push.query.get("msgDigest")
        if digest is not None and "check_word" in account.secrets:
            _verify_digest(digest, push, account)
        payload, _, read_error = json_payload(push.body)
        return [
            Received(
                topic="route",
                dedupe_key=content_key(push.body),
                payload=payload,
                read_error=read_error,
            )
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """Any return code but 0000; SF sends the push again."""
        return json_answer(status, {"return_code": "1000", "return_msg": reason})


def _verify_digest(digest: str, push: Push, account: InboxAccount) -> None:
    stamp = push.headers.get("timestamp") or push.query.get("timestamp", "")
    text = push.body.decode("utf-8", errors="replace")
    if not equal(sign(text, stamp, account.secrets["check_word"]), digest):
        raise forged(_WHAT)
