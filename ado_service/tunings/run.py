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

from ado_service.llm.local_chat import local_profile
from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.embedded import NAME as EMBEDDED
from ado_service.settings import Settings
from ado_service.store.model_record import ModelRecord, TuningMethod
from ado_service.store.store import Store
from ado_service.store.tuning_record import Evaluation, TuningData, TuningMetrics, TuningRecord
from ado_service.tunings.base_model import BaseModel, find_base
from ado_service.tunings.checkpoint import Checkpoints
from ado_service.tunings.data_set import DataSet
from ado_service.tunings.evaluation import Evaluator
from ado_service.tunings.lesson import Reader
from ado_service.tunings.place import BEFORE, CHECKPOINTS, MODEL
from ado_service.tunings.question import Question
from ado_service.tunings.registration import saved_model
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


@dataclass(frozen=True)
class Tuned:
    """What a tuning came to: all of it is on disk, and nothing of it on record.

    Attributes:
        metrics: on what was held out.
        model: the record that it is to get.
        backbone: the record of its base in the form in which it was held; None where that is on
            record.
    """

    metrics: TuningMetrics
    model: ModelRecord
    backbone: ModelRecord | None


def tune(
    store: Store, settings: Settings, tuning: TuningRecord, folder: Path, reports: Reports
) -> Tuned:
    """Train, evaluate and save; goes on from the last checkpoint in `folder`.

    Args:
        store: the design database.
        settings: threads, device, simulator hosts.
        tuning: what is asked for.
        folder: of this tuning alone.
        reports: see there.

    Raises:
        TuningStopped: as `reports.check` does.
        TuningFailed: it cannot come to an end.
        MemoryShort: there is no memory for its answers.
        SubmissionError: what it needs is gone, or there are too few designs.
        LocalModelError: the model cannot be loaded or tuned so.
        OSError: the disk does not give or take what it needs.
        StoreError: the database does not answer.
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
        max_tokens=local_profile(tuning.name).max_tokens,
        check=reports.check,
    )
    said = partial(_evaluated, evaluator, trainee, config.seed, reports)
    before = _once(folder / BEFORE, lambda: said("before"))
    reports.note("trains")
    trainer = Trainer(
        trainee,
        reader,
        data,
        config,
        Checkpoints(folder / CHECKPOINTS),
        backbone=backbone.fingerprint,
        digest=_digest(subjects),
    )
    done = trainer.train(reports.progress, reports.check)
    after = said("after")
    reports.note("saves the model")
    model = saved_model(tuning, base, trainee, folder / MODEL)
    metrics = TuningMetrics(
        data=_described(data, subjects, len(jobs), evaluator.counts()),
        before=before,
        after=after,
        trained=trainee.size,
        seconds=done.seconds,
    )
    whole = config.method is TuningMethod.FULL  # which needs its base for nothing any more
    return Tuned(metrics, model, None if whole else base.record)


def _loaded(base: BaseModel, settings: Settings) -> Backbone:
    """The backbone, as hosting loads it (`Hosting`), so that what is fitted to it fits there."""
    source = base.backbone
    return Backbone.load(
        source.folder,
        quantization=base.quantization,
        device=settings.tuning_device or ("cuda" if torch.cuda.is_available() else "cpu"),
        name=source.name,
        dtype=torch.float32 if source.name == EMBEDDED and base.record is None else None,
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
