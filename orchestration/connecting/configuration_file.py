"""Writes a commented `fourflow.yml`; what its keys mean comes from the models that read it."""

import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from connectors.configuration import (
    FILES,
    Business,
    ConfigurationFile,
    FilesEntry,
    PlatformEntry,
    Policies,
    Schedules,
)
from connectors.declarations import without_none
from connectors.errors import InputError
from connectors.sinks.declared import Webhook
from connectors.sources.api.connector import Connector

_WIDTH = 96
_HEADER = """\
# What this installation of Fourflow reads, when, and where decisions go.
#
# Secrets never stand here: {env: NAME} names the environment variable that holds one (or the line
# of the file that FOURFLOW_SECRETS_FILE names). Lines with a # before a key show its default.
# `fourflow doctor` checks this file, `fourflow connector check NAME` tries a platform.
"""
_FILES_EXAMPLE = """\
  # A folder of files that dbt_project/models/staging/tmall describes:
  # tmall:
  #   connector: files
  #   path: /exports/tmall
"""


@dataclass(frozen=True)
class FilesDraft:
    """A source of files to be written."""

    name: str
    path: str
    source: str | None = None


@dataclass(frozen=True)
class PlatformDraft:
    """A platform to be written; `accounts` holds what is known of each, the rest is by default.

    A value is plain text, or `{"env": NAME}`.
    """

    name: str
    connector: Connector
    accounts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Draft:
    """A `fourflow.yml` to be written."""

    business: Business = field(default_factory=Business)
    sources: tuple[FilesDraft | PlatformDraft, ...] = ()
    webhook: Webhook | None = None


def write_configuration(path: Path, draft: Draft, *, overwrite: bool = False) -> None:
    """Write the file whole or not at all.

    Raises:
        InputError: there is one already, and `overwrite` was not asked for.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} is there already; edit it, or write it anew with --force.")
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(path, render_configuration(draft))


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".tmp")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def update_accounts(path: Path, draft: Draft) -> None:
    """Give the accounts of platforms that are in a file the values of a draft; all else stays.

    Comments, other entries and other keys are not touched, and what somebody took out of the file
    is not put back. A file that is no YAML is left to whoever reads it, who says where it is wrong.
    """
    text = path.read_text(encoding="utf-8")
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return
    changes: list[tuple[int, int, str]] = []
    for source in draft.sources:
        if not isinstance(source, PlatformDraft):
            continue
        for account, values in source.accounts.items():
            entry = _node(document, "sources", source.name, "accounts", account)
            for key, value in values.items():
                node = _node(entry, key)
                if isinstance(node, yaml.ScalarNode) and not isinstance(value, Mapping):
                    changes.append((node.start_mark.index, node.end_mark.index, _scalar(value)))
    for start, end, value in sorted(changes, reverse=True):
        text = text[:start] + value + text[end:]
    _write_whole(path, text)


def _node(node: yaml.Node | None, *place: str) -> yaml.Node | None:
    for name in place:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == name), None)
    return node


def render_configuration(draft: Draft) -> str:
    """The text of a `fourflow.yml`, a comment above every key."""
    fields = ConfigurationFile.model_fields
    lines = _HEADER.splitlines()

    def section(name: str) -> None:
        lines.extend(["", *_comment(fields[name].description, 0), f"{name}:"])

    section("business")
    lines += _model_lines(Business, draft.business.model_dump(), 2)
    section("schedules")
    lines += _model_lines(Schedules, Schedules().model_dump(), 2)
    section("sources")
    for source in draft.sources:
        lines += ["", *_source_lines(source)]
    if not draft.sources:
        lines += _FILES_EXAMPLE.splitlines()
    section("sinks")
    lines += _webhook_lines(draft.webhook)
    section("policies")
    lines += _model_lines(Policies, Policies().model_dump(), 2)
    return "\n".join(lines) + "\n"


def variable_name(*parts: str) -> str:
    """The usual name of the variable with a secret: `TAOBAO_APP_SECRET`."""
    text = "_".join(parts).upper()
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text)


def is_secret(annotation: Any) -> bool:
    """Whether a key of an account holds a secret."""
    return without_none(annotation) is SecretStr


def _source_lines(source: FilesDraft | PlatformDraft) -> list[str]:
    if isinstance(source, FilesDraft):
        values = {"connector": FILES, "path": source.path, "source": source.source}
        title = _comment("Files.", 2)
        return [*title, f"  {source.name}:", *_model_lines(FilesEntry, values, 4)]
    title = _comment(f"{source.connector.title}.", 2)
    values = {"connector": source.connector.name}
    lines = [*title, f"  {source.name}:", *_model_lines(PlatformEntry, values, 4)]
    for account, given in source.accounts.items():
        lines += ["", *_comment("An account.", 6), f"      {_scalar(account)}:"]
        lines += _account_lines(source, given)
    return lines


def _account_lines(source: PlatformDraft, given: Mapping[str, Any]) -> list[str]:
    values = dict(given)
    for name, key in source.connector.config.model_fields.items():
        if name not in values and (key.is_required() or is_secret(key.annotation)):
            values[name] = {"env": variable_name(source.name, name)}
    keys = source.connector.config.model_fields
    needed = [name for name in keys if keys[name].is_required() or name in given]
    return _model_lines(
        source.connector.config, values, 8, given=set(given), order=[*needed, *keys]
    )


def _webhook_lines(webhook: Webhook | None) -> list[str]:
    shown = webhook or Webhook.model_validate(
        {"url": "https://example.com/hook", "secret": {"env": "WEBHOOK_SECRET"}}
    )
    lines = [
        *_comment("Posts every decision, signed as Standard Webhooks.", 2),
        "  webhook:",
        *_model_lines(Webhook, shown.model_dump(), 4),
    ]
    return lines if webhook else [f"  # {line[2:]}" for line in lines]


def _model_lines(
    model: type[BaseModel],
    values: Mapping[str, Any],
    indent: int,
    *,
    given: set[str] | None = None,
    order: Iterable[str] = (),
) -> list[str]:
    """Every key of a model with its comment; keys without a value commented out with the default.

    Args:
        model: whose keys.
        values: by key.
        indent: columns before a key.
        given: keys whose value counts although the key is optional; default: all with a value.
        order: names of keys; those first that are first here.
    """
    lines: list[str] = []
    space = " " * indent
    for name in dict.fromkeys([*order, *model.model_fields]):
        key = model.model_fields[name]
        lines += _comment(key.description, indent)
        value = values.get(name)
        if key.is_required():
            lines.append(f"{space}{name}:{_after_colon(value)}")
        elif value in (None, "") or (given is not None and name not in given):
            shown = key.default if value is None else value
            lines.append(f"{space}# {name}:{_after_colon(shown)}")
        else:
            lines.append(f"{space}{name}:{_after_colon(value)}")
    return lines


def _after_colon(value: Any) -> str:
    return "" if value in (None, "") else f" {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_scalar(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_scalar(part) for part in value) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = yaml.safe_dump(value, allow_unicode=True, width=10_000).strip()
    if isinstance(value, str) and (text.startswith("'") or "*" in value):
        return json.dumps(value, ensure_ascii=False)
    return text.removesuffix("...").strip()


def _comment(text: str | None, indent: int) -> list[str]:
    prefix = " " * indent + "# "
    return textwrap.wrap(text or "", _WIDTH, initial_indent=prefix, subsequent_indent=prefix)
