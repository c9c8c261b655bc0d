"""A compressed model is loaded by the method that its card names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ado_service.local_llm.compressed_model import CompressedModel, load_compressed_model
from ado_service.local_llm.disp.disp_model import DispModel
from ado_service.local_llm.errors import ModelFolderError
from ado_service.local_llm.mixed_rank.compression import MixedRankSettings, compress
from tests.ado_service.local_llm.disp.pruned_models import TEXT, random_gates
from tests.ado_service.local_llm.tiny_models import make_model


def compressed(method: str) -> CompressedModel:
    model = make_model("llama")
    if method == "disp":
        return DispModel.prune(model, random_gates(model))
    return compress(model, TEXT, MixedRankSettings(0.6, None))


@pytest.mark.parametrize("method", ["disp", "mixed-rank"])
def test_each_method_loads_its_own(method: str, tmp_path: Path) -> None:
    made = compressed(method)
    made.save(tmp_path)
    loaded = load_compressed_model(tmp_path)
    assert type(loaded) is type(made)
    assert loaded.parameters == made.parameters < loaded.original_parameters


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="holds no compressed model"):
        load_compressed_model(tmp_path)
