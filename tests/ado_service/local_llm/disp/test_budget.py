"""Parameters are counted as they are, and masks make the most of a budget."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from ado_service.local_llm.compressed_folder import count_parameters
from ado_service.local_llm.disp.budget import Budget, numbers, widths
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.layer_shape import FAMILIES, Structures, layer_shapes
from ado_service.local_llm.errors import CompressionError, UnsupportedModelError
from tests.ado_service.local_llm.disp.pruned_models import random_gates
from tests.ado_service.local_llm.tiny_models import make_model

_WITH_BIASES = {"attention_bias": True, "mlp_bias": True}


@pytest.fixture(scope="module", params=[*FAMILIES, "llama with biases", "llama, tied"])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    match request.param:
        case "llama with biases":
            return make_model("llama", **_WITH_BIASES)
        case "llama, tied":
            return make_model("llama", tie_word_embeddings=True)
    return make_model(request.param)


def random_scores(model: PreTrainedModel, seed: int) -> dict[str, Structures]:
    generator = torch.Generator().manual_seed(seed)

    def score(width: int) -> Tensor:
        return torch.randn(width, generator=generator)

    return {
        name: Structures(*map(score, shape.whole)) for name, shape in layer_shapes(model).items()
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_counts_are_those_of_the_pruned_model(model: PreTrainedModel, seed: int) -> None:
    gates, budget = random_gates(model, seed=seed), Budget.of(model, 0.5)
    counted = budget.fixed + int(budget.parameters(numbers(gates)))
    made = DispModel.prune(model, gates)
    assert counted == made.parameters == count_parameters(made.model)
    assert counted == budget.fixed + int(budget.parameters(widths(gates)))


def test_queries_count_by_query_heads_and_keys_by_key_heads() -> None:
    """Four heads of queries, two of keys and of values, sixteen wide each."""
    (shape, _) = layer_shapes(make_model("llama")).values()
    one = shape.parameters(Structures(1, 0, 0, 0, 0))
    assert one == 64 + 32 + 32
    assert shape.parameters(Structures(0, 1, 0, 0, 0)) == 64


@pytest.mark.parametrize("keep", [0.5, 0.7, 0.9])
def test_masks_just_meet_the_budget(model: PreTrainedModel, keep: float) -> None:
    budget = Budget.of(model, keep)
    made = DispModel.prune(model, budget.masks(random_scores(model, 3)))
    assert (keep - 0.01) * budget.original < made.parameters <= keep * budget.original


def test_masks_keep_the_largest_scores() -> None:
    model = make_model("llama")
    scores = random_scores(model, 4)
    gates = Budget.of(model, 0.6).masks(scores)
    kept = torch.cat([one[gate > 0] for name in gates for one, gate in pairs(scores, gates, name)])
    gone = torch.cat([one[gate == 0] for name in gates for one, gate in pairs(scores, gates, name)])
    assert kept.min() > gone.max()


def pairs(
    scores: dict[str, Structures], gates: dict[str, Structures], name: str
) -> list[tuple[Tensor, Tensor]]:
    return list(zip(scores[name], gates[name], strict=True))


def test_every_structure_keeps_a_channel() -> None:
    model = make_model("llama")
    scores = random_scores(model, 5)
    first = next(iter(scores))
    scores[first] = Structures(*(one - 100 for one in scores[first]))
    made = DispModel.prune(model, Budget.of(model, 0.6).masks(scores))
    assert tuple(made.widths[first]) == (1, 1, 1, 1, 1)


def test_the_smallest_budget_is_one_channel_everywhere() -> None:
    model = make_model("llama")
    shapes = layer_shapes(model).values()
    ones = Structures(1, 1, 1, 1, 1)
    gone = sum(shape.parameters(shape.whole) - shape.parameters(ones) for shape in shapes)
    least = count_parameters(model) - gone
    budget = Budget.of(model, (least + 0.5) / count_parameters(model))
    assert DispModel.prune(model, budget.masks(random_scores(model, 6))).parameters == least
    with pytest.raises(CompressionError, match=r"which pruning does not touch; keep more than"):
        Budget.of(model, (least - 0.5) / count_parameters(model))


@pytest.mark.parametrize("keep", [0.0, 1.0, 2.0, -1.0])
def test_a_budget_that_is_no_part_is_refused(keep: float) -> None:
    with pytest.raises(CompressionError, match="between 0 and 1"):
        Budget.of(make_model("llama"), keep)


@pytest.mark.parametrize("family", ["opt", "phi", "phi3"])
def test_families_of_other_layers_are_refused(family: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"'{family}'.* compress it by mixed-rank"):
        Budget.of(make_model(family), 0.5)
