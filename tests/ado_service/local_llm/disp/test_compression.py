"""Learning which channels stay: the model is frozen, the budget met, the choice a good one."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.calibration import Calibration
from ado_service.local_llm.disp.budget import Budget
from ado_service.local_llm.disp.compression import DispSettings, compress
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.gates import masked
from ado_service.local_llm.disp.hypernetwork import Hypernetwork
from ado_service.local_llm.disp.layer_shape import layer_shapes
from ado_service.local_llm.disp.learning import (
    LearningSettings,
    LearningStep,
    language_loss,
    learn,
)
from ado_service.local_llm.errors import CompressionError
from tests.ado_service.local_llm.disp.pruned_models import TEXT, random_gates
from tests.ado_service.local_llm.side.side_models import tokens
from tests.ado_service.local_llm.tiny_models import make_model

KEEP = 0.75


def text(rows: int, *, seed: int) -> Tensor:
    """Tokens that a small model can learn: each row counts on in steps of its own."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 40, (rows, 1), generator=generator)
    step = torch.randint(1, 4, (rows, 1), generator=generator)
    return 3 + (start + step * torch.arange(20)) % 40


@cache
def taught() -> PreTrainedModel:
    """A LLaMA that has learned to count; leave it as it is."""
    model = make_model("llama").train().requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for seed in range(150):
        optimizer.zero_grad()
        language_loss(model, {"input_ids": text(16, seed=seed)}).backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


@torch.no_grad()
def held_out(model: PreTrainedModel) -> float:
    return float(language_loss(model, {"input_ids": text(64, seed=10_000)}))


@cache
def learned() -> tuple[DispModel, tuple[LearningStep, ...]]:
    steps: list[LearningStep] = []
    batches: Calibration = [{"input_ids": text(16, seed=5000 + seed)} for seed in range(20)]
    settings = LearningSettings(steps=250, rate=3e-3)
    made = compress(taught(), batches, DispSettings(KEEP, settings), steps.append)
    return made, tuple(steps)


def test_what_is_learned_beats_chance_by_far() -> None:
    model, (made, _) = taught(), learned()
    budget = Budget.of(model, KEEP)
    drawn = [
        {name: type(own)(*(torch.rand(len(one)) for one in own)) for name, own in gates.items()}
        for gates in (random_gates(model, seed=seed) for seed in range(5))
    ]
    by_chance = [held_out(DispModel.prune(model, budget.masks(scores)).model) for scores in drawn]
    assert held_out(model) < 1.0
    assert held_out(made.model) < min(by_chance) - 0.3 * (min(by_chance) - held_out(model))


def test_the_budget_is_met_at_the_end_and_neared_on_the_way() -> None:
    made, steps = learned()
    whole = made.original_parameters
    assert (KEEP - 0.01) * whole < made.parameters <= KEEP * whole
    last = [one.parameters / whole for one in steps[-20:]]
    assert sum(last) / len(last) == pytest.approx(KEEP, abs=0.03)
    assert [one.step for one in steps] == list(range(250))


def test_the_model_is_left_as_it_was() -> None:
    model = make_model("llama").train().requires_grad_(True)
    model.lm_head.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    made = compress(model, TEXT, DispSettings(0.6, LearningSettings(steps=3)))
    assert model.training
    assert [name for name, one in model.named_parameters() if not one.requires_grad] == [
        "lm_head.weight"
    ]
    assert all(one.grad is None for one in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not made.model.training
    assert made.parameters <= 0.6 * made.original_parameters


def test_every_weight_of_the_hypernetwork_learns() -> None:
    model = make_model("llama")
    hyper = Hypernetwork(layer_shapes(model), seed=0)
    gates = {name: type(own)(*(torch.sigmoid(one) for one in own)) for name, own in hyper().items()}
    with masked(model, gates):
        language_loss(model, TEXT[0]).backward()
    for name, parameter in hyper.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_all_channels_begin_on() -> None:
    logits = Hypernetwork(layer_shapes(make_model("llama")), seed=0)()
    assert all(one.min() > 0 for own in logits.values() for one in own)


def test_the_count_and_the_loss_are_of_the_same_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step reports is the size of the model whose loss it reports."""
    model, seen = make_model("llama"), []
    budget = Budget.of(model, 0.6)
    import ado_service.local_llm.disp.learning as learning

    def noted(model: PreTrainedModel, gates: object) -> object:
        seen.append(
            {name: type(own)(*(one.detach() for one in own)) for name, own in gates.items()}
        )  # type: ignore[attr-defined]
        return masked(model, gates)  # type: ignore[arg-type]

    monkeypatch.setattr(learning, "masked", noted)
    steps: list[LearningStep] = []
    learn(model, TEXT, budget, LearningSettings(steps=4), steps.append)
    for gates, step in zip(seen, steps, strict=True):
        made = DispModel.prune(model, gates)
        assert made.parameters == step.parameters
        with torch.no_grad():
            loss = float(language_loss(made.model, TEXT[step.step % len(TEXT)]))
        assert loss == pytest.approx(step.loss, rel=1e-4)


def test_the_same_seed_gives_the_same_widths() -> None:
    settings = DispSettings(0.6, LearningSettings(steps=5, seed=3))
    one, other = (compress(make_model("llama"), TEXT, settings) for _ in range(2))
    assert one.widths == other.widths
    another = DispSettings(0.6, LearningSettings(steps=5, seed=4))
    assert compress(make_model("llama"), TEXT, another).widths != one.widths


def test_padding_and_labels_left_out_do_not_count() -> None:
    model, ids = make_model("llama"), tokens(1, 8)
    plain = language_loss(model, {"input_ids": ids})
    padded = torch.nn.functional.pad(ids, (0, 4))
    mask = torch.tensor([[1] * 8 + [0] * 4])
    found = language_loss(model, {"input_ids": padded, "attention_mask": mask})
    assert found.item() == pytest.approx(plain.item(), rel=1e-5)
    labels = ids.clone()
    labels[:, :-1] = -100
    alone = language_loss(model, {"input_ids": ids, "labels": labels})
    with torch.no_grad():
        last = model(ids).logits[0, -2].log_softmax(-1)[ids[0, -1]]
    assert alone.item() == pytest.approx(-last.item(), rel=1e-4)


@pytest.mark.parametrize("batches", [[], [{}], [{"input_ids": tokens(0, 5)}]])
def test_calibration_without_anything_is_refused(batches: Calibration) -> None:
    with pytest.raises(CompressionError, match=r"no calibration batch|batch 0 is empty"):
        compress(make_model("llama"), batches, DispSettings(0.6))


def test_a_loss_that_is_no_number_is_refused() -> None:
    model = make_model("llama")
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = torch.nan
    with pytest.raises(CompressionError, match="the loss is nan at step 0"):
        compress(model, TEXT, DispSettings(0.6, LearningSettings(steps=2)))
