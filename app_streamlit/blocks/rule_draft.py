"""What a person is writing about a rule, kept while they look at the lab and back."""

from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from orchestration.decisions.definition import RuleDefinition
from orchestration.decisions.rulebook import RuleVersion

_DRAFTS = "_rule_drafts"
_WIDGETS = "draft_"


@dataclass(frozen=True)
class Draft:
    """An edit that is not saved.

    Attributes:
        rule_id: the rule that is edited.
        based_on: the version that the author looked at.
        data: what the rule shall say, as JSON values; may be wrong.
        text: the YAML as written; None: the form was used last.
        rule: the definition, when it is a right one.
    """

    rule_id: str
    based_on: int
    data: dict[str, Any] = field(hash=False)
    text: str | None = None
    rule: RuleDefinition | None = None

    def key(self, name: str) -> str:
        """The session key of a widget of this draft."""
        return f"{_WIDGETS}{self.rule_id}_{self.based_on}_{name}"


def draft_of(one: RuleVersion) -> Draft:
    """The draft about a rule: the one that was begun, else what is in force."""
    drafts: dict[str, Draft] = st.session_state.setdefault(_DRAFTS, {})
    rule = one.definition
    return drafts.get(one.rule_id) or Draft(one.rule_id, one.version, rule.stored(), None, rule)


def keep(draft: Draft, *, is_changed: bool) -> Draft:
    """Remember a draft that differs from what it is based on; forget one that does not."""
    drafts: dict[str, Draft] = st.session_state.setdefault(_DRAFTS, {})
    if is_changed:
        drafts[draft.rule_id] = draft
    else:
        drafts.pop(draft.rule_id, None)
    return draft


def drop(rule_id: str) -> None:
    """Forget a draft and what its widgets hold."""
    st.session_state.get(_DRAFTS, {}).pop(rule_id, None)
    for key in [k for k in st.session_state if str(k).startswith(f"{_WIDGETS}{rule_id}_")]:
        del st.session_state[key]


def rebase(draft: Draft, version: int) -> None:
    """Keep a draft, and let it follow a version that came meanwhile and was looked at."""
    drop(draft.rule_id)
    keep(replace(draft, based_on=version), is_changed=True)
