"""A small backbone that has learned to size: trained from nothing on some circuits."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from ado_service.local_llm.pretrain.harvest import Harvest
from ado_service.local_llm.pretrain.network import fresh
from ado_service.local_llm.pretrain.vocabulary import trained
from benchmarks.local_llm_runs.configuration import CONFIGURATIONS
from benchmarks.local_llm_runs.learning import learn
from benchmarks.local_llm_runs.loss_plan import LossPlan
from benchmarks.local_llm_runs.sizing_data import batches, drawn, simulated
from benchmarks.local_llm_runs.tunee import tunee

_CIRCUITS = (("two_stage_amplifier", 1), ("two_stage_amplifier", 2), ("folded_cascode_ota", 1))
"""What it learns, each with the number of its variation."""
_VOCABULARY_SEED, _SEED = 7, 1
_RATE = 2e-3


def school(plan: LossPlan, target: Harvest, folder: Path, dtype: torch.dtype) -> None:
    """Train a backbone on other circuits; only its tokenizer has seen texts of the target."""
    known = [
        simulated(name, designs=plan.designs, variation=variation, brief=True)
        for name, variation in _CIRCUITS
    ]
    texts = drawn([*known, target], _VOCABULARY_SEED, plan.school)
    tokenizer: PreTrainedTokenizerBase = trained(
        one.system + one.prompt + one.answer for one in texts
    )
    model = fresh(tokenizer, plan.shape, seed=0).requires_grad_(False)  # type: ignore[arg-type]
    made = tunee(model, CONFIGURATIONS["full"], dtype=dtype)
    lessons = batches(
        drawn(known, _SEED, plan.school), tokenizer, size=plan.size,
        context=plan.shape.context, seed=_SEED,
    )  # fmt: skip
    learn(made, lessons, rate=_RATE)
    made.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
