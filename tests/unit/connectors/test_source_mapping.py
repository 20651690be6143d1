"""The YAML of a source: what is accepted, and what a mistake in it gets told."""

import pytest

from connectors.errors import InputError
from connectors.settings import Settings
from connectors.sources.mapping import list_sources, load_source
from tests.unit.connectors.conftest import ORDER_COLUMNS, order_mapping


@pytest.mark.parametrize("name", ["tmall", "online_retail", "sandbox"])
def test_shipped_sources_are_valid(settings: Settings, name: str):
    assert name in list_sources(settings)
    source = load_source(settings, name)
    assert source.entities
    assert all(entity.table == f"{name}_{entity.name}" for entity in source.entities)


def test_mapping_is_read_with_its_defaults(write_mapping, settings: Settings):
    columns = {
        "order_no": {"header": " 订单编号 ", "type": "id", "required": True},
        "year": {"header": 2024, "type": "text", "optional": True},
    }
    write_mapping(orders={"files": ["*.csv"], "record_key": ["order_no"], "columns": columns})
    source = load_source(settings, "shop")
    entity = source.entity("orders")
    assert list_sources(settings) == ["shop"]
    assert source.mapping.time_zone == "Asia/Shanghai"
    assert entity.table == "shop_orders"
    assert entity.mapping.encodings == ["utf-8-sig", "gb18030"]
    assert entity.mapping.delimiter == ","
    assert entity.needed_headers() == ["订单编号"]
    assert entity.mapping.columns["year"].header == "2024"


def column(**changes):
    return {"order_no": {**ORDER_COLUMNS["order_no"], **changes}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"delimeter": ";"}, "unknown key `delimeter`, did you mean delimiter"),
        ({"zzz": 1}, "unknown key `zzz`, known are columns, comment, currency_code"),
        (
            {"columns": column(requierd=True)},
            "unknown key `requierd` under `columns.order_no`, did you mean required",
        ),
        ({"columns": column(type="amount")}, "`columns.order_no.type`: input should be 'id'"),
        ({"columns": column(header=" ")}, "a header must not be empty"),
        ({"columns": column(pattern="([0-9]+")}, "'([0-9]+' is not a regular expression"),
        ({"columns": column(pattern="[0-9]+")}, "must have exactly one group"),
        ({"columns": column(path="#")}, "`#` and `of: parent` are not for columns of files"),
        ({"columns": column(key="a b")}, "`columns.order_no.key`: string should match pattern"),
        ({"columns": {}}, "`columns`: dictionary should have at least 1 item"),
        ({"record_key": ["line_no"]}, "record_key names 'line_no'"),
        ({"encodings": ["utf-9"]}, "'utf-9' is not an encoding"),
        ({"delimiter": "||"}, "a delimiter is one ASCII character"),
        ({"files": ["../*.csv"]}, "must be a pattern below the offered folder"),
        ({"files": []}, "exactly one of `files`, `endpoint` and `record_of`"),
        ({"format": "xml"}, "`format`: input should be 'csv'"),
        ({"time_zone": "Asia/Beijing"}, "'Asia/Beijing' is not a time zone"),
        ({"currency_code": "yuan"}, "`currency_code`: string should match pattern"),
    ],
)
def test_mistake_in_an_entity_is_one_sentence(write_mapping, settings, changes, sentence):
    write_mapping(orders=order_mapping(**changes))
    with pytest.raises(InputError) as raised:
        load_source(settings, "shop")
    message = str(raised.value)
    assert sentence in message
    assert "entity shop.orders" in message
    assert "_shop__sources.yml" in message
    assert "\n" not in message


def test_only_elements_of_an_array_are_numbered(write_mapping, settings):
    place = {"path": "#", "type": "integer"}
    record = {"record_key": ["line_no"], "columns": {"line_no": place}}
    write_mapping(orders={**record, "endpoint": "orders"})
    with pytest.raises(InputError, match="the path `#` belongs to an entity with `record_of`"):
        load_source(settings, "shop")


def test_missing_key_and_further_mistakes_are_counted(write_mapping, settings):
    mapping = order_mapping(zzz=1)
    del mapping["record_key"]
    write_mapping(orders=mapping)
    with pytest.raises(InputError, match=r"key `record_key` is missing \(1 more after that\)"):
        load_source(settings, "shop")


def test_mistake_in_the_source_is_one_sentence(write_mapping, settings):
    write_mapping(source={"timezone": "UTC"}, orders=order_mapping())
    with pytest.raises(InputError, match="unknown key `timezone`, did you mean time_zone"):
        load_source(settings, "shop")


def test_unknown_source_suggests_the_nearest(settings: Settings):
    with pytest.raises(InputError, match="no source 'tmal'; did you mean tmall"):
        load_source(settings, "tmal")
    with pytest.raises(InputError, match=r"known are .*online_retail"):
        load_source(settings, "../../etc")


def test_unknown_entity_suggests_the_nearest(settings: Settings):
    with pytest.raises(InputError, match="has no entity 'order'; did you mean orders"):
        load_source(settings, "sandbox").entity("order")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sources: [", "is not valid YAML"),
        ("version: 2", "declares no source named 'shop'"),
        ("sources: [{name: shop}]", "Source shop in .* has no mapping"),
        (
            "sources: [{name: shop, config: {meta: {fourflow: {time_zone: UTC}}}}]",
            "declares no tables",
        ),
        (
            "sources: [{name: shop, config: {meta: {fourflow: {time_zone: UTC}}}, "
            "tables: [{name: orders, identifier: orders}]}]",
            "must say `identifier: shop_orders`",
        ),
    ],
)
def test_incomplete_yaml_is_one_sentence(write_mapping, settings, text, sentence):
    write_mapping(orders=order_mapping())
    path = load_source(settings, "shop").declared_in
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        load_source(settings, "shop")


def test_sources_without_a_mapping_are_not_listed(write_mapping, settings):
    write_mapping(orders=order_mapping())
    path = load_source(settings, "shop").declared_in
    other = path.parent.parent / "loads" / "_loads__sources.yml"
    other.parent.mkdir()
    other.write_text("sources: [{name: loads, tables: [{name: x}]}]", encoding="utf-8")
    assert list_sources(settings) == ["shop"]
