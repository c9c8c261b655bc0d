"""PDKs of tests stand in folders of their own: nothing of this machine is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.pdk.registry import Pdk, installed_pdks
from tests.simulators.pdk import library


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without PDKs."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "ADO_PDK_PATH", "PDK_ROOT", "PDK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADO_PDK_HOME", str(home / "own"))
    return home


@pytest.fixture
def pdk(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> Pdk:
    """The small library, at ADO_PDK_PATH."""
    root = nobody / "pdk" / "sky130A"
    library.write(root)
    monkeypatch.setenv("ADO_PDK_PATH", str(root))
    return installed_pdks()[0]
