"""Identity: names in both scripts, households and recycled numbers, records added later."""

from collections.abc import Mapping

import pandas as pd
import pytest

from models_ml.frames import FrameError
from models_ml.identity import LinkModel, Resolver, learn_links, resolve
from models_ml.identity.names import read_name
from tests.benchmarks.chinese_people import records
from tests.benchmarks.identity import b_cubed

COLUMNS = {
    "record": "record_id", "name": "name", "phone": "phone", "email": "email",
    "address": "address", "region": "province",
}  # fmt: skip


@pytest.fixture(scope="module")
def people() -> tuple[pd.DataFrame, pd.Series]:
    return records(1500, seed=3)


@pytest.fixture(scope="module")
def model(people: tuple[pd.DataFrame, pd.Series]) -> LinkModel:
    return learn_links(people[0], columns=COLUMNS)


@pytest.mark.parametrize(
    ("one", "other"),
    [("张伟", "Zhang Wei"), ("张伟", "wei ZHANG"), ("欧阳娜娜", "Nana Ouyang"),
     ("曾志伟", "Zeng Zhiwei"),
     ("José Peña", "PENA, Jose"), ("王小明", "Wang Xiao Ming"), ("张伟", "ＺＨＡＮＧ　Ｗｅｉ")],
)  # fmt: skip
def test_one_name_in_two_forms_has_one_key(one: str, other: str) -> None:
    assert read_name(one).key == read_name(other).key != ""


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("张**", "zhang"),
        ("张女士", "zhang"),
        ("*伟", ""),
        ("J. Smith", "smith"),
        ("欧阳*", "ouyang"),
    ],
)
def test_a_masked_name_tells_only_what_it_shows(text: str, visible: str) -> None:
    assert (read_name(text).key, read_name(text).visible) == ("", visible)


def test_persons_of_a_known_world_are_found(
    people: tuple[pd.DataFrame, pd.Series], model: LinkModel
) -> None:
    found = resolve(people[0], columns=COLUMNS, model=model)

    precision, recall, f1 = b_cubed(people[1], found.set_index("record")["entity"])
    assert (precision > 0.97, recall > 0.9, f1 > 0.95) == (True, True, True)
    linked = found[found["evidence"] != ""]
    assert linked["evidence"].str.contains("with r0").all()
    assert linked["probability"].between(0.9, 1).all()


def test_records_added_later_give_the_answer_of_a_full_run(
    people: tuple[pd.DataFrame, pd.Series], model: LinkModel
) -> None:
    table = people[0]
    at_once, in_parts = Resolver(model), Resolver(model)
    at_once.add(table)
    for part in (table[:900], table[900:1400], table[1400:]):
        in_parts.add(part)

    columns = ["record", "entity"]
    pd.testing.assert_frame_equal(in_parts.resolution()[columns], at_once.resolution()[columns])
    with pytest.raises(FrameError, match="share their record_id"):
        in_parts.add(table[:1])


def test_a_masked_record_does_not_join_two_members_of_a_household(model: LinkModel) -> None:
    address = "北京市朝阳区建国路88号3号楼502室"
    household = pd.DataFrame(
        [("a1", "张伟"), ("a2", "Zhang Wei"), ("b1", "张强"), ("x", "张*")],
        columns=["record_id", "name"],
    ).assign(phone="13812345678", email=None, address=address, province="北京市")

    found = resolve(household, columns=COLUMNS, model=model).set_index("record")["entity"]

    assert found["a1"] == found["a2"] != found["b1"]


def test_sources_keep_their_own_ids(model: LinkModel) -> None:
    shop = pd.DataFrame(
        {"record_id": [1, 2], "name": ["李静", "王磊"],
         "phone": ["+86 139-1111-2222", "13700000001"],
         "email": None, "address": None, "province": "浙江省"}
    )  # fmt: skip
    tmall = shop.head(1).assign(name="Li Jing", phone="13911112222")

    found = resolve({"shop": shop, "tmall": tmall}, columns=COLUMNS, model=model)

    assert found["source"].tolist() == ["shop", "shop", "tmall"]
    assert found["entity"].tolist() == ["shop:1", "shop:2", "shop:1"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"record": "record_id", "shoe_size": "name"}, "no role"),
        ({"record": "record_id", "email": "mail"}, "lacks the column"),
        ({"record": "record_id"}, "nothing that can be compared"),
        ({"record": "province", "name": "name"}, "share their record_id"),
    ],
)
def test_what_cannot_be_resolved_is_refused(
    people: tuple[pd.DataFrame, pd.Series], columns: Mapping[str, str], said: str
) -> None:
    with pytest.raises(FrameError, match=said):
        resolve(people[0].head(20), columns=columns)
