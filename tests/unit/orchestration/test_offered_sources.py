"""`fourflow run --source`: what it remembers and refuses; the demo's home is not a real shop's."""

from pathlib import Path

import pytest

from connectors.configuration import load_configuration, remembered_files
from connectors.errors import InputError
from connectors.settings import Settings, load_settings
from orchestration.cli.run_once import offered_sources, refuse_demo_home


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """An installation with a platform and with files under another name than their mapping's."""
    path = tmp_path / "fourflow.yml"
    path.write_text(
        "sources:\n  till: {connector: files, path: old, source: sandbox}\n"
        "  taobao: {accounts: {a: {app_key: 1}}}\n",
        encoding="utf-8",
    )
    return load_settings(home=tmp_path / "home", config=str(path))


def test_paths_are_remembered_and_names_taken_from_the_file(shop: Settings, tmp_path: Path):
    assert offered_sources(shop, [f"tmall={tmp_path}", f"till={tmp_path}"]) == ["tmall", "till"]
    assert remembered_files(shop) == {"tmall": tmp_path, "till": tmp_path}
    assert offered_sources(shop, ["tmall", "taobao"]) == ["tmall", "taobao"]
    sources = load_configuration(shop).sources
    assert sources["till"].mapping == "sandbox"
    assert sources["till"].path == tmp_path


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("tmal={here}", "no source 'tmal'; did you mean tmall"),
        ("tmal", "no source 'tmal'; did you mean tmall"),
        ("tmall", "Source tmall has no path yet"),
        ("tmall={here}/nothing", "There is no file or folder"),
        ("taobao={here}", "Source taobao is the platform taobao in fourflow.yml"),
    ],
)
def test_a_mistake_is_remembered_nowhere(
    shop: Settings, tmp_path: Path, option: str, sentence: str
):
    with pytest.raises(InputError, match=sentence):
        offered_sources(shop, [f"till={tmp_path}", option.replace("{here}", str(tmp_path))])
    assert remembered_files(shop) == {}


def test_a_real_shop_is_not_read_into_the_demo(shop: Settings):
    refuse_demo_home(shop)
    shop.root.mkdir()
    (shop.root / "demo.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds the demo, and .* is about something else"):
        refuse_demo_home(shop)
    refuse_demo_home(load_settings(home=shop.root, config="none"))
    own = shop.root / "fourflow.yml"
    own.write_text("", encoding="utf-8")
    refuse_demo_home(load_settings(home=shop.root, config=str(own)))
