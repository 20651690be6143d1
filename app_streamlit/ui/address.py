"""What a viewer chose, kept in the address of the page so that it can be shared and bookmarked.

Widgets are not bound to the URL by Streamlit's `bind`: it writes the labels of options, which here
change with the language. The choices live as plain strings under one session key; widgets take
their value from there and give it back.
"""

from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import urlsplit

import streamlit as st

from orchestration.metrics.questions import NOTHING, listed

KEYS = (
    "lang",
    "as_of",
    "business",
    "channel",
    "period",
    "from",
    "to",
    "funnel",
    "step",
    "outcome",
    "order",
    "segment",
    "pair",
    "view",
    "since",
    "open",
    "journey",
    "bucket",
    "shop",
    "state",
    "category",
    "sku",
    "cut",
    "model",
    "rule",
    "form",
    "owner",
    "decision",
    "kind",
    "exception",
    "day",
    "metric",
    "by",
    "grain",
    "chart",
    "filter",
    "tour",
)
# Choices that belong to some pages only; any other page forgets them.
OWNERS = {
    "funnel": ("funnel", "orders"),
    "step": ("orders",),
    "outcome": ("orders",),
    "order": ("orders",),
    "segment": ("customers",),
    "pair": ("customers",),
    "since": ("health",),
    "open": ("orders",),
    "journey": ("journeys",),
    "bucket": ("reconciliation",),
    "process": ("process",),
    "shop": ("stock", "risk", "parcels", "customers"),
    "state": ("stock",),
    "category": ("stock",),
    "sku": ("stock",),
    "cut": ("parcels", "customers"),
    "model": ("risk",),
    "rule": ("rules", "decisions"),
    "form": ("forms",),
    "owner": ("decisions", "exceptions"),
    "kind": ("exceptions",),
    "exception": ("exceptions",),
    "day": ("reconciliation",),
    "decision": ("decisions",),
    "view": (
        "overview",
        "channels",
        "customers",
        "reconciliation",
        "decisions",
        "exceptions",
        "rules",
        "health",
        "definitions",
        "stock",
        "risk",
        "parcels",
        "aftersales",
    ),
    "metric": ("explore",),
    "by": ("explore",),
    "grain": ("explore",),
    "chart": ("explore",),
    "filter": ("explore",),
}
_CHOICES = "_address"
_LEAVING = "_address_leaving"
_ENTERED = "_address_entered"
_SEEN = "_address_seen"
_PAGE = "_address_page"
_LAST = "_last_chosen"


def load() -> None:
    """Take over what the URL says; call once at the top of the router."""
    choices: dict[str, str] = st.session_state.setdefault(_CHOICES, {})
    seen: dict[str, str] = st.session_state.setdefault(_SEEN, {})
    path = urlsplit(st.context.url or "").path
    same_page = st.session_state.get(_PAGE) == path
    for key in KEYS:
        value = st.query_params.get(key)
        if value is not None and value != seen.get(key):
            _choose(choices, key, value)
        elif value is None and key in seen and same_page:
            _choose(choices, key, "")  # the browser's Back button
    st.session_state[_PAGE] = path


def enter(page: str) -> None:
    """Forget the choices that belong to other pages than this one."""
    for key, pages in OWNERS.items():
        if page not in pages:
            put(**{key: ""})
    if st.session_state.get(_ENTERED) not in (page, None):
        put(view="")
        # A widget of an earlier visit must not outvote what a link has just chosen.
        for key in [k for k in st.session_state if str(k).endswith(_LAST)]:
            del st.session_state[key]
    st.session_state[_ENTERED] = page


def leave() -> None:
    """The run ends by opening another page: that page writes its own address."""
    st.session_state[_LEAVING] = True


def save() -> None:
    """Write the choices to the URL; call once at the end of the run."""
    if st.session_state.pop(_LEAVING, False):
        return
    choices = params()
    foreign = {k: st.query_params[k] for k in st.query_params if k not in KEYS}
    current = {k: st.query_params[k] for k in st.query_params}
    wanted = {**foreign, **choices}
    if current != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[_SEEN] = choices


def get(key: str, default: str = "") -> str:
    """One choice, or the default when the viewer made none."""
    choices: dict[str, str] = st.session_state.setdefault(_CHOICES, {})
    return choices.get(key, default)


def put(**values: str) -> None:
    """Set choices (an empty text takes one back); widgets follow in the next run."""
    choices: dict[str, str] = st.session_state.setdefault(_CHOICES, {})
    for key, value in values.items():
        _choose(choices, key.rstrip("_"), value)


def params() -> dict[str, str]:
    """All choices, for a link that keeps them."""
    choices: dict[str, str] = st.session_state.setdefault(_CHOICES, {})
    return {key: choices[key] for key in KEYS if choices.get(key)}


def _choose(choices: dict[str, str], key: str, value: str) -> None:
    if value:
        choices[key] = value
    else:
        choices.pop(key, None)


def choice(
    key: str,
    options: Sequence[str],
    default: str,
    widget: Callable[[str], str | None],
    *,
    variant: str = "",
) -> str:
    """Show a widget for one choice, keep the choice in the address, and return it.

    Args:
        key: which choice.
        options: what may be chosen; a choice that is not among them falls back to the default.
        default: the option that is not written to the URL.
        widget: draws the widget under the session key that it is given.
        variant: changes with the labels of the options (language, business), so that the browser
            gets a new widget instead of one with stale labels.
    """
    wanted = get(key, default)
    current = next((option for option in options if option == wanted), default)
    widget_key = f"{key}_widget_{variant}"
    last = f"_{widget_key}{_LAST}"
    if st.session_state.get(last) != current or widget_key not in st.session_state:
        st.session_state[widget_key] = current
    chosen = widget(widget_key) or default
    if chosen != current or current != wanted:  # what a link says stays as it is
        put(**{key: "" if chosen == default else chosen})
    st.session_state[last] = chosen
    return chosen


def several(
    key: str,
    options: Sequence[str],
    default: Sequence[str],
    widget: Callable[[str], Sequence[str]],
    *,
    variant: str = "",
) -> list[str]:
    """As `choice`, for a widget that chooses several options, in the order they were chosen.

    Args:
        key: which choice.
        options: what may be chosen; what a link names besides is left out.
        default: what is chosen where the address says nothing; not written to the URL.
        widget: draws the widget under the session key that it is given.
        variant: changes with the labels of the options.
    """
    current = [one for one in listed(get(key), default) if one in options]
    widget_key = f"{key}_widgets_{variant}"
    last = f"_{widget_key}_last"
    if st.session_state.get(last) != current or widget_key not in st.session_state:
        st.session_state[widget_key] = current
    chosen = list(widget(widget_key))
    if chosen != current:
        put(**{key: "" if chosen == list(default) else ",".join(chosen) or NOTHING})
    st.session_state[last] = chosen
    return chosen


def switch(
    key: str,
    options: Sequence[str],
    default: str,
    *,
    label: str,
    format_func: Callable[[str], str],
    variant: str = "",
    label_visibility: Literal["visible", "collapsed"] = "collapsed",
) -> str:
    """A `choice` between few options, all of them in sight.

    Args:
        key: which choice.
        options: what may be chosen.
        default: the option that is not written to the URL.
        label: what is chosen, for people who can't see it either.
        format_func: the words of an option.
        variant: see `choice`.
        label_visibility: whether the label is drawn.
    """
    return choice(
        key,
        options,
        default,
        lambda widget_key: st.segmented_control(
            label,
            options,
            format_func=format_func,
            key=widget_key,
            required=True,
            label_visibility=label_visibility,
        ),
        variant=variant,
    )
