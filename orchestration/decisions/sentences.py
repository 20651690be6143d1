"""One readable sentence of a rule in each language, with its parameters' values filled in."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import assert_never

from orchestration.decisions.definition import ONCE, RuleDefinition
from orchestration.decisions.definition_parts import (
    Action,
    RowAppears,
    RowChanges,
    Schedule,
    StateLasts,
)
from orchestration.decisions.vocabulary import Language, Part, condition_words, label

_ACTIONS: Mapping[str, Mapping[Language, str]] = {
    "notify": {"en": "notify {to}", "zh": "通知{to}"},
    "create_task": {"en": "create a task for {to}", "zh": "为{to}创建任务"},
    "request_approval": {"en": "ask {to} for approval", "zh": "请{to}审批"},
    "request_purchase": {"en": "request a purchase", "zh": "生成采购申请"},
    "issue_coupon": {"en": "issue a coupon", "zh": "发放优惠券"},
    "freeze_customer": {"en": "freeze the customer's credit", "zh": "冻结客户信用"},
    "require_prepayment": {"en": "require prepayment", "zh": "要求先款后货"},
    "route_order": {"en": "route the order", "zh": "指派发货地"},
    "release_order": {"en": "release the order to the warehouse", "zh": "订单直接放行至仓库"},
    "reship": {"en": "ship again", "zh": "重新发货"},
    "chase": {"en": "chase the carrier", "zh": "催促承运商"},
    "escalate": {"en": "escalate to {to}", "zh": "升级至{to}"},
    "review_contract": {"en": "have the contract reviewed", "zh": "审核合同条款"},
    "approve_return": {"en": "approve the return", "zh": "自动同意退货"},
    "create_record": {"en": "create a record", "zh": "创建记录"},
    "update_record": {"en": "update a record", "zh": "更新记录"},
    "create_purchase_order": {"en": "order the goods", "zh": "下采购单"},
    "create_transfer": {"en": "have the goods transferred", "zh": "创建调拨单"},
    "create_invoice": {"en": "draft an invoice", "zh": "生成发票草稿"},
    "update_stock": {"en": "set the shop's stock", "zh": "更新店铺库存"},
    "report_shipment": {"en": "tell the shop that it was shipped", "zh": "回传发货信息"},
    "create_pick_list": {"en": "have the goods picked", "zh": "生成拣货单"},
    "create_drop_shipment": {"en": "have the supplier send it", "zh": "请供应商直发"},
    "recall_drop_shipment": {"en": "call the supplier's shipment back", "zh": "撤回供应商直发"},
    "recall_pick_list": {"en": "call the pick list back", "zh": "撤回拣货单"},
}
_WORDS: Mapping[str, Mapping[Language, str]] = {
    "row_appears": {
        "en": "When {table} first fulfils: {condition}",
        "zh": "当{table}首次满足：{condition}",
    },
    "row_changes": {
        "en": "Each time {columns} of {table} changes and it fulfils: {condition}",
        "zh": "每当{table}的{columns}变化，且满足：{condition}",
    },
    "schedule": {
        "en": "At {at} on {days}, for {table} that fulfils: {condition}",
        "zh": "在{days} {at}，对满足以下条件的{table}：{condition}",
    },
    "state_lasts": {
        "en": "When {table}, {hours} hours after its {since}, still fulfils: {condition}",
        "zh": "当{table}自{since}起 {hours} 小时后仍满足：{condition}",
    },
    "every_day": {"en": "every day", "zh": "每天"},
    "each": {"en": " (once per {occurrence})", "zh": "（每个{occurrence}一次）"},
    "record": {"en": "record a decision", "zh": "记录一项决策"},
    "if": {"en": "if {when}, {actions}", "zh": "若{when}，则{actions}"},
    "else": {"en": "otherwise {actions}", "zh": "否则{actions}"},
    "options": {"en": "a person chooses from {options}", "zh": "由人员从{options}中选择"},
    "cost": {"en": "{label} ({cost} {currency})", "zh": "{label}（{cost} {currency}）"},
    "budget": {
        "en": "at {cost} {currency} each, at most {limit} {per}",
        "zh": "每次 {cost} {currency}，{per}上限 {limit}",
    },
    "holdout": {
        "en": "{share} % of subjects are left alone to measure the effect",
        "zh": "随机保留 {share}% 不处理以衡量效果",
    },
    "cooldown": {
        "en": "at most one open decision per subject within {days} days",
        "zh": "同一对象 {days} 天内最多一项未结决策",
    },
    "cooldown_by_row": {
        "en": "at most one open decision per subject for the {days}",
        "zh": "同一对象在{days}内最多一项未结决策",
    },
    "from": {"en": "from {day} on", "zh": "自 {day} 起"},
    "until": {"en": "until {day}", "zh": "至 {day} 止"},
    "owner": {
        "en": "owner {owner}, priority {priority}",
        "zh": "负责人：{owner}，优先级 {priority}",
    },
    "day": {"en": "a day", "zh": "每日"},
    "week": {"en": "a week", "zh": "每周"},
    "month": {"en": "a month", "zh": "每月"},
    "all_time": {"en": "in all", "zh": "总计"},
    "and": {"en": ", then ", "zh": "，然后"},
    "next": {"en": "; ", "zh": "；"},
    "comma": {"en": ", ", "zh": "，"},
    "stop": {"en": ".", "zh": "。"},
}
_DAYS_ZH = dict(
    zip(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
        strict=True,
    )
)


def rule_sentence(rule: RuleDefinition, language: Language) -> str:
    """What a rule does, as one sentence in English or Chinese."""
    return _Writer(rule, language).sentence()


class _Writer:
    def __init__(self, rule: RuleDefinition, language: Language) -> None:
        self._rule, self._language = rule, language

    def sentence(self) -> str:
        steps = self._steps() or [self._say("record")]
        terms = [*self._terms(), self._say(
            "owner", owner=self._label("people", self._rule.owner), priority=self._rule.priority
        )]  # fmt: skip
        next_, comma = self._say("next"), self._say("comma")
        return f"{self._trigger()}{comma}{next_.join([*steps, *terms])}{self._say('stop')}"

    def _say(self, word: str, **values: object) -> str:
        return _WORDS[word][self._language].format(**values)

    def _value(self, name: str) -> str:
        value = self._rule.parameters[name].bound()
        return f"{value:,}" if isinstance(value, int | Decimal) else str(value)

    def _filled(self, condition: str) -> str:
        """A condition in words, with the values of its parameters."""
        return condition_words(
            condition,
            self._language,
            lambda name: self._value(name) if name in self._rule.parameters else None,
        )

    def _label(self, part: Part, name: str) -> str:
        return label(part, name, self._language)

    def _trigger(self) -> str:
        rule, trigger = self._rule, self._rule.trigger
        common = {
            "table": self._label("tables", rule.source_table),
            "condition": self._filled(rule.condition),
        }
        occurrence = self._label("columns", rule.occurrence)
        each = "" if rule.occurrence == ONCE else self._say("each", occurrence=occurrence)
        if isinstance(trigger, RowAppears):
            return self._say("row_appears", **common) + each
        if isinstance(trigger, RowChanges):
            return self._say(
                "row_changes",
                **common,
                columns=self._say("comma").join(
                    self._label("columns", name) for name in trigger.columns
                ),
            )
        if isinstance(trigger, Schedule):
            at = self._value(trigger.at_parameter)
            return self._say("schedule", **common, at=at, days=self._days(trigger))
        if isinstance(trigger, StateLasts):
            hours = self._value(trigger.hours_parameter)
            return (
                self._say(
                    "state_lasts",
                    **common,
                    hours=hours,
                    since=self._label("columns", trigger.since),
                )
                + each
            )
        assert_never(trigger)

    def _days(self, trigger: Schedule) -> str:
        if len(trigger.weekdays) == len(_DAYS_ZH):
            return self._say("every_day")
        if self._language == "zh":
            return "、".join(_DAYS_ZH[day] for day in trigger.weekdays)
        return ", ".join(day.capitalize() for day in trigger.weekdays)

    def _steps(self) -> list[str]:
        rule = self._rule
        steps = [self._actions(rule.actions)] if rule.actions else []
        for branch in rule.branches:
            actions = self._actions(branch.actions)
            if branch.when is None:
                steps.append(self._say("else", actions=actions))
            else:
                steps.append(self._say("if", when=self._filled(branch.when), actions=actions))
        if rule.options:
            steps.append(self._say("options", options=self._options()))
        return steps

    def _actions(self, actions: Sequence[Action]) -> str:
        return self._say("and").join(
            _ACTIONS[action.type][self._language].format(to=self._label("people", action.to or ""))
            for action in actions
        )

    def _cooldown(self, days: int | str) -> str:
        """A number of days, or the column that holds it."""
        if isinstance(days, int):
            return self._say("cooldown", days=days)
        return self._say("cooldown_by_row", days=self._label("columns", days))

    def _options(self) -> str:
        shown = []
        for option in self._rule.options:
            label = getattr(option.label, self._language)
            if option.cost_parameter:
                cost = self._value(option.cost_parameter)
                label = self._say("cost", label=label, cost=cost, currency=option.currency)
            shown.append(label)
        return self._say("comma").join(shown)

    def _terms(self) -> list[str]:
        rule, found = self._rule, []
        if rule.budget:
            found.append(self._say(
                "budget",
                cost=self._value(rule.budget.cost_parameter),
                limit=self._value(rule.budget.limit_parameter),
                currency=rule.budget.currency,
                per=self._say(rule.budget.per),
            ))  # fmt: skip
        if rule.cooldown_days:
            found.append(self._cooldown(rule.cooldown_days))
        if rule.holdout_share:
            found.append(
                self._say("holdout", share=f"{rule.holdout_share * 100:f}".rstrip("0").rstrip("."))
            )
        if rule.effective.first_day:
            found.append(self._say("from", day=rule.effective.first_day))
        if rule.effective.last_day:
            found.append(self._say("until", day=rule.effective.last_day))
        return found
