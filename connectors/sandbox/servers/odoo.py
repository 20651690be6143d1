"""Odoo's JSON-2 interface: what a shop plans by is read, and what it orders is written.

Checked: the bearer key, the database's name, that fields and operators exist. Domains are in Polish
notation, as Odoo's. Empty values are `false`, links `[id, name]`, times naive UTC. What is written
stands in `odoo_writes`; the option `lock_confirmed` locks confirmed purchase orders. Not simulated:
other methods, rights by record, currencies but CNY.
"""

import hmac
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.errors import InputError
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.odoo_models import MODELS, Record, records_of
from connectors.sandbox.servers.odoo_writes import Written
from connectors.sandbox.servers.retail import Retail

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda ours, given: bool(ours == given),
    "!=": lambda ours, given: bool(ours != given),
    ">": lambda ours, given: bool(ours > given),
    ">=": lambda ours, given: bool(ours >= given),
    "<": lambda ours, given: bool(ours < given),
    "<=": lambda ours, given: bool(ours <= given),
    "in": lambda ours, given: ours in given,
    "not in": lambda ours, given: ours not in given,
    "like": lambda ours, given: given in str(ours or ""),
}
_ARGUMENTS: Final = {
    "search_read": {"domain", "fields", "order", "limit", "offset", "context"},
    "search_count": {"domain", "context"},
    "fields_get": {"attributes", "allfields", "context"},
    "create": {"vals_list", "context"},
    "button_confirm": {"ids", "context"},
    "button_cancel": {"ids", "context"},
    "action_confirm": {"ids", "context"},
}


class _OdooError(Exception):
    """An error as Odoo writes it: the Python class's name and its message."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "name": name,
            "message": message,
            "arguments": [message],
            "context": {},
            "debug": f"Traceback (most recent call last): ... {name}: {message}",
        }


def routes(retail: Retail) -> list[Route]:
    """The only route of JSON-2."""
    server = _Server(retail)
    return [Route("/json/2/{model}/{method}", server.answer, methods=["POST"])]


class _Server:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._held: tuple[int, dict[str, list[Record]]] = (-1, {})
        self._written = Written(self._records)
        self._options = retail.options.setdefault("odoo", {"lock_confirmed": False})
        retail.written["odoo"] = self._written.described

    async def answer(self, request: Request) -> Response:
        """Answer one call, which is a transaction of its own."""
        body = await request.body()
        try:
            return _json(self._answered(request, body))
        except _OdooError as error:
            self._retail.counters[f"odoo.error.{error.status}"] += 1
            return _json(error.body, error.status)

    def _answered(self, request: Request, body: bytes) -> Any:
        self._check(request)
        if is_throttled(request):
            raise _OdooError(429, "werkzeug.exceptions.TooManyRequests", "Too Many Requests")
        if is_unavailable(request):
            raise _OdooError(503, "odoo.exceptions.ConcurrencyError", "Server is restarting")
        model, method = request.path_params["model"], request.path_params["method"]
        if model not in MODELS:
            raise _OdooError(404, "werkzeug.exceptions.NotFound", f"the model {model!r} is unknown")
        if method not in _ARGUMENTS:
            raise _OdooError(404, "werkzeug.exceptions.NotFound", f"no method {model}.{method}")
        arguments = _arguments(body, method)
        if method == "fields_get":
            return {name: {"type": kind} for name, kind in MODELS[model].items() if "." not in name}
        if method in ("create", "button_confirm", "button_cancel", "action_confirm"):
            return self._write(model, method, arguments)
        found = self._found(model, arguments)
        if method == "search_count":
            return len(found)
        page = _page(model, found, arguments)
        name_query(request, f"odoo {model}")
        self._retail.counters[f"odoo.{model}"] += len(page)
        return page

    def _check(self, request: Request) -> None:
        known = self._retail.credentials.odoo
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        good = hmac.compare_digest(key.encode(), known.api_key.encode())
        if kind.lower() != "bearer" or not good or "odoo" in self._retail.expired:
            raise _OdooError(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
        if request.headers.get("x-odoo-database", known.database) != known.database:
            raise _OdooError(401, "werkzeug.exceptions.Unauthorized", "Invalid database")
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise _OdooError(415, "werkzeug.exceptions.UnsupportedMediaType", "JSON expected")

    def _write(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        as_of = self._retail.as_of
        try:
            if method == "create":
                made = self._written.create(model, arguments.get("vals_list"), as_of)
                self._retail.counters[f"odoo.created.{model}"] += len(made)
                return made
            if method == "button_cancel" and model == "purchase.order":
                locks = bool(self._options["lock_confirmed"])
                return self._written.cancel(arguments.get("ids"), as_of, locks=locks)
            return self._written.confirm(model, method, arguments.get("ids"), as_of)
        except InputError as error:
            raise _OdooError(422, "odoo.exceptions.ValidationError", str(error)) from error
        except KeyError as error:
            raise _OdooError(404, "werkzeug.exceptions.NotFound", f"no method {method}") from error

    def _records(self, model: str) -> list[Record]:
        """The records of a model as they stand now: the world's and those that were written."""
        moment, held = self._held
        if moment != self._retail.as_of:
            held = {}
        if model not in held:
            held = {**held, model: records_of(self._retail.world, self._retail.as_of, model)}
        self._held = (self._retail.as_of, held)
        return [*held[model], *self._written.records(model, self._retail.as_of)]

    def _found(self, model: str, arguments: Mapping[str, Any]) -> list[Record]:
        fits = _matcher(model, arguments.get("domain", []))
        everything = (arguments.get("context") or {}).get("active_test") is False
        return [
            record
            for record in self._records(model)
            if (everything or record.get("active", True)) and fits(record)
        ]


