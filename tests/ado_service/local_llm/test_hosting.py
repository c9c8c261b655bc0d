"""Engines of models on disk: what they share, what they refuse, and when they go."""

from __future__ import annotations

import gc
import shutil
import threading
import weakref
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from ado_service.local_llm.backbone import Backbone
from ado_service.local_llm.embedded import embedded_source, is_there
from ado_service.local_llm.errors import (
    AdapterError,
    LocalModelError,
    ModelFolderError,
    UnsupportedModelError,
)
from ado_service.local_llm.generation_error import EngineClosed
from ado_service.local_llm.hosted_models import HostedModels, UnknownModelError
from ado_service.local_llm.hosting import HostedModel, Hosting
from ado_service.local_llm.model_source import ModelSource, stamp_of
from tests.ado_service.local_llm.hosted import (
    NF4,
    engine_of,
    said,
    save_lora,
    save_qst,
    source_of,
    tuned,
)
from tests.ado_service.local_llm.tiny_models import save_model

pytestmark = pytest.mark.filterwarnings(  # peft asks transformers for it by an older name
    "ignore:.is_gradient_checkpointing:FutureWarning"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models of these tests."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def base(models: Path) -> ModelSource:
    return source_of(save_model(models / "base", "llama"))


@pytest.fixture(scope="module")
def other(models: Path) -> ModelSource:
    return source_of(save_model(models / "other", "llama", seed=1))


@pytest.fixture(scope="module")
def sides(models: Path, base: ModelSource) -> list[ModelSource]:
    """Two tunings of the base by side networks."""
    return [save_qst(base, models / f"side-{seed}", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def lora(models: Path, base: ModelSource) -> ModelSource:
    return save_lora(base, models / "lora")


@pytest.fixture(scope="module")
def apart(base: ModelSource, sides: list[ModelSource], lora: ModelSource) -> dict[str, str]:
    """What each model answers when nothing else is loaded."""
    found = {}
    for source in (base, *sides, lora):
        with engine_of(source) as engine:
            found[source.name] = said(engine)
    assert len(set(found.values())) == 4
    return found


def loaded_models() -> int:
    """Whole models in memory, side networks apart."""
    gc.collect()
    # Of the type, not of the object: proxies do much when they are asked for their class.
    models = [one for one in gc.get_objects() if issubclass(type(one), PreTrainedModel)]
    return sum(hasattr(model, "lm_head") for model in models)


def test_tunings_share_the_weights_of_their_base(
    base: ModelSource, sides: list[ModelSource], apart: dict[str, str]
) -> None:
    hosting, before = Hosting("cpu"), loaded_models()
    with ExitStack() as stack:
        engines = {one.name: stack.enter_context(engine_of(one, hosting)) for one in (base, *sides)}
        assert loaded_models() == before + 1
        assert {name: said(engine) for name, engine in engines.items()} == {
            name: apart[name] for name in engines
        }
        del engines
    assert loaded_models() == before


def test_they_answer_at_the_same_time_as_they_do_apart(
    base: ModelSource, sides: list[ModelSource], apart: dict[str, str]
) -> None:
    hosting = Hosting("cpu")
    found: list[tuple[str, str]] = []
    with ExitStack() as stack:
        engines = {one.name: stack.enter_context(engine_of(one, hosting)) for one in (base, *sides)}

        def ask(name: str) -> None:
            found.extend((name, said(engines[name])) for _ in range(5))

        threads = [threading.Thread(target=ask, args=(name,)) for name in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(set(found)) == sorted((name, apart[name]) for name in engines)
    assert len(found) == 15


def test_lora_leaves_the_base_of_others_alone(
    base: ModelSource, lora: ModelSource, apart: dict[str, str]
) -> None:
    hosting, before = Hosting("cpu"), loaded_models()
    with engine_of(base, hosting) as plain, engine_of(lora, hosting) as tuned_:
        assert loaded_models() == before + 2
        assert said(plain) == apart["base"]
        assert said(tuned_) == apart["lora"]


def test_quantized_tunings(models: Path, base: ModelSource) -> None:
    quantized = replace(base, quantization=NF4)
    side = save_qst(quantized, models / "side-nf4")
    lora = save_lora(quantized, models / "qlora")
    assert lora.method == "qlora"
    hosting = Hosting("cpu")
    with ExitStack() as stack:
        engines = [stack.enter_context(engine_of(one, hosting)) for one in (quantized, side, lora)]
        texts = [said(engine) for engine in engines]
        assert len(set(texts)) == 3
        assert [said(engine) for engine in engines] == texts


def test_a_full_tuning_is_a_model_of_its_own(
    base: ModelSource, other: ModelSource, sides: list[ModelSource]
) -> None:
    full = replace(other, method="full", base=base)
    with engine_of(other) as expected, engine_of(full) as engine:
        assert said(engine) == said(expected)
    assert full.backbone is full
    assert sides[0].backbone is base


def test_a_tuning_of_another_model_is_refused(
    base: ModelSource, other: ModelSource, sides: list[ModelSource], lora: ModelSource
) -> None:
    before = loaded_models()
    wrong = [replace(sides[0], base=other), replace(lora, base=other)]
    models = r"'base' \(none, weights .*\), and is to be used with 'other' \(none, weights "
    for source in wrong:
        with pytest.raises(AdapterError, match=f"{models}.*load the model that it was tuned on"):
            Hosting("cpu").engine(source)
    quantized = replace(base, quantization=NF4)
    for source in (replace(sides[0], base=quantized), replace(lora, base=quantized)):
        with pytest.raises(AdapterError, match=r"'base' \(none, .*'base' \(nf4, .*with 'none'"):
            Hosting("cpu").engine(source)
    for source in (replace(sides[0], base=None), replace(lora, base=None)):
        with pytest.raises(AdapterError, match="not on record"):
            Hosting("cpu").engine(source)
    with pytest.raises(UnsupportedModelError, match="'prefix', which is not known"):
        Hosting("cpu").engine(replace(lora, method="prefix"))
    assert loaded_models() == before


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("adapter_config.json", None, "adapter_config.json is missing"),
        ("adapter_config.json", b"{", "cannot be loaded"),
        ("adapter_model.safetensors", None, "adapter_model.safetensors"),
        ("adapter_model.safetensors", b"\x80\x04pickle", "safetensors header"),
        ("adapter_model.safetensors", "cut", "truncated"),
    ],
)
def test_broken_lora_weights_are_refused(
    lora: ModelSource, tmp_path: Path, name: str, content: bytes | str | None, problem: str
) -> None:
    folder = shutil.copytree(lora.folder, tmp_path / "lora")
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(whole[:-1] if isinstance(content, str) else content)
    with pytest.raises(AdapterError, match=problem):
        Hosting("cpu").engine(replace(lora, folder=folder))


def test_weights_that_were_replaced_are_not_taken_for_those_on_record(
    base: ModelSource, other: ModelSource, tmp_path: Path
) -> None:
    folder = shutil.copytree(base.folder, tmp_path / "model")
    source = replace(base, folder=folder)
    with engine_of(source):
        pass
    shutil.copy(other.folder / "model.safetensors", folder)
    with pytest.raises(ModelFolderError, match="remove the model and add it again"):
        Hosting("cpu").engine(source)


class Registry(dict[str, HostedModel]):
    """Models that come and go."""


def test_a_model_that_goes_is_not_served_from_memory(
    base: ModelSource, sides: list[ModelSource]
) -> None:
    before = loaded_models()
    hosting = Hosting("cpu")
    registry = {one.name: HostedModel(one, hosting) for one in (base, *sides)}
    with closing(HostedModels(registry)) as hosted:
        engines = [hosted.engine(name) for name in sorted(registry)]
        assert [hosted.engine(name) for name in sorted(registry)] == engines
        gone = [weakref.ref(engine) for engine in engines]
        del registry["side-1"], engines
        with pytest.raises(UnknownModelError, match="it has base, side-2"):
            hosted.engine("side-1")
        gc.collect()
        assert [ref() is None for ref in gone] == [False, True, False]
        hosted.engine("base")
    assert loaded_models() == before


def test_a_tuning_that_is_replaced_is_loaded_anew(
    models: Path, base: ModelSource, tmp_path: Path
) -> None:
    hosting = Hosting("cpu")
    source = save_qst(base, tmp_path / "side", seed=3)
    registry = {"side": HostedModel(source, hosting)}
    with closing(HostedModels(registry)) as hosted:
        first = hosted.engine("side")
        text = said(first)
        again = save_qst(base, tmp_path / "side", seed=4)  # the same folder, written again
        assert again != source
        registry["side"] = HostedModel(again, hosting)
        second = hosted.engine("side")
        assert said(second) != text
        with pytest.raises(EngineClosed):
            said(first)


def test_what_cannot_be_loaded_can_be_later(base: ModelSource, tmp_path: Path) -> None:
    folder = shutil.copytree(base.folder, tmp_path / "model")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-5])
    source = replace(base, folder=folder)
    with closing(HostedModels({"model": HostedModel(source, Hosting("cpu"))})) as hosted:
        with pytest.raises(LocalModelError, match="truncated"):
            hosted.engine("model")
        weights.write_bytes(whole)
        assert said(hosted.engine("model"))


