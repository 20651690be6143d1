"""One answer to many decisions: a dry run that says what would come of it, then the answer."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app_streamlit.queries.answerable import Answerable
from app_streamlit.ui import acts, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.words import bulk_words
from app_streamlit.writes import decisions as writes
from connectors.errors import FourflowError
from orchestration.decisions.approvals.bulk import BulkItem, BulkOutcome

_REHEARSED = "_bulk_rehearsed"


def offer_bulk(context: PageContext, waiting: Sequence[Answerable], *, key: str) -> None:
    """Approve what waits in one go, some left out; nothing happens before a dry run was seen.

    Args:
        context: language and viewer.
        waiting: the decisions, as they are now.
        key: of the widgets.
    """
    t = context.t
    if not waiting:
        return
    st.subheader(t("bulk.title"), help=t("bulk.what"))
    if not acts.is_offered(context, "approve"):
        acts.say_why_not(context, "approve")
        return
    by_id = {one.decision_id: one for one in waiting}
    options = bulk_words.common_options(context, waiting)
    with st.container(horizontal=True, gap="medium", key=f"{key}_form"):
        person = acting_person(context, key=key)
        option = None
        if options:
            may_be_none = all(one.is_asked for one in waiting)
            chosen = st.selectbox(
                t("decisions.option"),
                [*([""] if may_be_none else []), *options],
                format_func=lambda name: options.get(name, t("decisions.no_option")),
                key=f"{key}_option_{t.language}",
            )
            option = str(chosen) if chosen else None
        reason = st.text_input(t("decisions.reason"), key=f"{key}_reason")
    left_out = st.multiselect(
        t("bulk.leave_out"),
        list(by_id),
        format_func=lambda name: bulk_words.short_name(context, by_id[name]),
        key=f"{key}_left_out",
        placeholder=t("bulk.nothing_left_out"),
    )
    items = [
        BulkItem(one.decision_id, one.updated_at)
        for one in waiting
        if one.decision_id not in left_out
    ]
    asked = (tuple(items), person, reason, option)
    if st.button(
        t("bulk.rehearse", n=len(items), count=formats.count(len(items))),
        icon=":material/science:",
        key=f"{key}_rehearse",
        disabled=not items,
    ):
        try:
            outcomes = writes.approve_all(
                items, person=person, reason=reason, option=option, is_rehearsal=True
            )
        except FourflowError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.session_state[f"{key}{_REHEARSED}"] = (asked, outcomes)
    rehearsed = st.session_state.get(f"{key}{_REHEARSED}")
    if rehearsed is None or rehearsed[0] != asked:
        return
    _show_outcomes(context, by_id, rehearsed[1], option, key)
    going = [one for one in rehearsed[1] if one.outcome != "refused"]
    if going and st.button(
        t("bulk.approve", n=len(going), count=formats.count(len(going))),
        type="primary",
        icon=":material/done_all:",
        key=f"{key}_approve",
    ):
        wanted = {one.decision_id for one in going}

        def act() -> str:
            done = writes.approve_all(
                [item for item in items if item.decision_id in wanted],
                person=person,
                reason=reason,
                option=option,
                is_rehearsal=False,
            )
            del st.session_state[f"{key}{_REHEARSED}"]
            return bulk_words.done_sentence(context, done)

        acts.do(act)


def _show_outcomes(
    context: PageContext,
    by_id: dict[str, Answerable],
    outcomes: Sequence[BulkOutcome],
    option: str | None,
    key: str,
) -> None:
    t = context.t
    st.markdown(bulk_words.rehearsed_sentence(context, by_id, outcomes, option))
    table: pd.DataFrame = bulk_words.outcome_frame(context, by_id, outcomes)
    tables.show_table(
        table,
        bulk_words.OUTCOME_COLUMNS,
        context,
        key=f"{key}_outcomes",
        describe=t("bulk.alt"),
        height=300,
    )
