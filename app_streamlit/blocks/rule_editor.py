"""The editor of a rule: a form or YAML, mistakes where they stand, and saving with a reason."""

from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_streamlit.blocks import rule_draft
from app_streamlit.blocks.rule_draft import Draft
from app_streamlit.blocks.rule_form import SECTIONS, RuleForm
from app_streamlit.queries.rulebook import RuleBook, check_columns
from app_streamlit.ui import acts, address, cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.words import rule_words
from app_streamlit.writes import rules as writes
from connectors.errors import FourflowError
from orchestration.decisions.conditions import ConditionError
from orchestration.decisions.definition import DefinitionError, RuleDefinition, parse_rule
from orchestration.decisions.rule_text import RuleTextError, parse_rule_text, write_rule_text
from orchestration.decisions.rulebook import RuleChangedError, RuleVersion

WAYS = ("form", "yaml")


def show_editor(context: PageContext, book: RuleBook, one: RuleVersion) -> None:
    """Draw the editor of a rule, with what would change and the button that saves it."""
    t = context.t
    draft = rule_draft.draft_of(one)
    if draft.based_on != one.version:
        _tell_overtaken(context, draft, one)
    way_key = draft.key("way")
    st.session_state.setdefault(way_key, "yaml" if draft.text is not None else "form")
    way = st.segmented_control(
        t("rule_form.way"),
        WAYS,
        format_func=lambda name: t(f"rule_form.ways.{name}"),
        key=way_key,
        required=True,
        label_visibility="collapsed",
    )
    draft = _write_yaml(context, draft) if way == "yaml" else _fill_in(context, draft)
    base = one.definition
    is_changed = draft.rule is None or draft.rule != base
    draft = rule_draft.keep(draft, is_changed=is_changed)
    if draft.rule is None:
        return
    if not is_changed:
        st.caption(t("rule_form.unchanged"))
        return
    st.subheader(t("rule_form.would_change"))
    tables.show_table(
        rule_words.change_frame(base, draft.rule),
        rule_words.CHANGE_COLUMNS,
        context,
        key="draft_changes",
        describe=t("rule_form.would_change"),
    )
    _offer_saving(context, book, one, draft, draft.rule)


def _fill_in(context: PageContext, draft: Draft) -> Draft:
    places: dict[str, DeltaGenerator] = {}
    if draft.text is not None:  # YAML was written last: the form shows it when it is right
        if draft.rule is None:
            st.warning(context.t("rule_form.yaml_is_wrong"), icon=":material/error:")
            return draft
        way = st.session_state[draft.key("way")]
        rule_draft.drop(draft.rule_id)
        st.session_state[draft.key("way")] = way
        draft = replace(draft, data=draft.rule.stored(), text=None)
    top = st.container()
    data = RuleForm(context, draft, places).show()
    rule, error = _checked(context, data)
    if error is not None:
        place = error.place if isinstance(error, DefinitionError) else ("condition",)
        section = SECTIONS.get(str(place[0]), "") if place else ""
        _show_mistake(places.get(section, top), error)
        if section in places:
            top.error(
                context.t("rule_form.look_at", section=context.t(f"rule_form.sections.{section}")),
                icon=":material/error:",
            )
    return replace(draft, data=data, text=None, rule=rule)


def _checked(
    context: PageContext, data: dict[str, Any]
) -> tuple[RuleDefinition | None, FourflowError | None]:
    try:
        rule = parse_rule(data, where="rule")
        check_columns(context.edition, rule)
    except FourflowError as error:
        return None, error
    return rule, None


def _show_mistake(place: DeltaGenerator, error: FourflowError) -> None:
    refused = error.condition if isinstance(error, DefinitionError) else error
    place.error(cards.escape(str(error)), icon=":material/error:")
    if isinstance(refused, ConditionError) and refused.position is not None:
        place.code(_pointer(refused.text, refused.position), language=None)


def _pointer(text: str, position: int) -> str:
    """The line of a condition in which the mistake is, with a mark under it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)]
    before = max(0, position - start - 60)
    return f"{line[before : before + 100]}\n{' ' * (position - start - before)}^"


def _write_yaml(context: PageContext, draft: Draft) -> Draft:
    key = draft.key("yaml")
    if key not in st.session_state:
        written = write_rule_text(parse_rule(draft.data, where="rule")) if draft.rule else None
        st.session_state[key] = draft.text if draft.text is not None else written or ""
    if draft.rule is None and draft.text is None:
        st.warning(context.t("rule_form.form_is_wrong"), icon=":material/error:")
        return draft
    text = st.text_area(context.t("rule_form.ways.yaml"), key=key, height=520)
    try:
        rule = parse_rule_text(text)
        check_columns(context.edition, rule)
    except RuleTextError as error:
        st.error(cards.escape(str(error)), icon=":material/error:")
        st.code(error.pointer, language=None)
        return replace(draft, text=text, rule=None)
    except FourflowError as error:
        _show_mistake(st.container(), error)
        return replace(draft, text=text, rule=None)
    return replace(draft, text=text, data=rule.stored(), rule=rule)


def _offer_saving(
    context: PageContext, book: RuleBook, one: RuleVersion, draft: Draft, rule: RuleDefinition
) -> None:
    t = context.t
    is_new = rule.rule_id != one.rule_id
    if is_new and book.find(rule.rule_id):
        st.error(t("rule_form.id_is_taken", rule=rule.rule_id), icon=":material/error:")
        return
    with st.form(draft.key("save"), border=True):
        author = acting_person(context, key="rule_save")
        reason = st.text_input(t("rules.reason"), key=draft.key("reason"))
        label = t("rule_form.save_new") if is_new else t("rule_form.save", version=one.version + 1)
        is_wanted = st.form_submit_button(label, type="primary", icon=":material/save:")
    if st.button(t("rule_form.drop"), key=draft.key("drop"), icon=":material/undo:"):
        rule_draft.drop(one.rule_id)
        st.rerun()
    if not is_wanted:
        return
    try:
        based_on = 0 if is_new else draft.based_on
        version = writes.save(rule, author=author, reason=reason, based_on=based_on)
    except RuleChangedError:
        st.rerun()  # the book is read anew and tells who was faster
    except FourflowError as error:
        st.error(str(error), icon=":material/error:")
        return
    rule_draft.drop(one.rule_id)
    name = rule_words.rule_name(rule, context.language)
    acts.say_next(t("rules.saved", rule=name, version=version))
    address.put(rule=rule.rule_id)
    st.rerun()


def _tell_overtaken(context: PageContext, draft: Draft, one: RuleVersion) -> None:
    t = context.t
    st.warning(
        t(
            "rules.overtaken",
            author=cards.escape(one.author),
            version=one.version,
            time=formats.time(one.created_at, context.zone, context.language),
            reason=cards.escape(one.reason),
            mine=draft.based_on,
        ),
        icon=":material/group:",
    )
    with st.container(horizontal=True):
        if st.button(t("rules.keep_mine"), key=draft.key("rebase")):
            rule_draft.rebase(draft, one.version)
            st.rerun()
        if st.button(t("rules.take_theirs"), key=draft.key("take")):
            rule_draft.drop(one.rule_id)
            st.rerun()
