"""The views of one rule: what it does, the lab, shadow, effect and versions."""

import streamlit as st

from app_streamlit.blocks import rule_draft
from app_streamlit.charts.days import day_bars
from app_streamlit.queries.ledger import LEDGER_LIMIT, load_decisions
from app_streamlit.queries.rulebook import (
    RuleBook,
    Trial,
    load_effect,
    load_shadow_days,
    load_versions,
    try_rule,
)
from app_streamlit.ui import acts, cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.ui.states import no_data
from app_streamlit.words import decision_words, rule_words
from app_streamlit.writes import rules as writes
from connectors.errors import FourflowError
from orchestration.decisions.definition import Mode, RuleDefinition
from orchestration.decisions.rulebook import RuleChangedError, RuleVersion
from orchestration.decisions.sentences import rule_sentence

DEFAULT_DAYS = 90
_ASKED = "_lab_asked"
_CLOCKS = ("known", "event")


def show_what_it_does(context: PageContext, one: RuleVersion) -> None:
    """The rule in a sentence, its thresholds, and the switch."""
    t, rule = context.t, one.definition
    st.markdown(cards.escape(rule_sentence(rule, context.language)))
    if context.language == "en":
        st.caption(cards.escape(rule.description))
    if rule.parameters:
        tables.show_table(
            rule_words.parameter_frame(context, rule),
            rule_words.PARAMETER_COLUMNS,
            context,
            key="parameters_table",
            is_published=False,
            describe=t("rules.parameters"),
        )
    _show_switch(context, one)


def _show_switch(context: PageContext, one: RuleVersion) -> None:
    t, mode = context.t, one.definition.mode
    st.subheader(t("rules.switch"))
    with st.form(f"switch_{one.rule_id}_{one.version}", border=True):
        wanted: Mode = st.radio(
            t("rules.switch"),
            rule_words.MODES,
            index=rule_words.MODES.index(mode),
            format_func=lambda name: rule_words.mode_label(context, name),
            captions=[t(f"rules.modes_mean.{name}") for name in rule_words.MODES],
            label_visibility="collapsed",
        )
        author = acting_person(context, key="rule_switch")
        reason = st.text_input(t("rules.reason"))
        is_wanted = st.form_submit_button(t("rules.do_switch"), icon=":material/toggle_on:")
    if not is_wanted:
        return
    if wanted == mode:
        st.info(t("rules.is_so_already", mode=t(f"rules.modes_said.{mode}")))
        return
    name = rule_words.rule_name(one.definition, context.language)
    try:
        version = writes.switch(
            one.rule_id, wanted, author=author, reason=reason, based_on=one.version
        )
    except RuleChangedError:
        _say_overtaken(context)
    except FourflowError as error:
        st.error(str(error), icon=":material/error:")
    else:
        said = t("rules.switched", rule=name, version=version, mode=t(f"rules.modes_said.{wanted}"))
        acts.say_next(said)
        st.rerun()


def _say_overtaken(context: PageContext) -> None:
    """Somebody was faster: nothing was done, and the page shows what they did."""
    st.warning(context.t("rules.look_again"), icon=":material/group:")
    st.button(context.t("rules.show_theirs"))


def show_lab(context: PageContext, book: RuleBook, one: RuleVersion) -> None:
    """What the rule, or its draft, would have done over history."""
    t = context.t
    draft = rule_draft.draft_of(one)
    is_draft = draft.rule is not None and draft.rule != one.definition
    rule = draft.rule if is_draft and draft.rule else one.definition
    st.caption(t("lab.tries_draft") if is_draft else t("lab.tries_version", version=one.version))
    if draft.rule is None:
        st.warning(t("lab.draft_is_wrong"), icon=":material/error:")
    trial = _ask(context, rule)
    if trial is None:
        return
    try:
        with st.spinner(t("lab.running")):
            report = try_rule(context.edition, context.edition.home, trial)
    except FourflowError as error:
        st.warning(cards.escape(str(error)), icon=":material/science_off:")
        return
    st.markdown(cards.as_headline(rule_words.trial_headline(context, report)))
    cards.tiles(rule_words.trial_tiles(context, report), key="lab_tiles")
    for note in rule_words.trial_notes(context, report):
        st.caption(cards.escape(note))
    if report.by_day:
        cards.plot(
            day_bars({one.day: one.count for one in report.by_day}),
            key="lab_days",
            alt=t("lab.by_day"),
        )
    left, right = st.columns(2)
    with left:
        outcomes = rule_words.outcome_frame(context, report)
        if not outcomes.empty:
            st.subheader(t("lab.what_became"))
            tables.show_table(
                outcomes,
                rule_words.OUTCOME_COLUMNS,
                context,
                key="outcomes_table",
                describe=t("lab.what_became"),
            )
    with right:
        if report.by_branch:
            st.subheader(t("lab.by_branch"))
            tables.show_table(
                rule_words.branch_frame(context, rule, report),
                rule_words.BRANCH_COLUMNS,
                context,
                key="branches_table",
                describe=t("lab.by_branch"),
            )
    st.subheader(t("lab.overlap"))
    if report.overlaps:
        tables.show_table(
            rule_words.overlap_frame(context, book, report),
            rule_words.overlap_columns(context),
            context,
            key="overlap_table",
            describe=t("lab.overlap"),
        )
    else:
        no_data(context, "lab.no_overlap")


