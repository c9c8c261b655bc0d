"""A safetensors file: checked whole before anything is read from it.

The format: 8 bytes, the length n of the header; n bytes of JSON, for each tensor its dtype, shape
and place; then the tensors (https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ado_service.local_llm.errors import WeightsError

_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000  # the limit of the format
_LFS_POINTER = b"version https://git-lfs"
_SAMPLES, _SAMPLE_BYTES = 16, 4096


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor lies in the file, in bytes after the header, and what it looks like."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class WeightsFile:
    """A safetensors file whose header was read and whose length is what the header says."""

    path: Path
    header: bytes
    tensors: Mapping[str, TensorEntry]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the header and compare it with the length of the file; reads no tensor.

        Raises:
            WeightsError: the file is missing, truncated, corrupt or no safetensors file.
        """
        try:
            header, size = _read_header(path), path.stat().st_size
        except OSError as error:
            raise WeightsError(f"cannot read the weights {path}: {error.strerror}") from error
        tensors = _parse(path, header)
        if not tensors:
            raise _corrupt(path, "it holds no tensor")
        promised = _LENGTH_BYTES + len(header) + max(t.end for t in tensors.values())
        if size < promised:
            raise WeightsError(
                f"{path} is truncated: its header promises {promised} bytes and it has {size}; "
                "copy or download it again"
            )
        if size > promised:
            raise _corrupt(path, f"{size - promised} bytes follow the last tensor")
        return cls(path, header, tensors)

    def fingerprint(self) -> str:
        """SHA-256 of the header and of sixteen evenly spaced samples of the tensors.

        Two models of one architecture share their header, hence the samples; hashing all of a
        large model would take minutes.
        """
        digest = hashlib.sha256(self.header)
        start = _LENGTH_BYTES + len(self.header)
        length = self.path.stat().st_size - start
        with self.path.open("rb") as file:
            for number in range(_SAMPLES):
                file.seek(start + number * max(0, length - _SAMPLE_BYTES) // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
        return digest.hexdigest()


def _read_header(path: Path) -> bytes:
    """The JSON header as it stands in the file."""
    with path.open("rb") as file:
        first = file.read(_LENGTH_BYTES)
        if first == _LFS_POINTER[:_LENGTH_BYTES]:
            raise WeightsError(f"{path} is a Git LFS pointer, not weights; run `git lfs pull`")
        length = int.from_bytes(first, "little")
        if len(first) < _LENGTH_BYTES or length > _LONGEST_HEADER:
            raise _corrupt(path, "it does not begin with a safetensors header")
        header = file.read(length)
    if len(header) < length:
        raise WeightsError(
            f"{path} is truncated within its header ({len(header)} of {length} bytes); "
            "copy or download it again"
        )
    return header


def _parse(path: Path, header: bytes) -> dict[str, TensorEntry]:
    try:
        entries: dict[str, Any] = json.loads(header)
        return {
            name: TensorEntry(entry["dtype"], tuple(entry["shape"]), *entry["data_offsets"])
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _corrupt(path, "its header cannot be read") from error


def _corrupt(path: Path, why: str) -> WeightsError:
    return WeightsError(f"{path} is not a whole safetensors file: {why}; copy or download it again")
