"""Mixed-rank rows: a fair peer, the least error by another way, and the rows others rely on."""

from __future__ import annotations

import pytest
import torch

from ado_service.local_llm.compressed_folder import count_parameters
from ado_service.local_llm.mixed_rank.factorized_linear import FactorizedLinear
from benchmarks.compression_runs.digits_vit import split
from benchmarks.compression_runs.mixed_rank_rows import QUICK, mixed_rank_rows, whitened_error
from benchmarks.compression_runs.plain_svd import plain_svd
from tests.ado_service.local_llm.tiny_vits import make_vit


def test_quick_rows_hold() -> None:
    rows = {row.name: row for row in mixed_rank_rows(QUICK)}
    assert set(rows) == {
        "mixed-rank/optimal-error",
        *(f"mixed-rank/accuracy-{gone}" for gone in (60, 75)),
        *(f"mixed-rank/wrong-{gone}/plain-svd" for gone in (60, 75)),
        *(f"mixed-rank/logits-{gone}/plain-svd" for gone in (60, 75)),
    }
    assert rows["mixed-rank/optimal-error"].holds
    assert rows["mixed-rank/logits-60/plain-svd"].holds
    for row in rows.values():
        assert row.n >= 1
        assert row.ratio is not None
        assert row.low is not None
        assert row.high is not None
        assert row.low <= row.ratio <= row.high
    accuracy = rows["mixed-rank/accuracy-60"]
    assert accuracy.detail["parameters"][0] <= 0.4
    assert accuracy.peer is not None
    assert accuracy.peer > 90
    logits = rows["mixed-rank/logits-60/plain-svd"]
    assert logits.ours is not None
    assert logits.peer is not None
    assert logits.ours < logits.peer


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.6])
def test_plain_svd_uses_its_budget_and_cuts_every_layer_alike(keep: float) -> None:
    model = make_vit()
    parameters = int(keep * count_parameters(model))
    made = plain_svd(model, parameters)
    assert parameters - 32 * 4 < count_parameters(made) <= parameters
    layers = [one for one in made.modules() if isinstance(one, FactorizedLinear)]
    parts = [
        count_parameters(one.down) / (one.down.in_features * one.up.out_features)
        + one.up.weight.numel() / (one.down.in_features * one.up.out_features)
        for one in layers
    ]
    assert len(layers) == 2 * 6
    assert max(parts) - min(parts) < 0.1


def test_plain_svd_is_the_nearest_matrix_of_its_rank() -> None:
    model = make_vit()
    made = plain_svd(model, count_parameters(model) // 2)
    name = "vit.layers.0.mlp.fc1"
    layer, weight = made.get_submodule(name), model.get_submodule(name).weight.detach()
    assert isinstance(layer, FactorizedLinear)
    error = (weight - layer.up.weight @ layer.down.weight).norm()
    assert error.item() == pytest.approx(
        torch.linalg.svdvals(weight)[layer.rank :].norm().item(), rel=1e-4
    )


def test_the_whitened_error_is_zero_at_full_rank_and_falls_with_it() -> None:
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(50, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    errors = [whitened_error(weight, X.T @ X, rank) for rank in range(5)]
    assert errors[0] == pytest.approx(float((X @ weight.T).norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[4] == pytest.approx(0.0, abs=1e-9)


def test_held_out_images_are_in_no_training_set() -> None:
    data = split(1)
    assert (len(data.shown), len(data.held)) == (1297, 500)
    assert abs(float(data.shown.mean())) < 0.05
    assert float(data.shown.std()) == pytest.approx(1.0, abs=0.05)
    assert not torch.equal(split(2).held_labels, data.held_labels)
    assert torch.equal(split(1).held, data.held)
