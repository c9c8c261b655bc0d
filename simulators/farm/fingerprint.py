"""What this process runs, in a word: results are the same bits only where it is the same."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("circuits", "simulators")


@cache
def fingerprint() -> str:
    """Version, sources and Python of this process, such as `0.1.0+3f2a9c01d77e python 3.11`.

    The sources count, not the version alone: two checkouts of a version under development differ.
    """
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(_ROOT).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    try:
        version = metadata.version("ado-service")
    except metadata.PackageNotFoundError:  # used from its sources
        version = "unknown"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{version}+{digest.hexdigest()[:12]} python {python}"
