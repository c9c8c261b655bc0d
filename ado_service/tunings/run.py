"""One tuning from its designs to the tuned model on record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path

import torch
from pydantic import ValidationError
from transformers.utils import logging

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.embedded import NAME as EMBEDDED
from ado_service.settings import Settings
from ado_service.store.store import Store
from ado_service.store.tuning_record import Evaluation, TuningData, TuningMetrics, TuningRecord
from ado_service.tunings.base_model import BaseModel, find_base
from ado_service.tunings.checkpoint import Checkpoints
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.evaluation import Evaluator
from ado_service.tunings.lesson import Reader
from ado_service.tunings.question import Question
from ado_service.tunings.registration import register_tuned
from ado_service.tunings.sources import find_jobs, subjects_of
from ado_service.tunings.subject import Subject
from ado_service.tunings.trainee import Trainee, make_trainee
from ado_service.tunings.trainer import Progress, Trainer

_SHOWN = 5


@dataclass(frozen=True)
class Reports:
    """Where a running tuning tells what it does, and asks whether it is to go on.

    Attributes:
        note: takes a line for the user.
        progress: is called after every step.
        check: raises `TuningStopped` when the tuning is to stop.
    """

    note: Callable[[str], None]
    progress: Callable[[Progress], None]
    check: Callable[[], None]


def tune(
    store: Store, settings: Settings, tuning: TuningRecord, folder: Path, reports: Reports
) -> TuningMetrics:
    """Train, evaluate and register; goes on from the last checkpoint in `folder`.

    Args:
        store: the design database.
        settings: threads, device, simulator hosts.
        tuning: what is asked for.
        folder: of this tuning alone.
        reports: see there.

    Returns:
        What it came to.

    Raises:
        TuningStopped: as `reports.check` does.
        TuningFailed: it cannot come to an end.
        SubmissionError: what it needs is gone.
        LocalModelError: the model cannot be loaded or tuned so.
        StoreError: the database, or the name was taken meanwhile.
    """
    config = tuning.config
    torch.set_num_threads(settings.tuning_threads)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    reports.note("reads the designs")
    jobs = find_jobs(store, config.sources)
    subjects = subjects_of(store, jobs)
    data = DataSet.split(subjects, config.seed)
    reports.note(f"loads {config.model}")
    base = find_base(store, config)
    backbone = _loaded(base, settings)
    trainee = make_trainee(backbone, config, base.adapter)
    reader = Reader(backbone)
    evaluator = Evaluator(
        reader,
        data.held_out(),
        _trials(data, reader, config.trials),
        store,
        settings,
        threads=settings.tuning_threads,
        check=reports.check,
    )
    said = partial(_evaluated, evaluator, trainee, config.seed, reports)
    before = _once(folder / "before.json", lambda: said("before"))
    reports.note("trains")
    trainer = Trainer(
        trainee,
        reader,
        data,
        config,
        Checkpoints(folder / "checkpoints"),
        backbone=backbone.fingerprint,
        digest=_digest(subjects),
    )
    done = trainer.train(reports.progress, reports.check)
    after = said("after")
    reports.note("registers the model")
    register_tuned(store, tuning, base.backbone, trainee, folder / "model")
    return TuningMetrics(
        data=_described(data, subjects, len(jobs), evaluator.counts()),
        before=before,
        after=after,
        trained=trainee.size,
        seconds=done.seconds,
    )


def _loaded(base: BaseModel, settings: Settings) -> Backbone:
    """The backbone, as hosting loads it (`Hosting`), so that what is fitted to it fits there."""
    source = base.backbone
    return Backbone.load(
        source.folder,
        quantization=source.quantization,
        device=settings.tuning_device or ("cuda" if torch.cuda.is_available() else "cpu"),
        name=source.name,
        dtype=torch.float32 if source.name == EMBEDDED else None,
    )


def _trials(data: DataSet, reader: Reader, count: int) -> list[Question]:
    """Held-out questions for one design each, of every kind in turn."""
    kinds = data.held_out(asked=1, shown=_SHOWN).values()
    turns = chain.from_iterable(zip_longest(*kinds))
    fitting = (
        one for one in turns if one is not None and one.shown and reader.fits(reader.row(one))
    )
    return list(islice(fitting, count))


def _evaluated(
    evaluator: Evaluator, trainee: Trainee, seed: int, reports: Reports, when: str
) -> Evaluation:
    reports.note(f"evaluates {when} the training")
    return evaluator.evaluate(trainee, seed)


def _once(file: Path, evaluate: Callable[[], Evaluation]) -> Evaluation:
    """What a run before this one found out; a resumed tuning is no more as it was before."""
    try:
        return Evaluation.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        found = evaluate()
    draft = file.with_name(f".{file.name}")
    draft.write_text(found.model_dump_json() + "\n", encoding="utf-8")
    draft.replace(file)
    return found


def _digest(subjects: Sequence[Subject]) -> str:
    """Tells these designs from others."""
    digest = hashlib.sha256()
    for one in subjects:
        digest.update(one.circuit.content_hash.encode())
        for design in one.designs:
            digest.update(repr(sorted(design.values.items())).encode())
    return digest.hexdigest()


def _described(
    data: DataSet, subjects: Sequence[Subject], jobs: int, held_out: dict[str, int]
) -> TuningData:
    return TuningData(
        circuits=tuple(sorted({one.circuit.name for one in subjects})),
        jobs=jobs,
        designs=sum(len(one.designs) for one in subjects),
        answers=sum(len(one.answers()) for one in subjects),
        held_out=held_out,
        held_out_circuit=None if data.other is None else data.other.circuit.name,
    )
