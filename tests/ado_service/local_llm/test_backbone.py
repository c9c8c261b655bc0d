"""Loading models, and refusing what is none."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit

from ado_service.local_llm import backbone as backbone_module
from ado_service.local_llm import model_memory
from ado_service.local_llm.backbone import Backbone, Quantization
from ado_service.local_llm.errors import (
    LocalModelError,
    ModelFolderError,
    ModelMemoryError,
    UnsupportedModelError,
    WeightsError,
)
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.model_memory import required_bytes
from tests.ado_service.local_llm.side.side_models import tokens
from tests.ado_service.local_llm.tiny_models import CONTEXT, FAMILIES, make_model, save_model

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "llama", "llama")


@pytest.fixture
def folder(llama: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return shutil.copytree(llama, tmp_path / "llama")


def load(folder: Path, quantization: Quantization = Quantization.NONE) -> Backbone:
    return Backbone.load(folder, quantization=quantization)


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize("family", sorted(FAMILIES))
@torch.no_grad()
def test_every_family_computes_what_was_saved(family: str, tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "model", family))

    expected = make_model(family)(tokens()).logits
    torch.testing.assert_close(loaded.model(tokens()).logits, expected, rtol=0, atol=0)
    assert loaded.name == "model"
    assert loaded.context == CONTEXT
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())


@pytest.mark.parametrize("family", sorted(FAMILIES))
@torch.no_grad()
def test_every_family_loads_in_nf4_with_double_quantization(family: str, tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "model", family), Quantization.NF4)

    answer = loaded.model(tokens()).logits.float()
    linear = [m for m in loaded.model.get_decoder().modules() if isinstance(m, Linear4bit)]
    assert len(linear) >= 4 * loaded.model.config.num_hidden_layers
    for module in linear:
        state = module.weight.quant_state
        assert (state.quant_type, state.blocksize, state.nested) == ("nf4", 64, True)
    exact = make_model(family)(tokens()).logits
    # Four bits a weight: near the exact logits, and not equal.
    assert 0 < (answer - exact).std() < 0.5 * exact.std()


def test_quantized_layers_of_any_width_pass_gradients_on_after_an_evaluation(
    tmp_path: Path,
) -> None:
    """What tuning adapters within the model needs, which evaluates now and then."""
    folder = save_model(tmp_path / "model", "llama", intermediate_size=96)
    model = load(folder, Quantization.NF4).model
    with torch.no_grad():
        model(tokens())

    embeddings = model.get_input_embeddings()(tokens()).detach().requires_grad_()
    model(inputs_embeds=embeddings).logits.float().std().backward()

    assert embeddings.grad is not None
    assert embeddings.grad.any()


def test_nothing_is_asked_of_the_network(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert load(llama).name == "llama"


@torch.no_grad()
def test_shards_load_as_one(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model", "qwen2")
    (folder / WEIGHTS).unlink()
    make_model("qwen2").save_pretrained(folder, max_shard_size="200KB")

    assert not (folder / WEIGHTS).exists()
    torch.testing.assert_close(
        load(folder).model(tokens()).logits, make_model("qwen2")(tokens()).logits, rtol=0, atol=0
    )


def test_the_estimate_of_memory_is_near_what_is_held(llama: Path) -> None:
    found = ModelFolder.open(llama)
    for quantization, dtype in ((Quantization.NF4, torch.bfloat16), (Quantization.NONE, None)):
        model = load(llama, quantization).model
        held = sum(parameter.nbytes for parameter in model.parameters())
        estimate = required_bytes(found, quantization, dtype or torch.float32)
        assert held <= estimate < 1.05 * held


def test_the_tokenizer_pads_on_the_left(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", padding_side="right", pad_token=None)

    tokenizer = load(folder).tokenizer

    padded = tokenizer(["a", "long"], padding=True, return_tensors="pt")
    assert padded["attention_mask"].tolist() == [[0, 0, 0, 1], [1, 1, 1, 1]]


def test_a_fingerprint_tells_weights_apart_and_survives_a_move(llama: Path, tmp_path: Path) -> None:
    same = save_model(tmp_path / "same", "llama")
    other = save_model(tmp_path / "other", "llama", seed=1)
    fingerprints = [ModelFolder.open(path).fingerprint() for path in (llama, same, other)]

    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def _no_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file")


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _change_config(**changes: object) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "config.json", **changes)


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


def _cut(keep: Callable[[int], int]) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        content = (folder / WEIGHTS).read_bytes()
        (folder / WEIGHTS).write_bytes(content[: keep(len(content))])

    return cut


def _lengthen(folder: Path) -> None:
    with (folder / WEIGHTS).open("ab") as file:
        file.write(b"more")


def _pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def _missing_shard(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def _no_end_of_text(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", eos_token=None)


BROKEN: list[tuple[Callable[[Path], None], type[LocalModelError], str]] = [
    (_no_folder, ModelFolderError, "is not a folder"),
    (_a_file, ModelFolderError, "is not a folder"),
    (_remove("config.json"), ModelFolderError, "has no config.json"),
    (_write("config.json", b"{"), ModelFolderError, "is not JSON"),
    (_write("config.json", b"\xff\xfe"), ModelFolderError, "is not JSON"),
    (_write("config.json", b"[]"), ModelFolderError, "names no model_type"),
    (
        _change_config(model_type="bert"),
        UnsupportedModelError,
        "'bert'; supported are the LLaMA, Qwen, Mistral, OPT and Phi families",
    ),
    (
        _change_config(quantization_config={"quant_method": "gptq"}),
        UnsupportedModelError,
        "already quantized",
    ),
    (_change_config(num_hidden_layers=3), WeightsError, r"lack \d+ tensors"),
    (_change_config(hidden_size=128, head_dim=32), ModelFolderError, "cannot be loaded"),
    (_change_config(hidden_size="wide"), ModelFolderError, "no possible model: .*hidden_size"),
    (_change_config(num_attention_heads=7), ModelFolderError, "no possible model"),
    (_change_config(hidden_act="tanhish"), ModelFolderError, "cannot be loaded"),
    (_remove(WEIGHTS), WeightsError, f"has no {WEIGHTS}; copy the weights"),
    (_pickled, WeightsError, "convert them to safetensors"),
    (_missing_shard, WeightsError, "lacks model-00001-of-00002.safetensors"),
    (_cut(lambda size: size - 1), WeightsError, f"{WEIGHTS} is truncated"),
    (_cut(lambda size: size // 2), WeightsError, f"{WEIGHTS} is truncated"),
    (_cut(lambda _: 100), WeightsError, "truncated within its header"),
    (_cut(lambda _: 3), WeightsError, "does not begin with a safetensors header"),
    (_cut(lambda _: 0), WeightsError, "does not begin with a safetensors header"),
    (_lengthen, WeightsError, "4 bytes follow the last tensor"),
    (_write(WEIGHTS, b"\x02" + 7 * b"\x00" + b"[]"), WeightsError, "header cannot be read"),
    (_write(WEIGHTS, b"\x02" + 7 * b"\x00" + b"{}"), WeightsError, "holds no tensor"),
    (_write(WEIGHTS, 64 * b"text"), WeightsError, "does not begin with a safetensors header"),
    (_write(WEIGHTS, b"version https://git-lfs.github.com/spec/v1"), WeightsError, "git lfs pull"),
    (_remove("tokenizer.json"), ModelFolderError, "has no tokenizer"),
    (_write("tokenizer.json", b"{}"), ModelFolderError, "tokenizer in .* (broken|cannot)"),
    (_no_end_of_text, ModelFolderError, "names no end-of-text token"),
]


@pytest.mark.parametrize(("spoil", "error", "message"), BROKEN)
def test_a_broken_folder_is_refused_and_named(
    spoil: Callable[[Path], None], error: type[LocalModelError], message: str, folder: Path
) -> None:
    spoil(folder)

    with pytest.raises(error, match=message) as raised:
        load(folder)
    assert str(folder) in str(raised.value)


def test_a_model_larger_than_the_free_memory_is_refused_before_it_is_read(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_memory, "_available_bytes", lambda _: 1000)

    with pytest.raises(ModelMemoryError, match=r"needs 0\.00 GiB, .*; load it in NF4 or use a sm"):
        load(llama)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_while_loading_is_said(
    error: Exception, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(backbone_module.AutoModelForCausalLM, "from_pretrained", fail)

    with pytest.raises(ModelMemoryError, match="ran out while loading"):
        load(llama, Quantization.NF4)


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_refused(device: str, llama: Path) -> None:
    with pytest.raises(UnsupportedModelError, match=device):
        Backbone.load(llama, quantization=Quantization.NONE, device=device)


def test_code_in_the_folder_is_never_run(folder: Path) -> None:
    marker = folder / "ran"
    (folder / "code.py").write_text(f"open({str(marker)!r}, 'w')\nclass M: pass\n")
    edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "code.M"})

    assert type(load(folder).model).__name__ == "LlamaForCausalLM"
    assert not marker.exists()
