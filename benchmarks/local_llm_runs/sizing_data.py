"""Prompts and answers from simulated designs, to tune a backbone on a circuit new to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ado_service.local_llm.pretrain.example import Example, examples
from ado_service.local_llm.pretrain.harvest import Harvest, harvest
from ado_service.local_llm.pretrain.lessons import encoded
from ado_service.local_llm.pretrain.variation import varied
from ado_service.local_llm.side.head_loss import IGNORED
from circuits.loader import load_circuit
from simulators.ngspice.simulator import NgspiceSimulator

_HELD_OUT = 1 / 3
_BRIEF: Mapping[str, object] = {"files": {}, "device_groups": (), "design_principles": ()}


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens and labels, `batch x length`, padded on the right; labels mark the answers."""

    ids: Tensor
    labels: Tensor

    @property
    def answers(self) -> int:
        """Tokens of answers, which are what is learned."""
        return int((self.labels[:, 1:] != IGNORED).sum())


def simulated(circuit: str, *, designs: int, variation: int, brief: bool) -> Harvest:
    """Designs of a library circuit, or of a variation of it; the same ones each time.

    `brief` leaves netlist, device groups and design principles out of the prompts, which makes
    them a fifth as long: what differs between two examples of a circuit stays.
    """
    chosen = varied(load_circuit(circuit), variation)
    with NgspiceSimulator(chosen, processes=1) as simulator:
        found = harvest(chosen, simulator, designs, variation)
    return replace(found, circuit=chosen.model_copy(update=dict(_BRIEF))) if brief else found


def split(found: Harvest, seed: int) -> tuple[Harvest, Harvest]:
    """Designs to learn from, and a third to ask for that are never shown."""
    order = np.random.default_rng(seed).permutation(len(found.X))
    cut = int(len(order) * _HELD_OUT)
    return _part(found, np.sort(order[cut:])), _part(found, np.sort(order[:cut]))


def drawn(harvests: Sequence[Harvest], seed: int, count: int) -> list[Example]:
    """Examples, each with names, order and specs of its own."""
    rng = np.random.default_rng(seed)
    found: list[Example] = []
    while len(found) < count:
        one = harvests[int(rng.integers(len(harvests)))]
        found.extend(examples(one, int(rng.integers(2**62)), 1))
    return found


def batches(
    found: Sequence[Example], tokenizer: PreTrainedTokenizerBase, *, size: int, context: int,
    seed: int,
) -> list[Batch]:  # fmt: skip
    """The examples that fit in `context` tokens: `size` of like length in each batch, any order."""
    rows = [encoded(one, tokenizer) for one in found]  # type: ignore[arg-type]
    fitting = [row for row in rows if len(row[0]) <= context]
    if len(fitting) < size:
        shortest = min(len(ids) for ids, _ in rows)
        raise ValueError(
            f"of {len(rows)} examples the shortest has {shortest} tokens and the model's context "
            f"is {context}; give a model with a longer one"
        )
    fitting.sort(key=lambda row: len(row[0]))
    groups = [fitting[at : at + size] for at in range(0, len(fitting) - size + 1, size)]
    order = np.random.default_rng(seed).permutation(len(groups))
    return [_batch(groups[place], int(tokenizer.pad_token_id)) for place in order]


def _batch(rows: Sequence[tuple[list[int], list[int]]], pad: int) -> Batch:
    longest = max(len(ids) for ids, _ in rows)
    ids = [[*one, *[pad] * (longest - len(one))] for one, _ in rows]
    labels = [[*one, *[IGNORED] * (longest - len(one))] for _, one in rows]
    return Batch(torch.tensor(ids), torch.tensor(labels))


def _part(found: Harvest, rows: np.ndarray) -> Harvest:
    return replace(found, X=found.X[rows], metrics=found.metrics[rows], regions=found.regions[rows])
