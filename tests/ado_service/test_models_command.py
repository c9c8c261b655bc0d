"""`ado models`: models are tried before they go on record, and nothing half goes on it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from ado_service.cli import app
from ado_service.local_llm import embedded
from ado_service.local_llm.errors import LocalModelError
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.model_registration import register_model
from ado_service.store.model_record import ModelRecord, TuningMethod
from ado_service.store.store import Store
from tests.ado_service.local_llm.tiny_models import make_model, save_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "Tiny LLaMA", "llama")


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return shutil.copytree(tiny, tmp_path / "Tiny LLaMA")


@pytest.fixture
def ado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `ado models ...` on a database of its own, without the embedded model."""
    monkeypatch.setenv("ADO_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(embedded, "FOLDER", tmp_path / "embedded")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["models", *arguments])

    return run


def opened(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path}/ado.db")


def test_a_model_is_added_shown_listed_and_removed(
    ado: Callable[..., Result], folder: Path, tmp_path: Path
) -> None:
    added = ado("add", str(folder))
    assert added.exit_code == 0, added.output
    assert "ado run CIRCUIT --llm tiny-llama" in added.output
    shown = json.loads(ado("show", "tiny-llama").stdout)
    assert shown == json.loads(ado("list", "--json").stdout)[0]
    assert shown.pop("created_at")
    assert shown == {
        "name": "tiny-llama",
        "path": str(folder.resolve()),
        "quantization": "nf4",
        "method": None,
        "base": None,
        "fingerprint": ModelFolder.open(folder).fingerprint(),
        "family": "llama",
        "parameters": 107_200,
        "context": 256,
    }
    assert "tiny-llama" in ado("list").stdout
    assert ado("remove", "tiny-llama").exit_code == 0
    assert json.loads(ado("list", "--json").stdout) == []
    assert "ado models add PATH" in ado("list").stdout
    assert (folder / "config.json").is_file()


def _cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


def _spoil_weights(folder: Path) -> None:
    """Whole files that compute no numbers."""
    model = make_model("llama")
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    model.save_pretrained(folder)


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _another_architecture(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "t5"}')


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (_cut, "is truncated"),
    (_spoil_weights, "gives no token"),
    (_no_config, "has no config.json"),
    (_another_architecture, "supported are the LLaMA"),
    (shutil.rmtree, "is not a folder"),
]


@pytest.mark.parametrize(("spoil", "problem"), BROKEN)
def test_what_cannot_work_is_not_registered(
    ado: Callable[..., Result],
    folder: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    problem: str,
) -> None:
    spoil(folder)
    refused = ado("add", str(folder), "--name", "broken", "--quantization", "none")
    assert refused.exit_code == 2, refused.output
    assert problem in refused.output
    with opened(tmp_path) as store:
        assert store.models.list() == ()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["add", "{folder}", "--name", "local"], "stands for the embedded model"),
        (["add", "{folder}", "--name", "Tiny"], "no name of a model"),
        (["add", "/"], "give one with --name"),
        (["show", "other"], "no model 'other' is on record"),
        (["remove", "other"], "no model 'other' is on record"),
        (["remove", "local"], "comes with the package"),
    ],
)
def test_wrong_names_are_told(
    ado: Callable[..., Result], folder: Path, arguments: list[str], problem: str
) -> None:
    refused = ado(*(one.format(folder=folder) for one in arguments))
    assert refused.exit_code == 2
    assert problem in " ".join(refused.output.split())


def test_a_taken_name_is_told_before_anything_is_loaded(
    ado: Callable[..., Result], folder: Path
) -> None:
    assert ado("add", str(folder), "--name", "tiny", "--quantization", "none").exit_code == 0
    _cut(folder)
    refused = ado("add", str(folder), "--name", "tiny")
    assert refused.exit_code == 2
    assert "already; choose another name" in " ".join(refused.output.split())


def test_a_base_with_tunings_stays(
    ado: Callable[..., Result], folder: Path, tmp_path: Path
) -> None:
    with opened(tmp_path) as store:
        record = register_model(store, folder, name="base").model_dump()
        changes: dict[str, Any] = {"name": "tuned", "base": "base", "method": TuningMethod.QST}
        store.models.add(ModelRecord.model_validate(record | changes))
    refused = ado("remove", "base")
    assert refused.exit_code == 2
    assert "tunings rest on model 'base': tuned" in refused.output
    listed = ado("list")
    assert "qst from base" in listed.stdout


def test_the_embedded_model_is_there_by_itself(
    ado: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny, tmp_path / "embedded")
    (shown,) = json.loads(ado("list", "--json").stdout)
    assert (shown["name"], shown["quantization"], shown["context"]) == ("local", "none", 256)
    (tmp_path / "embedded" / "model.safetensors").unlink()
    assert json.loads(ado("list", "--json").stdout) == []
    assert ado("show", "local").exit_code == 2


def test_a_model_of_another_device_is_refused(tiny: Path, tmp_path: Path) -> None:
    with (
        opened(tmp_path) as store,
        pytest.raises(LocalModelError, match="no device 'quantum'"),
    ):
        register_model(store, tiny, name="tiny", device="quantum")


def test_nothing_heavy_is_imported_before_a_model_is_asked_for() -> None:
    heavy = {"torch", "transformers", "peft", "bitsandbytes", "llguidance", "tokenizers"}
    program = f"import sys, ado_service.cli; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == []
