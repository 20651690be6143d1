"""The views of the risk page."""

import pandas as pd
import streamlit as st

from app_streamlit.blocks import bulk_blocks
from app_streamlit.charts.risk import calibration_chart
from app_streamlit.queries.answerable import load_answerable
from app_streamlit.queries.risk import (
    LISTED,
    load_list_days,
    load_model_figures,
    load_model_versions,
    load_rule_hits,
    load_unpaid_orders,
    report_part,
)
from app_streamlit.ui import acts, address, cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.ui.states import no_data
from app_streamlit.words import risk_words, suggestion_words
from app_streamlit.words.parcel_words import list_day_frame
from app_streamlit.writes import suggestions as writes
from orchestration.decisions.approvals.verdicts import Answer


def show_queue(
    context: PageContext,
    lines: pd.DataFrame,
    suspects: pd.DataFrame,
    hits: pd.DataFrame,
    credit: pd.DataFrame,
) -> None:
    """Everything that needs a look, and the answer to what waits for one."""
    t = context.t
    acts.tell()
    queue = risk_words.queue_frame(context, lines, suspects, hits, credit)
    if lines.empty:
        no_data(context, "risk.no_scores")
    if queue.empty:
        no_data(context, "risk.nothing")
        return
    tables.show_table(
        queue,
        risk_words.QUEUE_COLUMNS,
        context,
        key="risk_table",
        describe=t("risk.alt"),
        height=460,
    )
    st.caption(t("risk.how"))
    waiting = risk_words.waiting_only(hits)
    if waiting.empty:
        acts.say_when_gone(context, "risk_decisions", None, ())
        return
    listed = set(waiting["decision_id"])
    asked = [
        one
        for one in load_answerable(context.edition.home)
        if one.is_asked and one.decision_id in listed
    ]
    bulk_blocks.offer_bulk(context, asked, key="bulk_risk")
    if not acts.is_offered(context, "approve"):
        return
    st.subheader(t("risk.answer"))
    chosen = st.selectbox(
        t("decisions.choose"),
        list(waiting["decision_id"]),
        format_func=lambda one: risk_words.hit_name(context, waiting, one),
        key=f"risk_decision_{t.language}",
    )
    acts.say_when_gone(context, "risk_decisions", chosen, set(waiting["decision_id"]))
    row = {str(k): v for k, v in waiting[waiting["decision_id"] == chosen].iloc[0].items()}
    st.caption(suggestion_words.asked_sentence(context, row))
    short = str(chosen)[:12]
    with st.container(horizontal=True, gap="medium", key="risk_form"):
        person = acting_person(context, key="risk")
        reason = st.text_input(
            t("columns.reason"), key=f"risk_reason_{short}", help=t("risk.reason_help")
        )
    with st.container(horizontal=True, key="risk_buttons"):
        if row["role"] is not None and st.button(
            t("risk.approve"), type="primary", icon=":material/check:", key=f"risk_approve_{short}"
        ):
            _answer(context, row, "approve", person, reason)
        if st.button(t("risk.hold"), icon=":material/front_hand:", key=f"risk_hold_{short}"):
            _answer(context, row, "reject", person, reason)


def _answer(
    context: PageContext, row: dict[str, object], verdict: Answer, person: str, reason: str
) -> None:
    def act() -> str:
        writes.answer(
            str(row["decision_id"]),
            verdict,
            person=person,
            reason=reason,
            is_asked=row["role"] is not None,
        )
        load_rule_hits.clear()
        return context.t(f"risk.done.{verdict}")

    acts.do(act)


def show_credit(context: PageContext, business: str, credit: pd.DataFrame) -> None:
    """Customers on credit beside their limits."""
    t = context.t
    if credit.empty:
        no_data(context, "risk.no_credit")
        return
    tables.show_table(
        credit,
        risk_words.credit_columns(context, business),
        context,
        key="credit_table",
        describe=t("risk.credit_alt"),
        height=480,
    )
    st.caption(t("risk.credit_how"))