def _ask(context: PageContext, rule: RuleDefinition) -> Trial | None:
    """The question to the lab; None until somebody asks."""
    t = context.t
    asked: dict[str, Trial] = st.session_state.setdefault(_ASKED, {})
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab_controls"):
        days = int(
            st.number_input(t("lab.days"), 7, 730, DEFAULT_DAYS, key="lab_days_back", width=160)
        )
        businesses = ["", *context.bounds]
        business = st.selectbox(
            t("filters.business"),
            businesses,
            format_func=lambda name: (
                context.business_label(name) if name else t("filters.all_businesses")
            ),
            key=f"lab_business_{t.language}",
            width=240,
        )
        clock = st.selectbox(
            t("lab.clock"),
            _CLOCKS,
            format_func=lambda name: t(f"lab.clocks.{name}"),
            key=f"lab_clock_{t.language}",
            help=t("lab.clock_help"),
            width=240,
        )
        is_wanted = st.button(
            t("lab.run"), type="primary", icon=":material/science:", key="lab_run"
        )
    known = asked.get(rule.rule_id)
    definition = rule.model_dump_json()
    if is_wanted:
        known = Trial(definition, days, business or None, "known" if clock == "known" else "event")
        asked[rule.rule_id] = known
    if known is None:
        st.caption(t("lab.not_run"))
    elif known.definition != definition:
        st.caption(t("lab.run_again"))
        return None
    return known


def show_shadow(context: PageContext, one: RuleVersion) -> None:
    """What the rule recorded while it ran in shadow."""
    t = context.t
    days = load_shadow_days(context.edition.home, one.rule_id, context.zone)
    if not days:
        key = "shadow.nothing_yet" if one.definition.mode == "shadow" else "shadow.never"
        no_data(context, key)
        return
    total = sum(days.values())
    st.markdown(
        cards.as_headline(
            t(
                "shadow.headline",
                n=total,
                count=formats.count(total),
                days=formats.days(min(days), max(days), t.language),
            )
        )
    )
    cards.plot(day_bars(days), key="shadow_days", alt=t("shadow.by_day"))
    found = load_decisions(context.edition.home, "shadow", rule_id=one.rule_id)
    tables.show_table(
        found,
        decision_words.ledger_columns(context),
        context,
        key="shadow_table",
        is_published=False,
        describe=t("shadow.table_alt"),
        height=420,
    )
    if len(found) >= LEDGER_LIMIT:
        st.caption(t("decisions.newest_shown", count=formats.count(LEDGER_LIMIT)))


def show_effect(context: PageContext, one: RuleVersion) -> None:
    """What the rule changed, against the subjects that it left alone."""
    t = context.t
    days = int(st.number_input(t("effect.days"), 1, 180, 30, key="effect_days", width=240))
    found, cost = load_effect(context.edition, one.rule_id, days)
    st.markdown(cards.as_headline(rule_words.effect_headline(context, found)))
    if not one.definition.holdout_share:
        st.caption(t("effect.no_holdout"))
    if found:
        tables.show_table(
            rule_words.effect_frame(context, found),
            rule_words.EFFECT_COLUMNS,
            context,
            key="effect_table",
            is_published=False,
            describe=t("effect.table_alt"),
        )
    if cost is not None:
        st.markdown(cards.escape(rule_words.purchase_cost_sentence(context, cost)))
    st.caption(t("effect.how_to_read"))


def show_versions(context: PageContext, one: RuleVersion) -> None:
    """Who changed what and why, the difference of two versions, and the way back."""
    t = context.t
    versions = load_versions(context.edition.home, one.rule_id)
    tables.show_table(
        rule_words.version_frame(versions),
        rule_words.version_columns(context),
        context,
        key="versions_table",
        is_published=False,
        describe=t("rules.versions_alt"),
    )
    if len(versions) < 2:
        st.caption(t("rules.one_version"))
        return
    by_number = {version.version: version for version in versions}
    numbers = list(by_number)
    with st.container(horizontal=True, key="version_choice"):
        before = st.selectbox(
            t("rules.compare"), numbers[1:], key=f"before_{one.rule_id}_{one.version}", width=200
        )
        later = [number for number in numbers if number > before]
        after = st.selectbox(
            t("rules.compare_with"), later, key=f"after_{one.rule_id}_{before}_{one.version}",
            width=200,
        )  # fmt: skip
    changes = rule_words.change_frame(by_number[before].definition, by_number[after].definition)
    if changes.empty:
        no_data(context, "rules.same")
    else:
        tables.show_table(
            changes,
            rule_words.CHANGE_COLUMNS,
            context,
            key="changes_table",
            is_published=False,
            describe=t("rules.compare"),
        )
    _offer_roll_back(context, one, before)


def _offer_roll_back(context: PageContext, one: RuleVersion, to_version: int) -> None:
    t = context.t
    with st.form(f"roll_back_{one.rule_id}_{one.version}", border=True):
        st.markdown(t("rules.roll_back_to", version=to_version))
        author = acting_person(context, key="rule_back")
        reason = st.text_input(t("rules.reason"))
        is_wanted = st.form_submit_button(
            t("rules.roll_back"), icon=":material/settings_backup_restore:"
        )
    if not is_wanted:
        return
    try:
        version = writes.roll_back(
            one.rule_id, to_version, author=author, reason=reason, based_on=one.version
        )
    except RuleChangedError:
        _say_overtaken(context)
    except FourflowError as error:
        st.error(str(error), icon=":material/error:")
    else:
        name = rule_words.rule_name(one.definition, context.language)
        acts.say_next(t("rules.saved", rule=name, version=version))
        st.rerun()
