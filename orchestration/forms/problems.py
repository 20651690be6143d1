"""What is wrong with an entry, beside which field, in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from orchestration.decisions.definition_parts import Bilingual

Language = Literal["en", "zh"]

_SAYS: Mapping[str, Mapping[Language, str]] = {
    "required": {"en": "Fill this in.", "zh": "请填写此项。"},
    "unknown_field": {
        "en": "The form has no field {name}; leave it out.",
        "zh": "此表单没有“{name}”这一项，请删去。",
    },
    "not_text": {
        "en": "This must be one text or number; write it so.",
        "zh": "此项须为一段文字或一个数字，请改正。",
    },
    "too_long": {
        "en": "This is longer than {limit} characters; shorten it.",
        "zh": "内容超过 {limit} 个字符，请缩短。",
    },
    "control": {
        "en": "This holds characters that can't be printed; type it anew.",
        "zh": "内容含有无法显示的字符，请重新输入。",
    },
    "integer": {
        "en": "This must be a whole number such as 12.",
        "zh": "请填写整数，例如 12。",
    },
    "decimal": {
        "en": "This must be a number such as 12.5, with at most six decimals.",
        "zh": "请填写数字，例如 12.5，最多六位小数。",
    },
    "money": {
        "en": "This must be an amount such as 1200.50, with at most two decimals.",
        "zh": "请填写金额，例如 1200.50，最多两位小数。",
    },
    "date": {
        "en": "This must be a day such as 2026-11-30.",
        "zh": "请填写日期，例如 2026-11-30。",
    },
    "choice": {"en": "Choose one of: {choices}.", "zh": "请从以下选项中选择：{choices}。"},
    "minimum": {"en": "This must be {limit} or more.", "zh": "不得小于 {limit}。"},
    "maximum": {"en": "This must be {limit} or less.", "zh": "不得大于 {limit}。"},
    "pattern": {
        "en": "This is not written as it should be; see the help.",
        "zh": "格式不符，请参照填写说明。",
    },
    "no_currency": {
        "en": "Say in which currency the amounts are.",
        "zh": "请说明金额的币种。",
    },
    "unknown_sku": {
        "en": "There is no article {value}; correct it.",
        "zh": "没有商品 {value}，请改正。",
    },
    "unknown_site": {
        "en": "There is no site {value}; correct it.",
        "zh": "没有地点 {value}，请改正。",
    },
    "unknown_customer": {
        "en": "There is no customer {value} that you may see; correct it.",
        "zh": "没有您可查看的客户 {value}，请改正。",
    },
    "no_lines": {
        "en": "The form has no lines; leave them out.",
        "zh": "此表单没有明细行，请删去。",
    },
    "lines": {
        "en": "The lines must be a list of fields and values.",
        "zh": "明细行须为由各项及其内容组成的列表。",
    },
    "too_few_lines": {"en": "Fill in {limit} or more lines.", "zh": "请至少填写 {limit} 行。"},
    "too_many_lines": {
        "en": "There are more than {limit} lines; enter the rest as another one.",
        "zh": "超过 {limit} 行，请将其余部分另行提交。",
    },
    "incomputable": {
        "en": "The form can't be checked with these values; correct the numbers.",
        "zh": "这些内容无法校验，请改正数字。",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: which; `check` of a check of the form.
        field_name: beside which field; None: the whole entry.
        line: number of the line, from 1; None: not of a line.
        values: what the sentence names.
        said: the form's own sentence, of a check.
    """

    code: str
    field_name: str | None = None
    line: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    said: Bilingual | None = None

    def sentence(self, language: Language) -> str:
        """What is wrong and what to do."""
        if self.said is not None:
            return self.said.zh if language == "zh" else self.said.en
        return _SAYS[self.code][language].format(**self.values)

    def located(self) -> str:
        """The English sentence with its place, for a terminal."""
        places = [f"line {self.line}"] if self.line else []
        places += [self.field_name] if self.field_name else []
        return f"{', '.join(places)}: {self.sentence('en')}" if places else self.sentence("en")
