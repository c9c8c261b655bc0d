"""How good a model is on held-out questions: its loss, its answers, and what these come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ado_service.jobs.simulator import open_simulator
from ado_service.local_llm.engine import Engine
from ado_service.local_llm.generation_error import GenerationError, MemoryExhausted
from ado_service.local_llm.generation_event import answers
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.loop import observe
from ado_service.proposers.protocol import Proposal
from ado_service.settings import Settings
from ado_service.store.store import Store
from ado_service.store.tuning_record import Evaluation
from ado_service.tunings.errors import MemoryShort, TuningFailed
from ado_service.tunings.lesson import Reader, Row
from ado_service.tunings.question import Question
from ado_service.tunings.trainee import Trainee
from prompts.bounded import bounded
from prompts.parse import parse_answer

_SAMPLES = 4
"""Answers to each question, at temperature 1."""
_MAX_BATCH = 8
_TIME_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, and what the model said to it: a design (SI units), or None for no usable one."""

    question: Question
    designs: tuple[Mapping[str, float] | None, ...]


class Evaluator:
    """Asks a trainee what was held out. Nothing of it is random but by the seed.

    Args:
        reader: makes tokens.
        held_out: examples by what was held out.
        trials: examples that are answered and simulated, each for one design.
        store: keeps results of simulations.
        settings: simulator hosts.
        threads: of the CPU that the model uses.
        max_tokens: longest answer.
        check: is called before each question, and may raise to stop.
    """

    def __init__(
        self,
        reader: Reader,
        held_out: Mapping[str, Sequence[Question]],
        trials: Sequence[Question],
        store: Store,
        settings: Settings,
        *,
        threads: int,
        max_tokens: int,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader, self._trials = reader, trials
        self._store, self._settings = store, settings
        self._threads, self._max_tokens, self._check = threads, max_tokens, check
        rows = {kind: [reader.row(one) for one in some] for kind, some in held_out.items()}
        self._rows = {
            kind: [row for row in some if reader.fits(row)] for kind, some in rows.items()
        }
        if not any(self._rows.values()):
            shortest = min(len(ids) for some in rows.values() for ids, _ in some)
            raise TuningFailed(
                f"the examples are longer than the model's context of {reader.context} tokens (the "
                f"shortest has {shortest}); take a model with a longer context"
            )

    def counts(self) -> dict[str, int]:
        """How many held-out examples there are, by what was held out."""
        return {kind: len(rows) for kind, rows in self._rows.items() if rows}

    def evaluate(self, trainee: Trainee, seed: int) -> Evaluation:
        """The model as it is now.

        Raises:
            TuningFailed: it cannot answer.
            MemoryShort: there is no memory for an answer.
        """
        trainee.decoder.eval()  # type: ignore[no-untyped-call]
        losses = {kind: self._losses(trainee, rows) for kind, rows in self._rows.items() if rows}
        every = [loss for some in losses.values() for loss in some]
        answered = self._ask(trainee, seed) if self._trials else []
        said = [design for one in answered for design in one.designs]
        usable = [design for design in said if design is not None]
        wins = [win for one in answered for win in self._wins(one)]
        return Evaluation(
            loss={kind: sum(some) / len(some) for kind, some in losses.items()},
            mean_loss=sum(every) / len(every),
            answers=len(said),
            valid=len(usable) / len(said) if said else None,
            simulated=len(wins),
            better=sum(wins) / len(wins) if wins else None,
        )

    def _losses(self, trainee: Trainee, rows: Iterable[Row]) -> list[float]:
        """One by one, so that padding changes nothing."""
        found = []
        for row in rows:
            self._check()
            with torch.no_grad():
                found.append(float(trainee.loss(self._reader.lesson([row]))))
        return found

    def _ask(self, trainee: Trainee, seed: int) -> list[Answered]:
        engine = Engine(
            trainee.decoder,
            self._reader.tokenizer,
            context=self._reader.context,
            max_batch=_MAX_BATCH,
            max_waiting=1,
            threads=self._threads,
        )
        try:
            return [
                self._answered(engine, question, seed + place)
                for place, question in enumerate(self._trials)
            ]
        except MemoryExhausted as error:
            raise MemoryShort(str(error)) from error
        except GenerationError as error:
            raise TuningFailed(f"the model cannot answer: {error.public}") from error
        finally:
            engine.close()

    def _answered(self, engine: Engine, question: Question, seed: int) -> Answered:
        self._check()
        request = GenerationRequest(
            self._reader.prompt(question),
            max_tokens=self._max_tokens,
            temperature=1.0,
            seed=seed,
            n=_SAMPLES,
            schema=bounded(question.schema),  # as a job holds it
        )
        read = [
            parse_answer(one.text, question.circuit) for one in answers(engine.generate(request))
        ]
        designs = [one.designs[0] if one.designs and not one.problems else None for one in read]
        return Answered(question, tuple(designs))

    def _wins(self, answered: Answered) -> list[bool]:
        """Of each usable answer, whether it outranks the best demonstration in simulation."""
        question = answered.question
        usable = [question.circuit.snap(one) for one in answered.designs if one is not None]
        if not usable or not question.shown:
            return []
        self._check()
        best = max(one.verdict.rank for one in question.shown)
        with open_simulator(
            question.circuit, self._settings, self._store, time_limit=_TIME_LIMIT
        ) as simulator:
            results = simulator.run(usable)
        seen = [
            observe(Proposal(design, "llm"), result, question.specs)
            for design, result in zip(usable, results, strict=True)
        ]
        return [one.verdict.rank > best for one in seen]
