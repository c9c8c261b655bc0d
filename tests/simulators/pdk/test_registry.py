"""Where PDKs are looked for, in the order that their users expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.pdk.errors import PdkError
from simulators.pdk.family import FAMILIES
from simulators.pdk.registry import find_pdk, installed_pdks, own_folder
from tests.simulators.pdk import gf180, library

SKY130, GF180 = FAMILIES


def sources() -> list[str]:
    return [pdk.source for pdk in installed_pdks()]


def test_the_order_of_places(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place is used before those that were there earlier."""
    library.write(nobody / "own" / "sky130A")
    assert sources() == ["`ado pdk install`"]
    library.write(nobody / ".volare" / "sky130A")
    assert sources()[0] == "~/.volare"
    library.write(nobody / ".ciel" / "sky130B")
    assert sources()[0] == "~/.ciel"
    library.write(nobody / "root" / "sky130A")
    library.write(nobody / "root" / "sky130B")
    monkeypatch.setenv("PDK_ROOT", str(nobody / "root"))
    assert (find_pdk(SKY130).source, find_pdk(SKY130).name) == ("$PDK_ROOT", "sky130A")
    monkeypatch.setenv("PDK", "sky130B")
    assert (find_pdk(SKY130).source, find_pdk(SKY130).name) == ("$PDK_ROOT/$PDK", "sky130B")
    library.write(nobody / "mine")
    monkeypatch.setenv("ADO_PDK_PATH", f"{nobody / 'nothing'}:{nobody / 'mine'}")
    assert (find_pdk(SKY130).source, find_pdk(SKY130).root) == ("ADO_PDK_PATH", nobody / "mine")
    assert sources() == [
        "ADO_PDK_PATH", "$PDK_ROOT/$PDK", "$PDK_ROOT", "~/.ciel", "~/.volare", "`ado pdk install`",
    ]  # fmt: skip


def test_a_library_file_itself(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = library.write(nobody / "sky130A")
    monkeypatch.setenv("ADO_PDK_PATH", str(file))
    found = find_pdk(SKY130)
    assert (found.library, found.root) == (file, nobody / "sky130A")


def test_a_library_file_without_its_folders(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = nobody / gf180.LIBRARY
    file.write_text(".lib typical\n.endl\n", encoding="ascii")
    monkeypatch.setenv("ADO_PDK_PATH", str(file))
    assert find_pdk(GF180).root == nobody


def test_combined_models_come_before_the_usual_ones(
    nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    combined = library.write(nobody / "pdk")
    usual = nobody / "pdk" / "libs.tech" / "ngspice" / combined.name
    usual.parent.mkdir()
    usual.write_text(combined.read_text("ascii"), encoding="ascii")
    monkeypatch.setenv("ADO_PDK_PATH", str(nobody / "pdk"))
    assert [pdk.library for pdk in installed_pdks()] == [combined, usual]


def test_families_do_not_hide_each_other(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library.write(nobody / "root" / "sky130A")
    gf180.write(nobody / "root" / "gf180mcuC")
    monkeypatch.setenv("PDK_ROOT", str(nobody / "root"))
    assert find_pdk(GF180).name == "gf180mcuC"
    assert find_pdk(SKY130).name == "sky130A"


def test_none(nobody: Path) -> None:
    with pytest.raises(PdkError) as raised:
        find_pdk(SKY130)
    assert "no PDK of sky130 is installed; run `ado pdk install sky130`" in str(raised.value)
    assert "~/.ciel, ~/.volare" in str(raised.value)
    with pytest.raises(PdkError, match="install it with ciel, or set ADO_PDK_PATH"):
        find_pdk(GF180)


def test_the_own_folder_is_the_users(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADO_PDK_HOME")
    assert own_folder().is_relative_to(nobody)
