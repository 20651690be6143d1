"""A form drawn from its declaration: fields, lines, what is wrong beside each, and the receipt."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_streamlit.queries.forms import load_listed
from app_streamlit.ui import acts, cards, formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.words.customer_words import customer_label
from app_streamlit.writes.forms import enter_form
from connectors.errors import FourflowError
from orchestration.decisions.definition_parts import Bilingual
from orchestration.forms.definition import Form, FormField
from orchestration.forms.entering import Receipt
from orchestration.forms.validation import RefusedEntryError

_NUMBERS = "_form_numbers"
_LINES = "_form_lines"
_ONE_LINE = 500
_PLACE = tuple[str | None, int | None]


def show_form(context: PageContext, form: Form) -> None:
    """The form, and what becomes of it."""
    t = context.t
    if form.description:
        st.markdown(cards.escape(said(context, form.description)))
    if not acts.is_offered(context, "enter_forms", on_figures=form.target.kind == "order"):
        acts.say_why_not(context, "enter_forms")
        return
    number = st.session_state.setdefault(_NUMBERS, {}).setdefault(form.name, _new_number())
    person = acting_person(context, key=f"forms_{form.name}")
    counts = st.session_state.setdefault(_LINES, {})
    count = max(counts.get(number, 1), 1) if form.lines else 0
    drawn = _Drawn(context, form, number)
    with st.form(f"form_{number}", border=True):
        filled: dict[str, Any] = drawn.fields(form.fields, None)
        lines: list[dict[str, Any]] = []
        if form.lines:
            st.markdown(f"**{cards.escape(said(context, form.lines.title))}**")
            lines = [drawn.fields(form.lines.fields, line) for line in range(1, count + 1)]
        drawn.places[None, None] = st.empty()
        with st.container(horizontal=True):
            is_entered = st.form_submit_button(
                t("forms.enter"), type="primary", icon=":material/send:", key=f"enter_{number}"
            )
            wants_line = bool(form.lines) and st.form_submit_button(
                t("forms.add_line"), icon=":material/add:", key=f"add_{number}"
            )
    if wants_line and form.lines and count < form.lines.maximum:
        counts[number] = count + 1
        st.rerun()
    if is_entered:
        _enter(context, drawn, filled, lines, person)


def said(context: PageContext, text: Bilingual) -> str:
    """A text of a form in the reader's language."""
    return text.zh if context.language == "zh" else text.en


def _new_number() -> str:
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}"


def _enter(
    context: PageContext,
    drawn: "_Drawn",
    filled: dict[str, Any],
    lines: Sequence[Mapping[str, Any]],
    person: str,
) -> None:
    """Keep what was filled in; a line that was left empty is none, but for the first."""
    form = drawn.form
    written = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if number == 1 or any(value is not None for value in line.values())
    ]
    if form.lines:
        filled["lines"] = [line for _, line in written]
    try:
        receipt = enter_form(form.name, drawn.number, filled, person=person)
    except RefusedEntryError as error:
        numbers = [number for number, _ in written]
        for problem in error.problems:
            line = None if problem.line is None else numbers[problem.line - 1]
            drawn.tell((problem.field_name, line), problem.sentence(context.language))
        return
    except FourflowError as error:
        drawn.tell((None, None), str(error))
        return
    del st.session_state[_NUMBERS][form.name]  # the next entry is another one
    acts.say_next(_receipt(context, form, receipt))
    st.rerun()


def _receipt(context: PageContext, form: Form, receipt: Receipt) -> str:
    values: dict[str, Any] = {
        "title": said(context, form.title),
        "number": receipt.number,
        "person": receipt.entered_by,
        "time": formats.time(receipt.entered_at, context.zone, context.language),
    }
    if receipt.amount is None or receipt.currency_code is None:
        return context.t("forms.entered", **values)
    amount = formats.money(receipt.amount, receipt.currency_code)
    return context.t("forms.ordered", amount=amount, **values)


class _Drawn:
    """The widgets of one entry, and the place beside each where what is wrong is told."""

    def __init__(self, context: PageContext, form: Form, number: str) -> None:
        self._context, self.form, self.number = context, form, number
        self.places: dict[_PLACE, DeltaGenerator] = {}
        self._told: dict[_PLACE, list[str]] = {}

    def fields(self, fields: Sequence[FormField], line: int | None) -> dict[str, Any]:
        """Draw fields; what is filled in now, None where nothing is."""
        found: dict[str, Any] = {}
        width: Any = "stretch" if line is None else 200
        with st.container(horizontal=line is not None, gap="small"):
            for one in fields:
                with st.container(width=width, gap="xsmall"):
                    found[one.name] = self._widget(one, line)
                    self.places[one.name, line] = st.empty()
        return found

    def tell(self, place: _PLACE, sentence: str) -> None:
        """Say what is wrong beside its field."""
        where = place if place in self.places else (None, None)
        told = self._told.setdefault(where, [])
        told.append(sentence)
        self.places[where].error(cards.escape(" ".join(told)), icon=":material/error:")

    def _widget(self, one: FormField, line: int | None) -> str | None:
        label = said(self._context, one.label)
        label = label if one.required else self._context.t("forms.optional", label=label)
        more: dict[str, Any] = {
            "key": f"form_{self.number}_{one.name}_{line or 0}_{self._context.language}",
            "help": said(self._context, one.help) if one.help else None,
        }
        if one.type == "date":
            day = st.date_input(
                label, value=None, min_value=date(1990, 1, 1), max_value=date(2100, 1, 1), **more
            )
            return day.isoformat() if isinstance(day, date) else None
        labels = self._options(one)
        if labels:
            chosen = st.selectbox(
                label,
                list(labels),
                index=None,
                format_func=lambda value: labels.get(value, value),
                placeholder=self._context.t("forms.choose"),
                accept_new_options=one.type != "choice",
                **more,
            )
            return chosen or None
        if one.type == "text" and one.max_length > _ONE_LINE:
            return st.text_area(label, height=80, **more).strip() or None
        return st.text_input(label, **more).strip() or None

    def _options(self, one: FormField) -> dict[str, str]:
        """Values to choose from, each as it is read."""
        if one.type == "choice":
            return {choice.value: said(self._context, choice.label) for choice in one.choices}
        listed = load_listed(self._context.edition, one.type)
        if one.type == "customer":
            return {
                value: f"{customer_label(value)} · {self._context.channel_label(channel)}"
                for value, channel in listed.items()
            }
        if one.type == "site":
            return {value: name or value for value, name in listed.items()}
        return {value: f"{value} · {name}" if name else value for value, name in listed.items()}
