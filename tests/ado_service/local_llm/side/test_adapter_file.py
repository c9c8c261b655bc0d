"""Tunings on disk: saved, loaded, and refused beside what they were not fitted to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import AdapterError
from ado_service.local_llm.side.adapter_file import (
    CARD,
    WEIGHTS,
    load_adapter,
    read_card,
    save_adapter,
)
from ado_service.local_llm.side.downsampler import DownsamplerKind
from ado_service.local_llm.side.qst_model import QSTModel
from tests.ado_service.local_llm.side.side_models import RANK, REDUCTION, tokens, trained
from tests.ado_service.local_llm.tiny_models import FAMILIES, save_model


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    folder = save_model(tmp_path_factory.mktemp("models") / "tiny", "llama")
    return Backbone.load(folder, quantization=Quantization.NONE)


@pytest.fixture
def saved(tmp_path: Path, backbone: Backbone) -> Path:
    save_adapter(tmp_path / "tuning", trained(backbone.model).side, backbone)
    return tmp_path / "tuning"


@pytest.mark.parametrize(
    ("family", "quantization"),
    [*((family, Quantization.NONE) for family in sorted(FAMILIES)), ("llama", Quantization.NF4)],
)
@torch.no_grad()
def test_a_loaded_tuning_answers_as_the_saved_one(
    family: str, quantization: Quantization, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "model", family)
    backbone = Backbone.load(folder, quantization=quantization)
    dtype = "float32" if quantization is Quantization.NONE else "bfloat16"
    tuned = trained(backbone.model, dtype=dtype)
    answer = tuned(tokens()).logits
    save_adapter(tmp_path / "tuning", tuned.side, backbone)

    again = Backbone.load(folder, quantization=quantization)
    loaded = QSTModel(again.model, load_adapter(tmp_path / "tuning", again))

    assert torch.equal(loaded(tokens()).logits, answer)
    assert not loaded.training


@pytest.mark.parametrize("kind", list(DownsamplerKind))
def test_every_kind_comes_back_as_it_was(
    kind: DownsamplerKind, backbone: Backbone, tmp_path: Path
) -> None:
    side = trained(backbone.model, downsampler=kind).side
    save_adapter(tmp_path, side, backbone)

    loaded = load_adapter(tmp_path, backbone)

    assert loaded.settings == side.settings
    torch.testing.assert_close(loaded.state_dict(), side.state_dict(), rtol=0, atol=0)


def test_the_card_says_what_it_belongs_to(saved: Path, backbone: Backbone) -> None:
    card = read_card(saved)

    assert sorted(path.name for path in saved.iterdir()) == [CARD, WEIGHTS]
    assert (card.method, card.reduction, card.rank) == ("qst", REDUCTION, RANK)
    assert card.backbone == backbone.fingerprint
    assert card.quantization is Quantization.NONE


def test_a_moved_and_renamed_backbone_is_still_the_same(
    saved: Path, backbone: Backbone, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "elsewhere", "llama")
    moved = Backbone.load(folder, quantization=Quantization.NONE, name="other name")

    assert load_adapter(saved, moved).settings.reduction == REDUCTION


def test_a_tuning_of_other_weights_is_refused(saved: Path, tmp_path: Path) -> None:
    """Of the same architecture: only the numbers differ."""
    folder = save_model(tmp_path / "other", "llama", seed=1)
    other = Backbone.load(folder, quantization=Quantization.NONE)

    with pytest.raises(
        AdapterError, match=r"to 'tiny' \(none, .*with 'other' \(none, .*; load the mo"
    ):
        load_adapter(saved, other)


def test_a_tuning_for_another_quantization_is_refused(saved: Path, backbone: Backbone) -> None:
    quantized = Backbone.load(backbone.folder, quantization=Quantization.NF4)

    with pytest.raises(AdapterError, match=r"to 'tiny' \(none, .*with 'tiny' \(nf4, .*; load it"):
        load_adapter(saved, quantized)


def test_truncated_weights_are_refused(saved: Path, backbone: Backbone) -> None:
    weights = saved / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])

    with pytest.raises(AdapterError, match=rf"{WEIGHTS} is truncated"):
        load_adapter(saved, backbone)


def test_changed_weights_are_refused(saved: Path, backbone: Backbone) -> None:
    weights = saved / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(AdapterError, match=rf"not the file that {CARD} describes"):
        load_adapter(saved, backbone)


def test_a_folder_without_a_tuning_is_refused(tmp_path: Path, backbone: Backbone) -> None:
    with pytest.raises(AdapterError, match="holds no tuning"):
        load_adapter(tmp_path, backbone)


@pytest.mark.parametrize(
    ("text", "place"),
    [("not json", "the text"), ({"method": "lora"}, "method"), ({"rank": "wide"}, "rank")],
)
def test_a_broken_card_is_refused(
    text: str | dict[str, str], place: str, saved: Path, backbone: Backbone
) -> None:
    card = saved / CARD
    changed = (
        text if isinstance(text, str) else json.dumps({**json.loads(card.read_text()), **text})
    )
    card.write_text(changed)

    with pytest.raises(AdapterError, match=rf"does not describe a tuning \({place}: "):
        load_adapter(saved, backbone)


def test_a_failed_save_leaves_the_last_tuning_whole(
    saved: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ado_service.local_llm.side.adapter_file.save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_adapter(saved, trained(backbone.model, seed=2).side, replace(backbone, name="b"))

    assert sorted(path.name for path in saved.iterdir()) == [CARD, WEIGHTS]
    assert load_adapter(saved, backbone).settings.rank == RANK
