"""Makes the sinks that the settings switch on."""

import importlib

from connectors.errors import InputError
from connectors.settings import Settings
from connectors.sinks.base import Sink
from connectors.sinks.email import EmailSink
from connectors.sinks.jsonl import JsonLinesSink
from connectors.sinks.webhook import WebhookSink


def sinks_from_settings(settings: Settings) -> dict[str, Sink]:
    """The sinks by name: the JSON-lines file always; webhook, e-mail and chat when they are set.

    Unless the sinks are live (`live_sinks`; by default only in production), what would leave this
    machine is written to `dry-run.jsonl` instead, under the same keys.

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
    if is_live(settings):
        return sinks
    rehearsed = settings.outbox_path.with_name("dry-run.jsonl")
    return {
        name: sink if name == "jsonl" else JsonLinesSink(rehearsed, name=name)
        for name, sink in sinks.items()
    }


def is_live(settings: Settings) -> bool:
    """Whether decisions may leave this machine."""
    if settings.live_sinks == "auto":
        return settings.environment == "production"
    return settings.live_sinks == "yes"
