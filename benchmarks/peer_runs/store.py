"""The records of all runs: a file a circuit and method, a line a run, so that a run goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.peer_runs.record import Record, Step


class Records:
    """The folder `root/CIRCUIT/METHOD.jsonl`; lines are only appended, so a kill loses none.

    Args:
        root: of the folder; made when the first record is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, record: Record) -> None:
        """Append a run; it replaces an earlier one of the same seed, budget and fullness."""
        file = self._file(record.circuit, record.method)
        file.parent.mkdir(parents=True, exist_ok=True)
        cut_off = file.is_file() and file.read_bytes()[-1:] not in {b"", b"\n"}
        with file.open("a", encoding="utf-8") as lines:
            lines.write("\n" * cut_off + json.dumps(asdict(record)) + "\n")

    def all(self, circuit: str, method: str) -> list[Record]:
        """The newest record of each seed, budget and fullness; lines cut off by a kill left out."""
        file = self._file(circuit, method)
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        found = [record for line in lines if (record := _read(line)) is not None]
        newest = {(record.seed, record.budget, record.full): record for record in found}
        return [newest[key] for key in sorted(newest)]

    def valid(
        self, circuit: str, method: str, fingerprint: str, budget: int, *, full: bool
    ) -> list[Record]:
        """Those that still stand, one a seed: of this fingerprint and budget, full if asked for."""
        standing = {
            record.seed: record
            for record in self.all(circuit, method)
            if record.fingerprint == fingerprint
            and record.budget == budget
            and (record.full or not full)
        }
        return list(standing.values())

    def forget(self, circuit: str, method: str) -> None:
        """Remove all runs of a method on a circuit."""
        self._file(circuit, method).unlink(missing_ok=True)

    def tidy(self, circuit: str, method: str, fingerprint: str) -> None:
        """Remove lines that were replaced, cut off, or made by other code."""
        file = self._file(circuit, method)
        if not file.is_file():
            return
        keep = [one for one in self.all(circuit, method) if one.fingerprint == fingerprint]
        fresh = file.with_suffix(".new")
        fresh.write_text("".join(json.dumps(asdict(one)) + "\n" for one in keep), encoding="utf-8")
        fresh.replace(file)

    def _file(self, circuit: str, method: str) -> Path:
        return self._root / circuit / f"{method}.jsonl"


def _read(line: str) -> Record | None:
    try:
        data = json.loads(line)
        steps = tuple(Step(**step) for step in data.pop("steps"))
        return Record(**{**data, "steps": steps, "faults": tuple(data.pop("faults"))})
    except (ValueError, KeyError, TypeError):  # cut off, or of another form of record
        return None
