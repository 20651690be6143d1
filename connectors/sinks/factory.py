"""Makes the sinks that the settings switch on."""

import importlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from connectors.configuration import load_configuration
from connectors.errors import InputError
from connectors.settings import Settings
from connectors.sinks.base import Receipt, Sink
from connectors.sinks.email import EmailSink
from connectors.sinks.jsonl import JsonLinesSink
from connectors.sinks.platform import PlatformSink, find_platform
from connectors.sinks.webhook import WebhookSink


def sinks_from_settings(settings: Settings) -> dict[str, Sink]:
    """The sinks by name: the JSON-lines file always, the others when they are set.

    Webhook, e-mail and chat are set by settings, business systems by fourflow.yml. Unless the sinks
    are live (`live_sinks`; by default only in production), what would leave this machine is written
    to `dry-run.jsonl` instead, under the same keys; what the real sink would refuse is refused.

    Raises:
        InputError: a sink's URL, secret or address is missing or of no use.
    """
    sinks: dict[str, Sink] = {"jsonl": JsonLinesSink(settings.outbox_path)}
    if settings.webhook_url:
        if not settings.webhook_secret:
            raise InputError(
                "The webhook has a URL and no signing secret; set FOURFLOW_WEBHOOK_SECRET, or "
                "the variable that `sinks.webhook.secret` in fourflow.yml names, to whsec_ "
                "followed by base64 that the receiver knows."
            )
        sinks["webhook"] = WebhookSink(
            settings.webhook_url,
            settings.webhook_secret,
            require_https=settings.environment == "production",
        )
    if settings.email_url:
        sinks["email"] = EmailSink(settings.email_url, settings.email_from, settings.email_to)
    if settings.chat_url:
        # Imported only here: Apprise takes long.
        sinks["chat"] = importlib.import_module("connectors.sinks.chat").ChatSink(settings.chat_url)
    configuration = load_configuration(settings)
    if configuration.target_problems:
        raise InputError(configuration.target_problems[0])
    for name, accounts in configuration.targets.items():
        connect = find_platform(name).connect
        makers = {account: partial(connect, account, keys) for account, keys in accounts.items()}
        sinks[name] = PlatformSink(name, makers)
    if is_live(settings):
        return sinks
    rehearsed = settings.outbox_path.with_name("dry-run.jsonl")
    return {
        name: sink if name == "jsonl" else RehearsedSink(rehearsed, sink)
        for name, sink in sinks.items()
    }


class RehearsedSink(JsonLinesSink):
    """Writes down what a sink would have sent, and refuses what that sink would refuse."""

    def __init__(self, path: Path, sink: Sink) -> None:
        super().__init__(path, name=sink.name)
        self._sink = sink

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Check and write; nobody is asked and nothing leaves this machine."""
        if isinstance(self._sink, PlatformSink):
            self._sink.check(key, payload)
        return super().deliver(key, payload)


def is_live(settings: Settings) -> bool:
    """Whether decisions may leave this machine."""
    if settings.live_sinks == "auto":
        return settings.environment == "production"
    return settings.live_sinks == "yes"
