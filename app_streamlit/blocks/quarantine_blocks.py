"""One refused record: what somebody decided, and the form to correct, drop or take back."""

import pandas as pd
import streamlit as st

from app_streamlit.ui import acts, cards, formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.writes import quarantine as writes
from orchestration.stewardship.quarantine import RefusedRecord


def show_one(context: PageContext, records: pd.DataFrame) -> None:
    """Choose one of the records and say what becomes of it."""
    t = context.t
    if context.viewer.sight.is_limited or records.empty:
        return
    acts.tell()
    reasons = {str(row["source_id"]): str(row["reason"]) for row in records.to_dict("records")}
    chosen = st.selectbox(
        t("quarantine.record"),
        list(reasons),
        format_func=lambda name: f"{name} · {reasons[name]}",
        key=f"quarantined_{t.language}_{len(reasons)}_{next(iter(reasons))}",
        width=720,
    )
    record, fields = writes.find(chosen)
    if record.event and record.decided_at:
        said = t(
            f"quarantine.was.{record.event}",
            person=str(record.decided_by),
            time=formats.time(record.decided_at, context.zone, t.language),
            reason=str(record.decision_reason),
        )
        st.markdown(cards.escape(said))
    if not acts.is_offered(context, "replay", on_figures=True):
        acts.say_why_not(context, "replay")
    elif record.is_open:
        _offer(context, record, fields)
    else:
        _offer_undoing(context, record)


def _offer(context: PageContext, record: RefusedRecord, fields: dict[str, str]) -> None:
    t = context.t
    key = f"{record.source_id}_{record.decision_id}"
    values: dict[str, str] = {}
    if fields:
        chosen = st.multiselect(
            t("quarantine.fields"), list(fields), key=f"quarantine_fields_{key}", width=720
        )
    else:
        chosen = []
        st.caption(t("quarantine.not_here"))
    with st.form(f"quarantine_{key}", border=True):
        for field in chosen:
            values[field] = st.text_input(field, fields[field], key=f"quarantine_{key}_{field}")
        with st.container(horizontal=True, gap="medium"):
            person = acting_person(context, key="quarantine")
            reason = st.text_input(t("columns.reason"), key=f"quarantine_reason_{key}")
        with st.container(horizontal=True):
            is_corrected = bool(chosen) and st.form_submit_button(
                t("quarantine.correct"), type="primary", icon=":material/replay:"
            )
            is_dropped = st.form_submit_button(t("quarantine.drop"), icon=":material/delete:")

    def correct() -> str:
        writes.correct(record, values, person=person, reason=reason)
        return t("quarantine.said.corrected")

    def drop() -> str:
        writes.drop(record, person=person, reason=reason)
        return t("quarantine.said.dropped")

    if is_corrected:
        acts.do(correct)
    elif is_dropped:
        acts.do(drop)


def _offer_undoing(context: PageContext, record: RefusedRecord) -> None:
    t = context.t
    with st.form(f"quarantine_undo_{record.source_id}", border=True):
        with st.container(horizontal=True, gap="medium"):
            person = acting_person(context, key="quarantine_undo")
            reason = st.text_input(
                t("columns.reason"), key=f"quarantine_undo_{record.source_id}_why"
            )
        is_undone = st.form_submit_button(t("quarantine.undo"), icon=":material/undo:")

    def undo() -> str:
        writes.undo(record, person=person, reason=reason)
        return t("quarantine.said.undone")

    if is_undone:
        acts.do(undo)
