"""Folders that are there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

_NUMBER = re.compile(r"\(os error (\d+)\)")


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """A draft to be filled, which takes the place of `place` when the block ends.

    When the block raises, the draft goes and what was there stays. The draft is beside `place` and
    always the same one: what a process that was killed left is overwritten.

    Raises:
        OSError: it cannot be written.
    """
    draft = place.with_name(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        with _as_os_error(place):
            yield draft
        _sync(draft)
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _sync(folder: Path) -> None:
    """Have the disk take all of it, or say that it cannot."""
    for one in folder.rglob("*"):
        if one.is_file():
            with one.open("rb") as file:
                os.fsync(file.fileno())


@contextmanager
def _as_os_error(place: Path) -> Iterator[None]:
    """Safetensors tells of a full disk in an error of its own."""
    try:
        yield
    except SafetensorError as error:
        number = _NUMBER.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(place)) from error
