"""Signatures of chat robots, DingTalk and Feishu: pure functions, nothing is sent from here."""

import base64
import hmac
from urllib.parse import quote


def dingtalk_sign(secret: str, timestamp_ms: int) -> str:
    """The query parameter `sign` of a DingTalk robot, valid for an hour.

    Args:
        secret: the robot's secret (`SEC…`).
        timestamp_ms: epoch milliseconds, sent as the query parameter `timestamp`.

    Returns:
        Base64, **already URL-encoded**: put it into the URL as it is, not through `params=`.
    """
    digest = hmac.digest(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), "sha256")
    return quote(base64.b64encode(digest), safe="")


def feishu_sign(secret: str, timestamp_s: int) -> str:
    """The field `sign` in the body for a Feishu or Lark bot, valid for an hour.

    Args:
        secret: the bot's secret; with the time it is the key, the message is empty.
        timestamp_s: epoch seconds, sent as the text field `timestamp` of the body.

    Returns:
        Base64, 44 characters.
    """
    digest = hmac.digest(f"{timestamp_s}\n{secret}".encode(), b"", "sha256")
    return base64.b64encode(digest).decode()
