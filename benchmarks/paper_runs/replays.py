"""Recorded runs with an LLM run again from their transcripts: nobody is asked, all is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ado_service.store.design_record import DesignRecord
from ado_service.store.store import Store
from benchmarks.paper_runs.campaign import Campaign
from benchmarks.paper_runs.mark import code_hash
from benchmarks.paper_runs.on_record import OnRecord, Wanted


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay came to.

    Attributes:
        circuit, arm, seed: of the recorded run.
        first_difference: index of the first design that is not as recorded; None for none.
    """

    circuit: str
    arm: str
    seed: int
    first_difference: int | None


def replays_of(campaign: Campaign, record: OnRecord) -> list[Wanted]:
    """The replay of each finished run of the campaign.

    A replay is of the code as it stands: those made by other code are run anew.
    """
    found = ((wanted, record.finished(wanted)) for wanted in campaign.wanted())
    return [_replay(wanted, run.job.id) for wanted, run in found if run is not None]


def compare(store: Store, replayed: Sequence[Wanted]) -> list[Replay]:
    """The finished ones of these replays against the runs that they replay."""
    record = OnRecord.read(store)
    found = []
    for wanted in replayed:
        run, original = record.finished(wanted), wanted.config.replay
        if run is None or original is None:
            continue
        difference = _first_difference(
            store.designs.of_job(original, corners=False),
            store.designs.of_job(run.job.id, corners=False),
        )
        found.append(Replay(wanted.circuit, wanted.arm, wanted.config.seed, difference))
    return found


def _replay(wanted: Wanted, job_id: str) -> Wanted:
    config = wanted.config.model_copy(update={"replay": job_id, "llm": None})
    return replace(wanted, config=config, model=None, code=code_hash())


def _first_difference(
    recorded: Sequence[DesignRecord], again: Sequence[DesignRecord]
) -> int | None:
    pairs = zip(recorded, again, strict=False)
    places = (place for place, (one, other) in enumerate(pairs) if _told(one) != _told(other))
    shorter = min(len(recorded), len(again))
    return next(places, None if len(recorded) == len(again) else shorter)


def _told(design: DesignRecord) -> tuple[object, ...]:
    """What must be equal, bit for bit."""
    return (
        design.round, design.stage, design.proposer, design.turn, design.values, design.metrics,
        design.fom,
    )  # fmt: skip
