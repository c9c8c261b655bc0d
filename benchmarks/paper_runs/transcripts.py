"""The conversations of runs as files: a line of JSON a turn, a file a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ado_service.store.store import Store
from benchmarks.paper_runs.result import Result


def write_transcripts(store: Store, results: Iterable[Result], folder: Path) -> int:
    """Write `CIRCUIT/ARM/seed-N.jsonl` for each run that asked a model; earlier files give way.

    Args:
        store: the design database.
        results: the runs.
        folder: made where it is not there.

    Returns:
        How many files were written.
    """
    written = 0
    for result in results:
        turns = store.transcripts.of_job(result.job_id)
        if turns:
            file = folder / result.circuit / result.arm / f"seed-{result.seed}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = "".join(turn.model_dump_json() + "\n" for turn in turns)
            file.write_text(lines, encoding="utf-8")
            written += 1
    return written
