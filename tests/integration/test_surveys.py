"""Answers to surveys, from a file with a line an answer and from an Excel export of Wenjuanxing."""

from pathlib import Path

import pytest
from openpyxl import Workbook

from connectors.settings import load_settings
from connectors.sources.files.load import load_files
from tests.models import build_models, rows

pytestmark = pytest.mark.integration

ANSWERS = """\
response_id,answered_at,respondent_kind,respondent,survey,question,score,scale_max,comment,order_no
R1,2026-03-01 23:30:00,customer,13812345678,after_delivery,satisfaction,5,5,请联系13812345678,SO-1
R1,2026-03-01 23:30:00,customer,13812345678,after_delivery,recommendation,10,10,,SO-1
R1,2026-03-01 23:30:00,customer,13812345678,after_delivery,recommendation,10,10,,SO-1
R2,2026-03-02 08:00:00,经销商,B0001,partners,满意度,一般,5,,
R2,2026-03-02 08:00:00,经销商,B0001,partners,price,4,5,,
R3,2026-03-02 08:00:00,customer,王小明,after_delivery,satisfaction,6,5,,
R4,2026-03-02 08:00:00,customer,A,after_delivery,satisfaction,,5,,
R5,2026-03-02 08:00:00,customer,A,after_delivery,satisfaction,so so,5,,
"""
HEADERS = (
    "序号", "提交答卷时间", "所用时间", "来源", "来源详情", "来自IP", "1、满意度", "2、物流满意度",
    "3、推荐意愿", "4、意见或建议", "5、订单号", "6、手机号", "7、您的身份",
)  # fmt: skip
SENT = ("60秒", "链接", "N/A", "10.0.0.1")
RESPONSES = (
    (1, "2026/03/03 12:00:05", *SENT, "非常满意", "4", "9", "不错", "SO-1", "13812345678", "买家"),
    (2, "2026/03/03 12:10:00", *SENT, "还行", None, "6分", None, None, None, None),
    (3, "2026/03/03 12:20:00", *SENT, "3", "3", "11", None, None, None, "买家"),
)


def test_answers_of_both_layouts_are_read_and_what_nobody_mapped_is_shown(tmp_path: Path):
    settings = load_settings(home=tmp_path / "home")
    path = tmp_path / "answers.csv"
    path.write_text(ANSWERS, encoding="gb18030")
    load_files(settings, "surveys", path)
    book = Workbook()
    for row in (HEADERS, *RESPONSES):
        book.active.append(row)
    export = tmp_path / "306456415_按文本_三月满意度_3_3.xlsx"
    book.save(export)
    load_files(settings, "wenjuanxing", export)
    build_models(settings, "+rpt_satisfaction", "+quarantined_records")
    told = rows(
        settings,
        "select survey, question_code, respondent_kind, cast(answered_on as varchar), "
        "cast(score as double), scale_max, is_satisfied, recommendation, length(respondent_token) "
        "from lake.marts.fct_survey_answers order by source, response_no, question",
    )
    customer, march_2 = "customer", "2026-03-02"
    after, zh, march_3 = "after_delivery", "三月满意度", "2026-03-03"
    assert told == [
        (after, "recommendation", customer, "2026-03-01", 10, 10, None, "promoter", 64),
        (after, "satisfaction", customer, "2026-03-01", 5, 5, True, None, 64),
        ("partners", "other", "partner", march_2, 4, 5, None, None, 64),
        ("partners", "satisfaction", "partner", march_2, 3, 5, False, None, 64),
        (after, "satisfaction", customer, march_2, None, 5, None, None, 64),
        (zh, "delivery", customer, march_3, 4, 5, True, None, 64),
        (zh, "recommendation", customer, march_3, 9, 10, None, "promoter", 64),
        (zh, "satisfaction", customer, march_3, 5, 5, True, None, 64),
        (zh, "recommendation", "not_told", march_3, 6, 10, None, "detractor", None),
        (zh, "satisfaction", "not_told", march_3, None, 5, None, None, None),
    ]
    same_phone = rows(
        settings,
        "select count(distinct respondent_token) from lake.marts.fct_survey_answers "
        "where order_no = 'SO-1'",
    )
    assert same_phone == [(1,)]
    (comment,) = rows(
        settings, "select comment from lake.marts.fct_survey_answers where comment like '%联系%'"
    )
    assert "13812345678" not in comment[0]
    unmapped = rows(
        settings,
        "select question, source_answer from lake.marts.fct_survey_answers "
        "where question_code = 'other' or score is null order by 2",
    )
    assert unmapped == [("price", "4"), ("satisfaction", "so so"), ("satisfaction", "还行")]
    refused = rows(settings, "select reason, payload from lake.marts.quarantined_records")
    assert len(refused) == 2
    assert all("scale" in reason and "王小明" not in payload for reason, payload in refused)
    (sums,) = rows(
        settings,
        "select sum(answer_count), sum(rated_count), sum(satisfied_count), "
        "sum(recommendation_count), sum(promoter_count), sum(detractor_count), "
        "sum(unscored_count) from lake.reports.rpt_satisfaction",
    )
    assert [int(n) for n in sums] == [10, 4, 3, 3, 2, 1, 3]
