"""Where a CSV record ends: quoted line breaks stay inside, a forgotten quote costs one line."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.files.delimited import RecordFramer


def frame(text: str, *, delimiter: str = ",", block_lines: int = 3):
    """Records and (number, reason) of unreadable lines, fed in small blocks."""
    framer = RecordFramer(delimiter)
    lines = io.StringIO(text, newline="").readlines()
    blocks = [lines[i : i + block_lines] for i in range(0, len(lines), block_lines)]
    framed = [*map(framer.feed, blocks), framer.feed([], is_last=True)]
    records = [pair for part in framed for pair in zip(part.numbers, part.texts, strict=True)]
    return records, [record for part in framed for record in part.unreadable]


VALUES = st.text(alphabet=st.sampled_from("a中\",\n\r; '"), max_size=6)


@given(
    width=st.integers(1, 4),
    data=st.data(),
    style=st.sampled_from(
        [("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|", "^"]),
    block_lines=st.integers(1, 5),
)
def test_well_formed_files_come_back_record_by_record(width, data, style, delimiter, block_lines):
    line_end, quoting = style
    rows = data.draw(st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=8))
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end, quoting=quoting, delimiter=delimiter).writerows(rows)
    records, unreadable = frame(text.getvalue(), delimiter=delimiter, block_lines=block_lines)
    parsed = [
        next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter))
        for _, record in records
    ]
    assert parsed == rows
    assert [number for number, _ in records] == list(range(1, len(rows) + 1))
    assert unreadable == []


def test_forgotten_quote_costs_one_line():
    records, unreadable = frame('1,"a\n2,b\n3,c\n4,d\n')
    assert [text for _, text in records] == ["2,b\n", "3,c\n", "4,d\n"]
    assert [number for number, _ in records] == [2, 3, 4]
    assert [(record.number, record.text) for record in unreadable] == [(1, '1,"a')]
    assert "never closed" in unreadable[0].reason


def test_two_forgotten_quotes_do_not_swallow_what_is_between_them():
    records, unreadable = frame('1,"a\n2,b\n3,c\n4,"d\n5,e\n')
    assert [text for _, text in records] == ["2,b\n", "3,c\n", "5,e\n"]
    assert [record.number for record in unreadable] == [1, 4]


def test_forgotten_quote_before_quoted_lines_costs_one_line():
    records, unreadable = frame('"1","a\n"2","b"\n"3","c ""x"""\n')
    assert [text for _, text in records] == ['"2","b"\n', '"3","c ""x"""\n']
    assert [record.text for record in unreadable] == ['"1","a']


def test_text_after_a_closing_quote_is_unreadable():
    records, unreadable = frame('1,"a" b\n2,"c"\n')
    assert [text for _, text in records] == ['2,"c"\n']
    assert "after a closing quote" in unreadable[0].reason


def test_quote_inside_an_unquoted_value_is_text():
    records, unreadable = frame('1,5" pipe\n2,b\n')
    assert [text for _, text in records] == ['1,5" pipe\n', "2,b\n"]
    assert unreadable == []


def test_quote_open_over_very_many_lines_counts_as_forgotten():
    text = '1,"a\n' + "x,y\n" * 3_000 + '2,"b"\n'
    records, unreadable = frame(text, block_lines=100)
    assert len(records) == 3_001
    assert [record.number for record in unreadable] == [1]


def test_blank_lines_are_not_records():
    records, unreadable = frame("1,a\n\n\r\n2,b\n\n")
    assert [number for number, _ in records] == [1, 2]
    assert unreadable == []
