"""Which accounts receive pushes: those of fourflow.yml that have what their protocol needs."""

from collections.abc import Iterable

from pydantic import BaseModel, SecretStr

from connectors.configuration import Configuration
from connectors.inbox.protocol import InboxAccount
from connectors.inbox.protocols.registry import PROTOCOLS


def inbox_accounts(configuration: Configuration) -> list[InboxAccount]:
    """The accounts of a configuration that can receive pushes."""
    accounts = (
        inbox_account(source.name, name, source.connector, config)
        for source in configuration.sources.values()
        if source.connector in PROTOCOLS
        for name, config in source.accounts.items()
    )
    return [account for account in accounts if account is not None]


def inbox_account(source: str, account: str, kind: str, config: BaseModel) -> InboxAccount | None:
    """One account with its secrets; None when it lacks one that its protocol needs."""
    protocol = PROTOCOLS[kind]
    secrets = _values(config, (*protocol.needs, *protocol.may_have))
    if any(name not in secrets for name in protocol.needs):
        return None
    return InboxAccount(source, account, kind, secrets)


def _values(config: BaseModel, names: Iterable[str]) -> dict[str, str]:
    values = {}
    for name in names:
        value = getattr(config, name, None)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text:
            values[name] = str(text)
    return values
