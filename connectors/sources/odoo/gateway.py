"""Calls to Odoo's external JSON-2 interface (version 19 and newer), and what its refusals mean.

Each call is a transaction of its own, so pages are asked by the greatest id seen: what changes
between two of them moves no record to another page.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson
from pydantic import Field, SecretStr

from connectors.errors import ContractError, FourflowError, PermanentError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig, EncryptedUrl

_SHOWN: Final = 200
_READS: Final = ("search_read", "search_count", "fields_get")
Term = list[Any] | str


class OdooAccount(AccountConfig):
    """One database of an Odoo server."""

    base_url: EncryptedUrl = Field(
        description="Address of the server, such as https://my-firm.odoo.com."
    )
    api_key: SecretStr = Field(
        description="Key of a user who may read stock, purchases and contacts; lives 3 months."
    )
    database: str | None = Field(
        default=None, min_length=1, description="Its name, where the server has several."
    )
    page_size: int = Field(default=500, ge=1, description="Records asked for in one call.")
    requests_per_second: float = Field(
        default=5.0, gt=0, description="Most calls a second; people work on the same server."
    )


class Gateway:
    """The calls of one account."""

    def __init__(self, account: OdooAccount, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def fields(self, model: str, wanted: Sequence[str]) -> dict[str, str]:
        """Those of the wanted fields that this version's model has, with their types.

        Raises:
            ContractError: it has no `write_date`, so it is no model that is stored.
        """
        known = self.call(model, "fields_get", {"attributes": ["type"]})
        if not isinstance(known, dict) or "write_date" not in known:
            raise ContractError(
                f"{self.client.place} tells no fields of {model}; check that base_url is the "
                "server itself and that its version is 19 or newer."
            )
        return {name: str(known[name].get("type")) for name in wanted if name in known}

    def records(
        self, model: str, domain: Sequence[Term], fields: Mapping[str, str]
    ) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """All records of a domain, archived ones too, by pages in the order of their ids.

        Yields:
            The id that the page begins after, and its records; what is empty is None.

        Raises:
            TransientError: a page held what was not asked for.
        """
        last = 0
        while True:
            page = self.call(
                model,
                "search_read",
                {
                    "domain": [["id", ">", last], *domain],
                    "fields": list(fields),
                    "order": "id asc",
                    "limit": self._account.page_size,
                    "context": {"active_test": False, "tz": "UTC"},
                },
            )
            numbers = [r.get("id") for r in page] if _are_records(page) else [None]
            if any(
                not isinstance(number, int) or number <= before
                for before, number in zip([last, *numbers], numbers, strict=False)
            ):
                raise TransientError(
                    f"{self.client.place} answered {model} after id {last} with other records than "
                    "were asked for; the cursor stays, so try again later."
                )
            if page:
                yield last, [_without_false(record, fields) for record in page]
            if len(page) < self._account.page_size:
                return
            last = numbers[-1]

    def count(self, model: str) -> int:
        """How many active records a model has."""
        return int(self.call(model, "search_count", {"domain": []}))

    def call(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        """One call, which is a transaction of its own; the bare value of its answer.

        Raises:
            TransientError: may succeed later.
            PermanentError: Odoo refuses; the sentence says what to do.
        """
        what = f"{model}.{method}"
        url = f"{self._account.base_url.rstrip('/')}/json/2/{quote(model)}/{method}"

        def build() -> httpx.Request:
            headers = {
                "authorization": f"bearer {self._account.api_key.get_secret_value()}",
                "content-type": "application/json; charset=utf-8",
                "user-agent": "fourflow",
            }
            if self._account.database:
                headers["x-odoo-database"] = self._account.database
            return httpx.Request("POST", url, headers=headers, content=orjson.dumps(arguments))

        def judge(response: httpx.Response) -> Any:
            if response.is_redirect:
                raise PermanentError(
                    f"{self.client.place} sends {what} on to another address; set base_url to the "
                    "server's final address."
                )
            if response.is_client_error:
                raise _refusal(self.client.place, what, response)
            return self.client.json(what, response, exact=True)

        return self.client.call(what, build, judge, is_write=method not in _READS)


def _are_records(page: Any) -> bool:
    return isinstance(page, list) and all(isinstance(record, dict) for record in page)


def _without_false(record: dict[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Odoo writes `false` for whatever is empty; only a boolean means it."""
    return {
        name: None if value is False and fields.get(name) != "boolean" else value
        for name, value in record.items()
    }


def _refusal(place: str, what: str, response: httpx.Response) -> FourflowError:
    try:
        told = orjson.loads(response.content)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    reason = " ".join(str(told.get("message") or "no reason given").split())[:_SHOWN]
    start = f"{place} refused {what} with status {response.status_code}: {reason}"
    if response.status_code in (408, 425):
        return TransientError(f"{start}; it will be tried again.")
    advice = {
        401: "set a new `api_key`, because keys live three months, and check `database`",
        403: "let the key's user read it (or write it), in Odoo under Settings, Users",
        404: "install the app that it belongs to, or check base_url and that Odoo is 19 or newer",
    }.get(response.status_code, "report it, because this connector asked for what isn't there")
    return PermanentError(f"{start}; {advice}.")
