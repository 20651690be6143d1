"""Sends decisions to chats through Apprise: WeCom, DingTalk, Feishu, Slack and a hundred more.

Robots take no idempotency key and tell only whether it worked, so a message whose fate is unknown
is not sent again by itself.
"""

from collections.abc import Mapping
from typing import Any, Literal

from apprise import Apprise

from connectors.errors import InputError, UnknownOutcomeError
from connectors.sinks.base import Receipt
from connectors.sinks.texts import headline, paragraphs


class ChatSink:
    """One chat, by its Apprise URL such as `wecombot://KEY` or `dingtalk://TOKEN`."""

    is_unrepeatable: Literal[True] = True

    def __init__(self, url: str) -> None:
        self._chat = Apprise()
        if not self._chat.add(url):
            raise InputError(
                "FOURFLOW_CHAT_URL is not a chat that Apprise knows; write it as its service "
                "says, such as wecombot://KEY or dingtalk://TOKEN."
            )

    @property
    def name(self) -> str:
        """The name that rules use."""
        return "chat"

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Send one message."""
        if not self._chat.notify(title=headline(payload), body="\n".join(paragraphs(payload)[1:])):
            raise UnknownOutcomeError(
                "The chat did not confirm the message; look there before it is sent again "
                "(its key and token stand in FOURFLOW_CHAT_URL)."
            )
        return Receipt("accepted", {"key": key})
