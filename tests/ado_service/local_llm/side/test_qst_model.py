"""Invariants of side tuning, on every family."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache, PreTrainedModel, StaticCache

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import LocalModelError
from ado_service.local_llm.side.downsampler import DownsamplerKind
from ado_service.local_llm.side.qst_model import QSTModel
from tests.ado_service.local_llm.side.side_models import attach, tokens, trained
from tests.ado_service.local_llm.tiny_models import FAMILIES, make_model, save_model

NEW = 9
"""Generated tokens; with the prompt they run past the sliding window of the tiny models."""


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return make_model(request.param)


@pytest.fixture(scope="module")
def tuned(model: PreTrainedModel) -> QSTModel:
    return trained(model)


def generate(model: PreTrainedModel, prompt: Tensor, mask: Tensor, **options: object) -> Tensor:
    """Only the new tokens, `batch x NEW`."""
    answer = model.generate(
        prompt,
        attention_mask=mask,
        max_new_tokens=NEW,
        **{"do_sample": False, "pad_token_id": 0, "eos_token_id": None, **options},
    )
    return answer[:, prompt.shape[1] :]


def left_padded(lengths: tuple[int, ...] = (3, 8)) -> tuple[Tensor, Tensor]:
    """Prompts of these lengths with padding before them, and their mask."""
    longest = max(lengths)
    prompt = tokens(len(lengths), longest)
    mask = torch.tensor([[0] * (longest - n) + [1] * n for n in lengths])
    return prompt * mask, mask


@pytest.mark.parametrize("kind", list(DownsamplerKind))
@torch.no_grad()
def test_a_new_side_network_leaves_every_logit_exactly_as_it_was(
    model: PreTrainedModel, kind: DownsamplerKind
) -> None:
    plain = model(tokens()).logits

    assert torch.equal(attach(model, downsampler=kind)(tokens()).logits, plain)


@torch.no_grad()
def test_a_new_side_network_in_bfloat16_leaves_a_bfloat16_model_as_it_was(
    model: PreTrainedModel,
) -> None:
    half = make_model(model.config.model_type).to(torch.bfloat16)
    plain = half(tokens()).logits

    assert torch.equal(attach(half, dtype="bfloat16")(tokens()).logits, plain)


@torch.no_grad()
def test_opening_the_gate_changes_the_logits(model: PreTrainedModel, tuned: QSTModel) -> None:
    assert (tuned(tokens()).logits - model(tokens()).logits).abs().max() > 0.1


@pytest.mark.parametrize("kind", list(DownsamplerKind))
def test_only_the_side_network_learns_and_all_of_it_does(
    model: PreTrainedModel, kind: DownsamplerKind
) -> None:
    tuned = trained(model, downsampler=kind).train()

    tuned(tokens(), labels=tokens()).loss.backward()

    assert all(parameter.grad is None for parameter in model.parameters())
    for name, parameter in tuned.side.named_parameters():
        assert parameter.grad is not None, name
        # Softmax ignores what is added to all keys alike: that bias has no gradient but rounding.
        assert parameter.grad.abs().max() > 0 or name.endswith("k_proj.bias"), name


def test_the_mix_learns_from_the_first_step(model: PreTrainedModel) -> None:
    """At alpha 1 it alone gets a gradient, and by it the gate opens."""
    tuned = attach(model).train()

    tuned(tokens(), labels=tokens()).loss.backward()

    assert tuned.side.alpha.is_leaf
    assert tuned.side.alpha.grad is not None
    assert tuned.side.alpha.grad.abs() > 0


def test_the_gradient_is_the_slope_of_the_loss(model: PreTrainedModel) -> None:
    tuned, step = trained(model), 5e-3
    loss_of = partial(tuned, tokens(), labels=tokens())
    loss_of().loss.backward()
    for parameter in (tuned.side.alpha, tuned.side.body.get_decoder().layers[1].gamma):
        losses = []
        for change in (step, -2 * step):
            with torch.no_grad():
                parameter += change
                losses.append(loss_of().loss.item())
        with torch.no_grad():
            parameter += step
        assert parameter.grad is not None
        slope = (losses[0] - losses[1]) / (2 * step)
        assert parameter.grad.item() == pytest.approx(slope, rel=0.02, abs=2e-3)


@pytest.mark.parametrize("windowed", [False, True])
@torch.no_grad()
def test_token_by_token_equals_all_at_once(tuned: QSTModel, windowed: bool) -> None:
    whole, pieces = tuned(tokens()).logits, []
    cache = DynamicCache(config=tuned.config) if windowed else DynamicCache()
    for begin, end in ((0, 5), (5, 6), (6, 9), (9, 12)):
        piece = tuned(tokens()[:, begin:end], past_key_values=cache, use_cache=True)
        assert piece.past_key_values is cache
        pieces.append(piece.logits)

    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=2e-4, rtol=1e-4)
    assert len(cache.layers) == 2 * tuned.config.num_hidden_layers


@torch.no_grad()
def test_padding_on_the_left_changes_nothing(tuned: QSTModel) -> None:
    prompt, mask = left_padded()
    answers = generate(tuned, prompt, mask)

    for row, length in enumerate(mask.sum(1).tolist()):
        alone = prompt[row : row + 1, -length:]
        assert torch.equal(answers[row], generate(tuned, alone, torch.ones_like(alone))[0])


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "top_p": 0.9}])
@torch.no_grad()
def test_generation_with_the_cache_equals_generation_without(
    tuned: QSTModel, options: dict[str, object]
) -> None:
    prompt, mask = left_padded()
    answers = []
    for use_cache in (True, False):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            answers.append(generate(tuned, prompt, mask, use_cache=use_cache, **options))

    assert torch.equal(*answers)


@torch.no_grad()
def test_reordering_rows_moves_both_networks(tuned: QSTModel) -> None:
    """What beam search does to a cache: row 0 goes on from what was row 1."""
    cache = DynamicCache()
    tuned(tokens(), past_key_values=cache, use_cache=True)
    cache.reorder_cache(torch.tensor([1, 1]))
    token = tokens(2, 1, seed=5)

    after = tuned(token, past_key_values=cache, use_cache=True).logits[:, -1]

    rows = torch.cat([tokens()[[1, 1]], token], 1)
    torch.testing.assert_close(after, tuned(rows).logits[:, -1], atol=2e-4, rtol=1e-4)


def test_recomputing_side_layers_gives_the_same_gradients(model: PreTrainedModel) -> None:
    gradients = []
    for checkpointed in (False, True):
        tuned = trained(model).train()
        tuned.side.checkpoint_layers(checkpointed)
        tuned(tokens(), labels=tokens()).loss.backward()
        gradients.append({n: p.grad for n, p in tuned.side.named_parameters()})

    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)


def test_recomputing_side_layers_keeps_less_for_the_backward_pass(model: PreTrainedModel) -> None:
    assert _saved_bytes(model, checkpointed=True) < 0.7 * _saved_bytes(model, checkpointed=False)


def _saved_bytes(model: PreTrainedModel, *, checkpointed: bool) -> int:
    tuned = trained(model, downsampler=DownsamplerKind.AVERAGE_POOL).train()
    tuned.side.checkpoint_layers(checkpointed)
    own = {p.untyped_storage().data_ptr() for p in tuned.parameters()}
    kept: dict[int, int] = {}
    alive = []

    def keep(tensor: Tensor) -> Tensor:
        alive.append(tensor)  # or its place could be taken by the next one
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        tuned(tokens(2, 32), labels=tokens(2, 32))
    return sum(kept.values())


def test_the_loss_is_that_of_the_logits_where_labels_count(tuned: QSTModel) -> None:
    labels = tokens().clone()
    labels[0, :7] = -100

    loss = tuned(tokens(), labels=labels).loss

    logits = tuned(tokens()).logits[:, :-1]
    expected = functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten())
    torch.testing.assert_close(loss, expected)


def test_a_short_training_lowers_the_loss(model: PreTrainedModel) -> None:
    """One line learned by heart, from the state in which the side network adds nothing."""
    tuned, line = attach(model).train(), tokens(1, 16)
    optimizer = torch.optim.AdamW(tuned.side.parameters(), lr=0.05)
    losses = []
    for _ in range(15):
        loss = tuned(line, labels=line).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < 0.7 * losses[0]


@torch.no_grad()
def test_detaching_gives_the_plain_model_back(model: PreTrainedModel) -> None:
    plain = make_model(model.config.model_type).train()
    before = plain.eval()(tokens()).logits
    plain.train()
    tuned = trained(plain)
    tuned(tokens())

    restored = tuned.detach()

    assert restored is plain
    assert plain.training
    assert all(parameter.requires_grad for parameter in plain.parameters())
    assert torch.equal(plain.eval()(tokens()).logits, before)
    layers = plain.get_decoder().layers
    assert not any(layer._forward_pre_hooks for layer in layers)
    with pytest.raises(LocalModelError, match="detached"):
        tuned(tokens())


@torch.no_grad()
def test_side_networks_are_changed_without_reloading(model: PreTrainedModel) -> None:
    plain = model(tokens()).logits
    first, second = trained(model, seed=1), trained(model, seed=2)
    answer = first(tokens()).logits

    assert not torch.equal(second(tokens()).logits, answer)
    assert torch.equal(first(tokens()).logits, answer)
    assert torch.equal(model(tokens()).logits, plain)


@torch.no_grad()
def test_another_thread_may_use_the_backbone_meanwhile(
    model: PreTrainedModel, tuned: QSTModel
) -> None:
    expected = tuned(tokens()).logits
    with tuned._tapped() as downsampled:
        other = threading.Thread(target=model, args=(tokens(),))
        other.start()
        other.join()
        assert downsampled == []
    assert torch.equal(tuned(tokens()).logits, expected)


def test_training_mode_is_of_the_side_network_alone(model: PreTrainedModel) -> None:
    tuned = attach(model).train()

    assert tuned.side.training
    assert not any(module.training for module in model.modules())


def test_equal_seeds_make_equal_side_networks_and_leave_the_random_state(
    model: PreTrainedModel,
) -> None:
    state = torch.get_rng_state()
    first, same, other = (attach(model, seed=seed).side.state_dict() for seed in (3, 3, 4))

    torch.testing.assert_close(first, same, rtol=0, atol=0)
    assert not torch.equal(first["up.weight"], other["up.weight"])
    assert torch.equal(torch.get_rng_state(), state)


@torch.no_grad()
def test_a_cache_that_another_decoder_filled_is_refused(
    model: PreTrainedModel, tuned: QSTModel
) -> None:
    cache = model(tokens(), use_cache=True).past_key_values

    with pytest.raises(LocalModelError, match="without this side network"):
        tuned(tokens(2, 1), past_key_values=cache, use_cache=True)


def test_a_cache_of_fixed_size_is_refused(tuned: QSTModel) -> None:
    cache = StaticCache(config=tuned.config, max_cache_len=32)

    with pytest.raises(LocalModelError, match="StaticCache"):
        tuned(tokens(), past_key_values=cache, use_cache=True)


def test_a_quantized_backbone_is_tuned_and_generates_in_bfloat16(tmp_path: Path) -> None:
    backbone = Backbone.load(save_model(tmp_path, "llama"), quantization=Quantization.NF4)
    tuned = trained(backbone.model, dtype="bfloat16").train()
    tuned(tokens(), labels=tokens()).loss.backward()
    assert all(parameter.grad is None for parameter in backbone.model.parameters())
    assert all(parameter.grad is not None for parameter in tuned.side.parameters())

    cache, pieces = DynamicCache(), []
    with torch.no_grad():
        whole = tuned.eval()(tokens()).logits
        for begin, end in ((0, 6), (6, 7), (7, 12)):
            piece = tuned(tokens()[:, begin:end], past_key_values=cache, use_cache=True)
            pieces.append(piece.logits)
    error = (torch.cat(pieces, 1) - whole).float().abs().max()
    assert error < 0.1 * whole.float().std()
