"""DISP-LLM rows: peers of the same size, held-out text that is held out, and the rows' names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedModel

from ado_service.local_llm.compressed_folder import count_parameters
from ado_service.local_llm.disp.budget import Budget
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.disp.layer_shape import layer_shapes
from ado_service.local_llm.transformer_blocks import linear_layers
from benchmarks.compression_runs.decode_speed import decode_speeds, scaled
from benchmarks.compression_runs.disp_rows import QUICK, disp_rows, gradient_row
from benchmarks.compression_runs.prompt_lm import corpus
from benchmarks.compression_runs.structural_peers import (
    activations,
    by_magnitude,
    magnitudes,
    of_uniform_width,
    unstructured,
)
from tests.ado_service.local_llm.disp.pruned_models import TEXT, random_gates
from tests.ado_service.local_llm.side.side_models import tokens
from tests.ado_service.local_llm.tiny_models import make_model


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return make_model("llama").requires_grad_(False)


@pytest.mark.slow
def test_quick_rows() -> None:
    rows = {row.name: row for row in disp_rows(QUICK)}
    peers = ("magnitude", "uniform-width", "magnitude-unstructured")
    assert set(rows) == {
        "disp/reinmax-gradient",
        *(f"disp/loss-{gone}/{peer}" for gone in (30, 50) for peer in peers),
        *(f"disp/decode-{gone}" for gone in (30, 50)),
    }
    for gone in (30, 50):
        for peer in peers[:2]:
            assert rows[f"disp/loss-{gone}/{peer}"].holds
        detail = rows[f"disp/loss-{gone}/magnitude"].detail
        assert 1 - gone / 100 - 0.02 < detail["parameters"][0] <= 1 - gone / 100
        assert rows[f"disp/loss-{gone}/magnitude-unstructured"].holds is None
    for row in rows.values():
        assert row.ratio is not None
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.ratio <= row.high


def test_the_gradient_is_as_exact_as_claimed() -> None:
    row = gradient_row(replace(QUICK, gradient_seeds=1))
    assert row.holds
    assert row.ours is not None
    assert 0 < row.ours < 0.01 < row.detail["straight-through"][0]


@pytest.mark.parametrize("keep", [0.5, 0.7])
def test_peers_have_as_many_parameters(model: PreTrainedModel, keep: float) -> None:
    budget = Budget.of(model, keep)
    for made in (*by_magnitude(model, budget), *of_uniform_width(model, budget, TEXT)):
        assert (keep - 0.02) * budget.original < count_parameters(made) <= keep * budget.original


def test_uniform_width_is_the_same_in_every_layer(model: PreTrainedModel) -> None:
    for made in of_uniform_width(model, Budget.of(model, 0.6), TEXT):
        widths = {
            (layer.self_attn.q_proj.in_features, layer.mlp.down_proj.in_features)
            for layer in made.model.layers
        }
        assert len(widths) == 1


def test_unstructured_zeros_leave_as_many_weights(model: PreTrainedModel) -> None:
    budget = Budget.of(model, 0.6)
    made = linear_layers(unstructured(model, budget))
    left = sum(int((layer.weight != 0).sum()) for layer in made.values())
    assert budget.target - len(made) <= left <= budget.target
    for name, layer in linear_layers(model).items():
        gone = layer.weight[made[name].weight == 0].abs().max()
        assert gone <= layer.weight[made[name].weight != 0].abs().min()


def test_scores_are_as_wide_as_the_structures(model: PreTrainedModel) -> None:
    budget = Budget.of(model, 0.6)
    for scores in (magnitudes(model, budget), activations(model, budget, TEXT)):
        for name, shape in layer_shapes(model).items():
            assert [len(one) for one in scores[name]] == list(shape.whole)


def test_activations_are_those_of_the_channels(model: PreTrainedModel) -> None:
    found = activations(model, Budget.of(model, 0.6), TEXT[:1])
    with torch.no_grad():
        states = model(**TEXT[0], output_hidden_states=True).hidden_states[0]
        first = model.model.layers[0].input_layernorm(states)
    torch.testing.assert_close(
        found["model.layers.0"].attention_in, first.flatten(0, 1).square().mean(0).sqrt()
    )


def test_held_out_windows_are_new_but_for_what_every_prompt_says() -> None:
    text = corpus(QUICK.lm, 0)
    assert text.shown.shape[1] == text.held.shape[1] == QUICK.lm.length
    assert int(text.shown.max()) < text.vocabulary
    shown = {tuple(row) for row in text.shown.tolist()}
    known = sum(tuple(row) in shown for row in text.held.tolist())
    assert known < 0.2 * len(text.held)
    one, other = text.batches(2, 4, 1), text.batches(2, 4, 1)
    assert torch.equal(one[1]["input_ids"], other[1]["input_ids"])


def test_a_larger_shape_keeps_the_learned_parts(model: PreTrainedModel) -> None:
    made = DispModel.prune(model, random_gates(model, keep=0.5))
    whole = {name: shape.whole for name, shape in layer_shapes(model).items()}
    before, after = scaled("tiny", made, whole)
    learned = list(made.widths.values())
    for place, layer in enumerate(after.model.layers):
        part = learned[place].mlp_inner / whole["model.layers.0"].mlp_inner
        inner = before.model.layers[place].mlp.down_proj.in_features
        assert layer.mlp.down_proj.in_features == round(part * inner)
    speeds = decode_speeds([before, after], tokens=3, repeats=2)
    assert [len(one) for one in speeds] == [2, 2]
    assert all(speed > 0 for one in speeds for speed in one)
    assert after(tokens(1, 4) % 256).logits.isfinite().all()
