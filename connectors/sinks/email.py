"""Sends decisions by e-mail (SMTP), to the address that the action names or to a default one.

A payload whose data hold a `mail` (see `Mail`) is sent as that says: text, HTML and attachments.

SMTP takes no idempotency key and can't be asked, so a message whose fate is unknown is not sent
again by itself. The Message-ID is made of the key: a person can look for it in the mailbox.
"""

import base64
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Literal, TypedDict
from urllib.parse import unquote, urlsplit

from connectors.errors import InputError, PermanentError, TransientError, UnknownOutcomeError
from connectors.sinks.base import Receipt
from connectors.sinks.texts import decided_at, headline, paragraphs

_PORTS = {"smtp": 587, "smtps": 465}


class Attachment(TypedDict):
    """A file of a mail."""

    name: str
    media_type: str
    base64: str


class Mail(TypedDict):
    """A mail as it is sent.

    Attributes:
        email: whom to.
        unsubscribe_url: the address that ends these mails with one request (RFC 8058).
    """

    email: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str
    attachments: list[Attachment]


class EmailSink:
    """One connection a message; `smtp://` upgrades to TLS unless the host is this machine."""

    is_unrepeatable: Literal[True] = True

    def __init__(
        self, url: str, sender: str, default_recipient: str, *, timeout_seconds: float = 20.0
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise InputError(
                "FOURFLOW_EMAIL_URL is not a mail server; write it as "
                "smtp://user:password@host:587 or smtps://user:password@host:465."
            )
        for name, address in (("FROM", sender), ("TO", default_recipient)):
            if not is_address(address):
                raise InputError(f"FOURFLOW_EMAIL_{name} is not an e-mail address; set it.")
        self._url = parts
        self._host = parts.hostname
        self._sender = sender
        self._recipient = default_recipient
        self._timeout = timeout_seconds

    @property
    def name(self) -> str:
        """The name that rules use."""
        return "email"

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Send one message."""
        message = self._message(key, payload)
        server = self._connect()
        try:
            refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise PermanentError(
                f"The mail server {self._host} refused the recipient of {message['To']}; correct "
                "the address."
            ) from error
        except smtplib.SMTPResponseException as error:
            raise self._answer(error) from error
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise UnknownOutcomeError(
                f"The mail server {self._host} hung up while the message was sent; look for "
                f"{message['Message-ID']} in the mailbox before it is sent again."
            ) from error
        finally:
            server.close()
        detail = {"message_id": message["Message-ID"], "answer": server.answer}
        return Receipt("accepted", {**detail, "refused": len(refused)})

    def _message(self, key: str, payload: Mapping[str, Any]) -> EmailMessage:
        mail = payload.get("data", {}).get("mail")
        fields = mail or payload.get("data", {}).get("action", {}).get("fields", {})
        recipient = str(fields.get("email") or self._recipient)
        if not is_address(recipient):
            raise PermanentError(
                f"The action's field email is no e-mail address ({recipient!r}); correct the rule."
            )
        message = EmailMessage()
        message["From"], message["To"] = self._sender, recipient
        message["Subject"] = mail["subject"] if mail else headline(payload)
        message["Date"] = format_datetime(decided_at(payload))
        message["Message-ID"] = f"<{key}@fourflow>"
        if mail:
            _fill(message, mail)
        else:
            message.set_content("\n\n".join(paragraphs(payload)))
        return message

    def _connect(self) -> "_Server":
        port = self._url.port or _PORTS[self._url.scheme]
        context = ssl.create_default_context()
        try:
            if self._url.scheme == "smtps":
                server: _Server = _SecureServer(
                    self._host, port, timeout=self._timeout, context=context
                )
            else:
                server = _Server(self._host, port, timeout=self._timeout)
                if self._host not in ("localhost", "127.0.0.1", "::1"):
                    server.starttls(context=context)
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
        except smtplib.SMTPAuthenticationError as error:
            raise PermanentError(
                f"The mail server {self._host} refused user or password; correct "
                "FOURFLOW_EMAIL_URL."
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise TransientError(
                f"The mail server {self._host} could not be reached ({type(error).__name__}); it "
                "will be tried again."
            ) from error
        return server

    def _answer(self, error: smtplib.SMTPResponseException) -> TransientError | PermanentError:
        """A refusal in the server's own words is clear: nothing was accepted."""
        if 400 <= error.smtp_code < 500:
            return TransientError(
                f"The mail server {self._host} put the message off ({error.smtp_code}); it will "
                "be tried again."
            )
        return PermanentError(
            f"The mail server {self._host} refused the message ({error.smtp_code}); correct "
            "sender, recipient or text."
        )


class _Server(smtplib.SMTP):
    """A connection that keeps the words with which the message was accepted.

    Most servers tell in them under which number they go on delivering it.
    """

    answer = ""

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Hand over the message; returns the server's answer."""
        code, words = super().data(msg)
        self.answer = f"{code} {words.decode(errors='replace')}"
        return code, words


class _SecureServer(_Server, smtplib.SMTP_SSL):
    """The same over TLS from the beginning."""


def _fill(message: EmailMessage, mail: Mail) -> None:
    """Text for whoever reads no HTML, the HTML, then the files."""
    message["List-Unsubscribe"] = f"<{mail['unsubscribe_url']}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail["text"])
    message.add_alternative(mail["html"], subtype="html")
    for one in mail["attachments"]:
        kind, _, subtype = one["media_type"].partition("/")
        content = base64.b64decode(one["base64"])
        message.add_attachment(content, maintype=kind, subtype=subtype, filename=one["name"])


def is_address(text: str) -> bool:
    """Whether a text is one e-mail address."""
    address = parseaddr(text)[1]
    return "@" in address.strip("@") and not set(text) & set("\r\n")
