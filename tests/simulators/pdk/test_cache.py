"""Conversions are kept, and made anew when what they come from has changed."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path

import pytest

from simulators.pdk.cache import forget, numeric_section
from simulators.pdk.registry import Pdk, own_folder

TT = ("tt",)


def entry() -> Path:
    [found] = (own_folder() / "numeric").iterdir()
    return found


def mark() -> None:
    """Changes the kept conversion, so that its use can be told from a new one."""
    data = json.loads(gzip.decompress(entry().read_bytes()))
    data["models"]["marked"] = ".model marked d"
    entry().write_bytes(gzip.compress(json.dumps(data).encode()))


def marked(pdk: Pdk) -> bool:
    return "marked" in numeric_section(pdk, TT).models


def test_it_is_used_again(pdk: Pdk) -> None:
    first = numeric_section(pdk, TT)
    assert numeric_section(pdk, TT) == first
    mark()
    assert marked(pdk)


@pytest.mark.parametrize("name", ["sky130.lib.spice", "all.spice", "corners/tt.spice"])
def test_a_file_that_changed(pdk: Pdk, name: str) -> None:
    numeric_section(pdk, TT)
    mark()
    file = pdk.library.parent / name
    file.write_text(file.read_text("ascii") + "* longer\n", encoding="ascii")
    assert not marked(pdk)


def test_a_file_that_the_section_does_not_read(pdk: Pdk) -> None:
    numeric_section(pdk, TT)
    mark()
    (pdk.library.parent / "corners" / "ss.spice").write_text("* other\n", encoding="ascii")
    assert marked(pdk)


def test_a_file_that_is_gone(pdk: Pdk) -> None:
    numeric_section(pdk, TT)
    mark()
    library = pdk.library.parent
    (library / "all.spice").rename(library / "cells.spice")
    top = pdk.library.read_text("ascii").replace("all.spice", "cells.spice")
    pdk.library.write_text(top, encoding="ascii")
    assert not marked(pdk)


@pytest.mark.parametrize("raw", [b"", b"nonsense", gzip.compress(b"[1]"), gzip.compress(b"{}")])
def test_a_damaged_one(pdk: Pdk, raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    first = numeric_section(pdk, TT)
    entry().write_bytes(raw)
    with caplog.at_level(logging.WARNING):
        assert numeric_section(pdk, TT) == first
    assert "it is made anew" in caplog.text
    assert numeric_section(pdk, TT) == first


def test_half_of_one(pdk: Pdk) -> None:
    first = numeric_section(pdk, TT)
    entry().write_bytes(entry().read_bytes()[:100])
    assert numeric_section(pdk, TT) == first


def test_nowhere_to_keep_it(
    pdk: Pdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file stands where the folder should be: not even root can write there."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="ascii")
    monkeypatch.setenv("ADO_PDK_HOME", str(blocked))
    with caplog.at_level(logging.WARNING):
        assert "nfet" in numeric_section(pdk, TT).subckts
    assert "cannot be kept" in caplog.text


def test_forgetting(pdk: Pdk) -> None:
    numeric_section(pdk, TT)
    forget()
    assert not list((own_folder() / "numeric").iterdir())
    forget()
