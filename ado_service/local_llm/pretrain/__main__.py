"""`python -m ado_service.local_llm.pretrain`: the embedded model from nothing.

Simulates what it learns from, trains its tokenizer and its network, and writes both as a folder
in Hugging Face's format. The same seed gives the same harvests, and on one machine with one
number of threads the same weights. Harvests are kept under --data, and not simulated again.
`--quick` goes through all of it in a minute; what comes out has learned nothing.
"""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from ado_service.local_llm.pretrain.corpus import SOURCES, Source, corpus, weighed, without
from ado_service.local_llm.pretrain.example import examples
from ado_service.local_llm.pretrain.exams import spec_sets
from ado_service.local_llm.pretrain.harvest import Harvest
from ado_service.local_llm.pretrain.lessons import Lessons
from ado_service.local_llm.pretrain.model_files import write
from ado_service.local_llm.pretrain.network import Shape, fresh
from ado_service.local_llm.pretrain.training import Progress, Schedule, train
from ado_service.local_llm.pretrain.vocabulary import trained

_TEXTS = 40
"""Dressings of each harvest that the tokenizer is trained on, two examples of each."""
_TOLD_EVERY = 20
_LONGEST = 3000
"""Tokens of an example."""
_QUICK_SOURCES = (Source("two_stage_amplifier", 2, 60),)
_STEPS, _QUICK_STEPS = 9_000, 4

_console = Console()


def main() -> None:
    """Harvest, tokenizer, training, folder."""
    options = _options()
    torch.set_num_threads(options.threads)
    harvests = _harvests(options)
    tokenizer = trained(_texts(harvests, options.seed))
    shape = Shape()
    model = fresh(tokenizer, shape, options.seed)
    sizes = {
        "steps": options.steps,
        "size": options.size,
        "context": _LONGEST,
        "bare": options.bare,
    }
    lessons = Lessons(weighed(harvests), tokenizer, seed=options.seed, **sizes)

    def told(progress: Progress) -> None:
        say(progress)
        if options.snapshots and progress.step % options.snapshots == 0:
            write(copy.deepcopy(model), tokenizer, options.out)

    say = _Told(options.steps)
    train(model, tokenizer, lessons, Schedule(), device=options.device, workers=1, told=told)
    write(model, tokenizer, options.out)


def _options() -> argparse.Namespace:
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--out", type=Path, required=True, help="folder of the model")
    found.add_argument("--data", type=Path, default=Path("pretraining"), help="kept harvests")
    found.add_argument("--seed", type=int, default=1)
    found.add_argument("--steps", type=int, help="batches; 9000")
    found.add_argument("--bare", type=int, help="of them with bare prompts first; a sixth")
    found.add_argument("--size", type=int, default=16, help="examples of a batch")
    found.add_argument("--snapshots", type=int, default=0, help="write the folder every N steps")
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found.add_argument("--threads", type=int, default=1, help="of the CPU, for training")
    found.add_argument("--quick", action="store_true", help="see in a minute that all works")
    options = found.parse_args()
    options.steps = options.steps or (_QUICK_STEPS if options.quick else _STEPS)
    options.bare = options.steps // 6 if options.bare is None else options.bare
    return options


def _harvests(options: argparse.Namespace) -> list[Harvest]:
    """What is learned from: no design of it meets a spec set that the model is examined on."""
    found = corpus(
        options.data,
        options.seed,
        processes=os.cpu_count() or 1,
        sources=_QUICK_SOURCES if options.quick else SOURCES,
        told=_console.print,
    )
    return [_unseen(one) for one in found]


def _unseen(found: Harvest) -> Harvest:
    for specs in spec_sets(found.circuit):
        found = without(found, specs)
    return found


def _texts(harvests: Sequence[Harvest], seed: int) -> list[str]:
    return [
        one.system + one.prompt + one.answer
        for place, harvest in enumerate(harvests)
        for dressing in range(_TEXTS)
        for one in examples(harvest, (seed * 1000 + place) * 1000 + dressing, 2)
    ]


class _Told:
    """Prints the mean loss of every few steps."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._losses: list[float] = []

    def __call__(self, progress: Progress) -> None:
        self._losses.append(progress.loss)
        if progress.step % _TOLD_EVERY and progress.step != self._steps:
            return
        mean = sum(self._losses) / len(self._losses)
        line = f"step {progress.step}/{self._steps}: loss {mean:.4f}, {progress.seconds:.0f} s"
        _console.print(line, highlight=False)
        self._losses.clear()


if __name__ == "__main__":
    main()
