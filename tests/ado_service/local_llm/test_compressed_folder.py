"""What is saved is loaded whole or refused with the file and the cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from ado_service.local_llm.compressed_folder import CARD, WEIGHTS, read_compression_card
from ado_service.local_llm.errors import ModelFolderError, UnsupportedModelError, WeightsError
from ado_service.local_llm.mixed_rank.compression import MixedRankSettings, compress
from ado_service.local_llm.mixed_rank.mixed_rank_model import MixedRankModel
from ado_service.local_llm.weights_file import WeightsFile
from tests.ado_service.local_llm.side.side_models import tokens
from tests.ado_service.local_llm.tiny_models import make_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = compress(make_model("qwen3"), [{"input_ids": tokens()}], MixedRankSettings(0.6, None))
    made.save(tmp_path)
    return tmp_path


def change_card(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, **changes}))


def test_the_card_tells_what_was_done(folder: Path) -> None:
    card = read_compression_card(folder)
    assert card.architecture == "Qwen3ForCausalLM"
    assert card.parameters < card.original_parameters
    assert card.weights == WeightsFile.open(folder / WEIGHTS).fingerprint()
    stored = load_file(folder / WEIGHTS)
    for name, (rank,) in card.structure.items():
        assert len(stored[f"{name}.down.weight"]) == rank


def test_the_way_of_generating_is_kept(tmp_path: Path) -> None:
    model = make_model("llama")
    model.generation_config.repetition_penalty = 1.25
    compress(model, [{"input_ids": tokens()}], MixedRankSettings(0.6, None)).save(tmp_path)
    loaded = MixedRankModel.load(tmp_path).model
    assert loaded.generation_config.repetition_penalty == 1.25


def test_nothing_is_left_beside_the_files(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {CARD, WEIGHTS, "config.json", "generation_config.json"}


@pytest.mark.parametrize("there", ["config.json", WEIGHTS, f"{WEIGHTS}.index.json"])
def test_another_model_is_never_overwritten(tmp_path: Path, there: str) -> None:
    """The folder of the original, above all."""
    (tmp_path / there).write_text("of another model")
    made = compress(make_model("llama"), [{"input_ids": tokens()}], MixedRankSettings(0.6, None))
    with pytest.raises(ModelFolderError, match=f"holds {there} of another model; give an empty"):
        made.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "of another model"


def test_a_compressed_model_takes_the_place_of_one(folder: Path) -> None:
    made = compress(make_model("llama"), [{"input_ids": tokens()}], MixedRankSettings(0.7, None))
    made.save(folder)
    assert MixedRankModel.load(folder).parameters == made.parameters


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=f"{CARD} is missing; give the folder"):
        MixedRankModel.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}'])
def test_a_broken_card_is_refused(folder: Path, text: str) -> None:
    (folder / CARD).write_text(text)
    with pytest.raises(ModelFolderError, match="does not describe a compressed model"):
        MixedRankModel.load(folder)


def test_a_model_of_another_method_is_refused(folder: Path) -> None:
    change_card(folder, method="disp")
    with pytest.raises(ModelFolderError, match="compressed by 'disp', not by 'mixed-rank'"):
        MixedRankModel.load(folder)


def test_truncated_weights_are_refused(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[:-10])
    with pytest.raises(WeightsError, match="truncated"):
        MixedRankModel.load(folder)


def test_weights_of_another_model_are_refused(folder: Path) -> None:
    other = {name: tensor + 1 for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(other, folder / WEIGHTS)
    with pytest.raises(WeightsError, match=f"not the file that {CARD} describes"):
        MixedRankModel.load(folder)


def test_weights_that_lack_a_tensor_are_refused(folder: Path) -> None:
    stored = load_file(folder / WEIGHTS)
    del stored["model.norm.weight"]
    save_file(stored, folder / WEIGHTS)
    change_card(folder, weights=WeightsFile.open(folder / WEIGHTS).fingerprint())
    with pytest.raises(WeightsError, match=r"first difference: model\.norm\.weight"):
        MixedRankModel.load(folder)


@pytest.mark.parametrize(
    "structure",
    [
        {"model.layers.0.mlp.up_proj": [1]},
        {"model.layers.9.mlp.up_proj": [4]},
        {"model.norm": [4]},
        {"model.layers.0.mlp.up_proj": [0]},
        {"model.layers.0.mlp.up_proj": [3, 4]},
    ],
)
def test_a_structure_of_another_model_is_refused(
    folder: Path, structure: dict[str, list[int]]
) -> None:
    change_card(folder, structure=structure)
    with pytest.raises(ModelFolderError, match="copy both again"):
        MixedRankModel.load(folder)


@pytest.mark.parametrize("name", ["Nonsense", "BertModel", "AutoModel", "__path__"])
def test_an_architecture_that_is_not_ours_is_refused(folder: Path, name: str) -> None:
    change_card(folder, architecture=name)
    with pytest.raises(UnsupportedModelError, match=f"architecture '{name}'"):
        MixedRankModel.load(folder)


def test_the_config_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    make_model("llama").config.save_pretrained(tmp_path)
    with pytest.raises(ModelFolderError, match=r"config\.json is of a 'llama'"):
        MixedRankModel.load(folder)