def _arguments(body: bytes, method: str) -> dict[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise _OdooError(400, "werkzeug.exceptions.BadRequest", "could not parse the body as json")
    unknown = sorted(set(given) - _ARGUMENTS[method])
    if unknown:
        raise _OdooError(422, "builtins.TypeError", f"unexpected keyword argument {unknown[0]!r}")
    return given


def _page(model: str, found: list[Record], arguments: Mapping[str, Any]) -> list[Record]:
    asked = arguments.get("fields") or [name for name in MODELS[model] if "." not in name]
    for name in asked:
        if name not in MODELS[model]:
            raise _OdooError(500, "builtins.ValueError", f"Invalid field {name!r} on {model!r}")
    field, _, direction = str(arguments.get("order") or "id").partition(" ")
    if field not in MODELS[model] or direction not in ("", "asc", "desc"):
        raise _OdooError(500, "builtins.ValueError", f"Invalid order {arguments.get('order')!r}")
    ordered = sorted(found, key=lambda record: record[field], reverse=direction == "desc")
    start = int(arguments.get("offset") or 0)
    limit = arguments.get("limit")
    chosen = ordered[start : start + int(limit)] if limit else ordered[start:]
    return [
        {name: record[name] for name in {"id": None, **dict.fromkeys(asked)}} for record in chosen
    ]


def _matcher(model: str, domain: Any) -> Callable[[Record], bool]:
    """What a domain accepts: terms in Polish notation, joined by `&` where nothing is said."""
    if not isinstance(domain, list):
        raise _OdooError(422, "builtins.ValueError", f"Domain {domain!r} is not a list")
    wanted: list[Callable[[Record], bool]] = []
    for item in reversed(domain):
        if item in ("&", "|"):
            if len(wanted) < 2:
                raise _OdooError(422, "builtins.ValueError", f"Domain {domain!r} is malformed")
            first, second = wanted.pop(), wanted.pop()
            wanted.append(partial(_joined, first, second, item == "&"))
        elif item == "!":
            wanted.append(partial(_negated, wanted.pop()))
        else:
            wanted.append(_term(model, item))
    return lambda record: all(fits(record) for fits in wanted)


def _term(model: str, item: Any) -> Callable[[Record], bool]:
    if not isinstance(item, list) or len(item) != 3 or item[1] not in _COMPARE:
        raise _OdooError(422, "builtins.ValueError", f"Invalid domain term {item!r}")
    name, operator, given = item
    if name not in MODELS[model]:
        raise _OdooError(500, "builtins.ValueError", f"Invalid field {model}.{name} in condition")
    return partial(_compared, name, _COMPARE[operator], given)


def _compared(name: str, compare: Callable[[Any, Any], bool], given: Any, record: Record) -> bool:
    value = record[name]
    return compare(value[0] if isinstance(value, list) else value, given)


def _joined(
    first: Callable[[Record], bool], second: Callable[[Record], bool], both: bool, record: Record
) -> bool:
    return (first(record) and second(record)) if both else (first(record) or second(record))


def _negated(inner: Callable[[Record], bool], record: Record) -> bool:
    return not inner(record)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json; charset=utf-8")
