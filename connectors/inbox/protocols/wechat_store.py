"""WeChat Store pushes (消息推送): encrypted JSON, an SHA-1 of token, time, nonce and content.

Neither the encrypted nor the decrypted message is ever logged or part of a refusal's sentence.
"""

from collections.abc import Mapping

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
    forged,
    json_payload,
    require_near,
    text_of,
)
from connectors.sources.wechat_store.signing import decrypt_push, push_signature

_WHAT = "The WeChat Store push"


class WeChatStorePushes(PushProtocol):
    """WeChat wants to read `success` within five seconds; it sends again three times otherwise."""

    needs = ("push_token", "push_aes_key", "appid")
    accepted = Answer(200, b"success")

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: what was encrypted, as it is."""
        _, parsed, _ = json_payload(push.body)
        encrypted = text_of(parsed, "Encrypt")
        _verify(push.query, "msg_signature", account, encrypted)
        require_near(push.query.get("timestamp", ""), push, account, _WHAT)
        try:
            message, appid = decrypt_push(account.secrets["push_aes_key"], encrypted)
        except (PermanentError, ContractError) as error:
            # It is WeChat's: refused, so that it comes again when the key is right.
            raise RefusedError(
                Reason.MISCONFIGURED, f"{_WHAT} can't be decrypted; check its EncodingAESKey."
            ) from error
        if not equal(account.secrets["appid"], appid):
            raise RefusedError(
                Reason.WRONG_ACCOUNT,
                f"{_WHAT} is meant for another shop; correct the address it is sent to.",
            )
        payload, content, read_error = json_payload(message)
        return [
            Received(
                topic=text_of(content, "Event"),
                # The same message is encrypted anew each time that it is sent.
                dedupe_key=content_key(message),
                payload=payload,
                sent_at=text_of(content, "CreateTime") or None,
                read_error=read_error,
            )
        ]

    def greet(self, query: Mapping[str, str], account: InboxAccount) -> Answer:
        """WeChat tries an address before it takes it: what it sends is what it wants to read."""
        _verify(query, "signature", account)
        return Answer(200, query.get("echostr", "").encode())

    def refused(self, reason: Reason, status: int) -> Answer:
        """Any other word; WeChat sends the push again."""
        return Answer(status, reason.encode())


def _verify(query: Mapping[str, str], name: str, account: InboxAccount, *parts: str) -> None:
    signed = (query.get("timestamp", ""), query.get("nonce", ""), *parts)
    expected = push_signature(account.secrets["push_token"], *signed)
    if not equal(expected, query.get(name, "")):
        raise forged(_WHAT)
