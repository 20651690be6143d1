"""The form in which a rule is written; what it leaves alone (branches, options) stays as it is."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_streamlit.blocks.rule_draft import Draft
from app_streamlit.queries.rulebook import load_columns, load_tables
from app_streamlit.ui.context import PageContext
from orchestration.decisions.definition import Kind
from orchestration.decisions.definition_parts import WEEKDAYS, ActionType, SinkName

TRIGGERS = ("row_appears", "row_changes", "schedule", "state_lasts")
PERIODS = ("day", "week", "month", "all_time")
# Which part of the form tells about a key of the definition.
SECTIONS = {
    "rule_id": "about", "name": "about", "description": "about", "kind": "about",
    "owner": "about", "priority": "about", "decides": "about",
    "trigger": "when", "source_table": "when", "key": "when", "occurrence": "when",
    "window": "when", "follows": "when",
    "condition": "condition", "parameters": "condition",
    "actions": "actions", "sinks": "actions", "message": "actions", "branches": "actions",
    "options": "actions",
    "budget": "limits", "holdout_share": "limits", "effective": "limits",
    "cooldown_days": "limits",
}  # fmt: skip


@dataclass
class RuleForm:
    """The widgets of one draft.

    Attributes:
        context: of the page.
        draft: where the values come from.
        places: where a mistake in a section is to be shown.
    """

    context: PageContext
    draft: Draft
    places: dict[str, DeltaGenerator]

    def show(self) -> dict[str, Any]:
        """Draw the form; returns the definition that it says."""
        data: dict[str, Any] = json.loads(json.dumps(self.draft.data))
        parts: dict[str, Callable[[dict[str, Any]], None]] = {
            "condition": self._condition,
            "when": self._when,
            "actions": self._actions,
            "limits": self._limits,
            "about": self._about,
        }
        for name, draw in parts.items():
            with st.expander(self._t(f"rule_form.sections.{name}"), expanded=name == "condition"):
                self.places[name] = st.container()
                draw(data)
        return data

    def _t(self, key: str) -> str:
        return self.context.t(key)

    def _seed(self, name: str, value: object) -> str:
        """The widget's key; its first value comes from the draft."""
        key = self.draft.key(f"{name}_{self.context.language}")
        if key not in st.session_state:
            st.session_state[key] = value
        return key

    def _text(self, name: str, value: object, *, label: str = "", area: bool = False) -> str:
        key = self._seed(name, "" if value is None else str(value))
        said = label or self._t(f"rule_form.fields.{name}")
        if area:
            return str(st.text_area(said, key=key, height=120)).strip()
        return str(st.text_input(said, key=key)).strip()

    def _whole(self, name: str, value: int, low: int, high: int) -> int:
        key = self._seed(name, min(max(value, low), high))
        label = self._t(f"rule_form.fields.{name}")
        return int(st.number_input(label, min_value=low, max_value=high, step=1, key=key))

    def _one(self, name: str, value: object, options: Sequence[str], prefix: str = "") -> str:
        known = [*options, *([str(value)] if value and value not in options else [])]
        key = self._seed(name, value if value in known else known[0])
        t = self.context.t
        return str(
            st.selectbox(
                self._t(f"rule_form.fields.{name.rsplit('__', maxsplit=1)[-1]}"),
                known,
                format_func=lambda word: t.known(f"{prefix}.{word}", word) if prefix else word,
                key=key,
            )
        )

    def _many(
        self, name: str, value: Sequence[str], options: Sequence[str], prefix: str = ""
    ) -> list[str]:
        known = list(dict.fromkeys([*options, *value]))
        t = self.context.t
        chosen = st.multiselect(
            self._t(f"rule_form.fields.{name.rsplit('__', maxsplit=1)[-1]}"),
            known,
            format_func=lambda word: t.known(f"{prefix}.{word}", word) if prefix else word,
            key=self._seed(name, [one for one in value if one in known]),
        )
        return [str(one) for one in chosen]

    def _about(self, data: dict[str, Any]) -> None:
        data["rule_id"] = self._text("rule_id", data["rule_id"])
        if data["rule_id"] != self.draft.rule_id:
            st.caption(self._t("rule_form.becomes_new"))
        name, left, right = data["name"], *st.columns(2)
        with left:
            english = self._text("name_en", name["en"])
            data["owner"] = self._text("owner", data["owner"])
            data["priority"] = self._whole("priority", int(data["priority"]), 1, 1000)
        with right:
            data["name"] = {"en": english, "zh": self._text("name_zh", name["zh"])}
            data["kind"] = self._one("kind", data["kind"], get_args(Kind), "decision_kind")
            data["decides"] = self._text("decides", data["decides"]) or None
        data["description"] = self._text("description", data["description"], area=True)

    def _when(self, data: dict[str, Any]) -> None:
        edition, before = self.context.edition, data["trigger"]
        data["source_table"] = self._one("source_table", data["source_table"], load_tables(edition))
        columns = load_columns(edition, data["source_table"])
        data["key"] = self._many("key", data["key"], columns)
        kind = self._one("trigger", before["type"], TRIGGERS, "rule_form.triggers")
        trigger: dict[str, Any] = {"type": kind}
        names = list(data["parameters"])
        if kind == "row_changes":
            trigger["columns"] = self._many("columns", before.get("columns") or [], columns)
        elif kind == "schedule":
            trigger["at_parameter"] = self._one("at_parameter", before.get("at_parameter"), names)
            days = before.get("weekdays") or WEEKDAYS
            trigger["weekdays"] = self._many("weekdays", days, WEEKDAYS, "weekdays")
        elif kind == "state_lasts":
            trigger["since"] = self._one("since", before.get("since"), columns)
            hours = before.get("hours_parameter")
            trigger["hours_parameter"] = self._one("hours_parameter", hours, names)
        data["trigger"] = trigger
        if data["window"]:
            days_back = self._whole("window_days", int(data["window"]["days"]), 1, 3650)
            data["window"]["days"] = days_back

    def _condition(self, data: dict[str, Any]) -> None:
        data["condition"] = self._text("condition", data["condition"], area=True)
        st.caption(self._t("rule_form.condition_help"))
        for name, parameter in data["parameters"].items():
            label = f"{parameter['label'][self.context.language]} (:{name})"
            value = parameter["value"]
            if parameter["type"] == "boolean":
                key = self._seed(f"value__{name}", bool(value))
                parameter["value"] = st.toggle(label, key=key)
            else:
                said = self._text(f"value__{name}", value, label=label)
                parameter["value"] = _as_before(said, value)

    def _actions(self, data: dict[str, Any]) -> None:
        kept, actions = [], list(data["actions"])
        number_key = self._seed("action_count", len(actions))
        count = int(st.session_state[number_key])
        for number in range(count):
            before = actions[number] if number < len(actions) else {}
            left, middle, right = st.columns((3, 3, 1), vertical_alignment="bottom")
            with left:
                first = before.get("type", "notify")
                kind = self._one(f"{number}__action", first, get_args(ActionType), "action_types")
            with middle:
                key = self._seed(f"{number}__to", before.get("to") or "")
                to = str(st.text_input(self._t("rule_form.fields.to"), key=key)).strip()
            with right:
                key = self.draft.key(f"{number}__kept")
                st.session_state.setdefault(key, True)
                is_kept = st.checkbox(self._t("rule_form.keep_action"), key=key)
            if is_kept:
                kept.append({**before, "type": kind, "to": to or None})
        if st.button(
            self._t("rule_form.add_action"), icon=":material/add:", key=self.draft.key("add")
        ):
            st.session_state[number_key] = count + 1
            st.rerun()
        data["actions"] = kept
        if data["branches"] or data["options"]:
            st.caption(self._t("rule_form.in_yaml"))
        data["sinks"] = self._many("sinks", data["sinks"], get_args(SinkName), "sinks")
        message = data["message"]
        data["message"] = {
            "en": self._text("message_en", message["en"], area=True),
            "zh": self._text("message_zh", message["zh"], area=True),
        }

    def _limits(self, data: dict[str, Any]) -> None:
        share = Decimal(str(data["holdout_share"])) * 100
        left, right = st.columns(2)
        with left:
            percent = self._whole("holdout", int(share), 0, 90)
            if percent != int(share):
                data["holdout_share"] = str(Decimal(percent) / 100)
        with right:
            cooldown = data["cooldown_days"]
            if isinstance(cooldown, int):
                data["cooldown_days"] = self._whole("cooldown", cooldown, 0, 3650)
            else:
                data["cooldown_days"] = self._text("cooldown", cooldown)
        effective = data["effective"]
        with left:
            first = self._day("first_day", effective["first_day"])
        with right:
            last = self._day("last_day", effective["last_day"])
        data["effective"] = {"first_day": first, "last_day": last}
        self._budget(data)

    def _day(self, name: str, value: str | None) -> str | None:
        key = self._seed(name, date.fromisoformat(value) if value else None)
        chosen = st.date_input(
            self._t(f"rule_form.fields.{name}"), key=key, value=None, format="YYYY-MM-DD"
        )
        return chosen.isoformat() if isinstance(chosen, date) else None

    def _budget(self, data: dict[str, Any]) -> None:
        before, names = data["budget"] or {}, list(data["parameters"])
        key = self._seed("has_budget", bool(before))
        if not st.toggle(self._t("rule_form.fields.has_budget"), key=key):
            data["budget"] = None
            return
        if not names:
            st.caption(self._t("rule_form.budget_needs_parameters"))
        left, right = st.columns(2)
        with left:
            cost = self._one("cost_parameter", before.get("cost_parameter"), names or [""])
            limit = self._one("limit_parameter", before.get("limit_parameter"), names or [""])
        with right:
            per = self._one("per", before.get("per", "month"), PERIODS, "rules.per")
            currency = self._text("currency", before.get("currency") or "CNY")
        data["budget"] = {
            "cost_parameter": cost,
            "limit_parameter": limit,
            "per": per,
            "currency": currency,
        }


def _as_before(said: str, value: object) -> object:
    """What was typed, of the kind that it was before, so that nothing differs but what did."""
    if said == str(value):
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return int(said) if is_number and said.lstrip("-").isdecimal() else said