def show_unpaid(context: PageContext, business: str) -> None:
    """Orders that will probably never be paid, and what such lists were worth."""
    t = context.t
    unpaid = load_unpaid_orders(context.edition, business, context.choices.channel)
    days = load_list_days(context.edition, business, "non_payment")
    if unpaid.empty and days.empty:
        no_data(context, "risk.unpaid.not_learnt")
        return
    if unpaid.empty:
        no_data(context, "risk.unpaid.none_waits")
    else:
        st.markdown(cards.escape(risk_words.unpaid_sentence(context, unpaid, days)))
        tables.show_table(
            risk_words.unpaid_frame(context, unpaid),
            risk_words.unpaid_columns(context, business),
            context,
            key="unpaid_table",
            describe=t("risk.unpaid.alt"),
            height=min(480, 60 + 36 * len(unpaid)),
        )
        st.caption(t("risk.unpaid.how", count=formats.count(LISTED)))
    if days.empty:
        return
    st.subheader(t("parcels.list_days"))
    tables.show_table(
        list_day_frame(days),
        risk_words.UNPAID_DAY_COLUMNS,
        context,
        key="unpaid_days_table",
        describe=t("parcels.list_days"),
    )
    st.caption(t("risk.unpaid.days_how", threshold=formats.rate(days["threshold"].iloc[0])))


def show_model(context: PageContext, business: str) -> None:
    """The model card of a risk: figures, calibration, parts and stretches of time, versions."""
    t = context.t
    versions = load_model_versions(context.edition, business)
    models = risk_words.learnt_models(versions)
    model = models[0]
    if len(models) > 1:
        model = address.switch(
            "model",
            models,
            models[0],
            label=t("columns.model"),
            format_func=lambda name: risk_words.model_label(context, name),
            variant=f"risk_model_{t.language}",
        )
    versions = versions[versions["model"] == model] if len(versions) else versions
    figures = load_model_figures(context.edition, business, model)
    if figures.empty:
        no_data(context, "risk.model.none")
    else:
        st.markdown(cards.escape(risk_words.model_sentence(context, figures)))
    if not versions.empty:
        _show_report(context, business, versions["report"].iloc[0])
    if not figures.empty:
        st.subheader(t("risk.model.figures"))
        tables.show_table(
            figures,
            risk_words.figure_columns(context),
            context,
            key="figures_table",
            describe=t("risk.model.figures"),
            height=360,
        )
    if not versions.empty:
        st.subheader(t("risk.model.versions"))
        tables.show_table(
            versions,
            risk_words.version_columns(context),
            context,
            key="versions_table",
            describe=t("risk.model.versions"),
        )


def _show_report(context: PageContext, business: str, report: object) -> None:
    t = context.t
    bins, slices = report_part(report, "calibration"), report_part(report, "slices")
    if not bins.empty:
        st.subheader(t("risk.model.calibration"), help=t("risk.model.calibration_help"))
        cards.plot(
            calibration_chart(
                bins,
                predicted_title=t("columns.predicted_rate"),
                observed_title=t("columns.observed_rate"),
                ideal_label=t("risk.model.ideal"),
            ),
            key="calibration_chart",
            alt=t("risk.model.calibration_help"),
        )
    if not slices.empty:
        st.subheader(t("risk.model.drift"), help=t("risk.model.drift_help"))
        tables.show_table(
            risk_words.slice_frame(context, slices, business),
            risk_words.DRIFT_COLUMNS,
            context,
            key="drift_table",
            describe=t("risk.model.drift"),
            height=320,
        )
    moved = report_part(report, "drift")
    if not moved.empty:
        st.subheader(t("risk.model.moved"), help=t("risk.model.moved_help"))
        st.markdown(cards.escape(risk_words.moved_sentence(context, moved)))
        tables.show_table(
            risk_words.moved_frame(context, moved),
            risk_words.MOVED_COLUMNS,
            context,
            key="moved_table",
            describe=t("risk.model.moved"),
            height=320,
        )