def test_the_embedded_model_computes_in_float32(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "embedded", "llama")
    assert not is_there(tmp_path)
    assert is_there(folder)
    loaded = Backbone.load(folder, quantization=embedded_source(folder).quantization)
    loaded.model.to(torch.bfloat16).save_pretrained(folder)
    source = embedded_source(folder)
    assert (source.name, source.family, source.context) == ("local", "llama", 256)
    hosting = Hosting("cpu")
    with engine_of(source, hosting):
        (shared,) = hosting._shared.values()
        assert shared.backbone.model.dtype is torch.float32
    with engine_of(save_qst(source, tmp_path / "side"), hosting) as engine:
        assert said(engine)


def test_a_stamp_tells_files_that_changed(tmp_path: Path) -> None:
    assert stamp_of(tmp_path / "none") == ()
    (tmp_path / "a").write_text("one")
    first = stamp_of(tmp_path)
    assert first == stamp_of(tmp_path) != ()
    (tmp_path / ".draft").write_text("unfinished")
    assert stamp_of(tmp_path) == first
    (tmp_path / "a").write_text("another")
    assert stamp_of(tmp_path) != first


def test_a_tuning_keeps_the_stamp_of_its_own_folder(lora: ModelSource, base: ModelSource) -> None:
    assert tuned(base, lora.folder, "lora").stamp == lora.stamp != base.stamp
