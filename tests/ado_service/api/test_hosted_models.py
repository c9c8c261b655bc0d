"""Models on record, served: listed, shared, and refused in a way that clients understand."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import torch

from ado_service.local_llm.quantization import Quantization
from ado_service.model_registration import register_model
from ado_service.store.model_record import ModelRecord, TuningMethod
from ado_service.store.store import Store
from tests.ado_service.api.live import Live, serving, settings
from tests.ado_service.local_llm.hosted import save_qst, source_of
from tests.ado_service.local_llm.tiny_models import make_model, save_model

ASKED: list[Any] = [{"role": "user", "content": "Size it."}]
NONE = Quantization.NONE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Live]:
    """A server with the model `base`, its tuning `side`, and another model, `other`."""
    chosen = settings(folder)
    with Store.open(chosen.database_url) as store:
        for seed, name in enumerate(("base", "other")):
            register_model(store, save_model(folder / name, "llama", seed=seed), quantization=NONE)
        source = source_of(folder / "base")
        save_qst(source, folder / "side")
        add_tuning(store, "side", folder / "side", "base")
    with serving(chosen) as live:
        yield live


def add_tuning(store: Store, name: str, path: Path, base: str) -> None:
    record = store.models.get(base).model_dump()
    changes = {"name": name, "path": path, "method": TuningMethod.QST, "base": base}
    store.models.add(ModelRecord.model_validate(record | changes))


@pytest.fixture
def client(server: Live) -> Iterator[openai.OpenAI]:
    url = f"{server.client.base_url}/v1"
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0, timeout=60) as opened:
        yield opened


def ask(client: openai.OpenAI, model: str, **fields: Any) -> str:
    sent: dict[str, Any] = {"messages": ASKED, "seed": 1, "max_tokens": 20, **fields}
    text = client.chat.completions.create(model=model, **sent).choices[0].message.content
    assert isinstance(text, str)
    return text


def test_they_are_listed_with_what_they_are(client: openai.OpenAI, server: Live) -> None:
    assert [one.id for one in client.models.list().data][:3] == ["base", "other", "side"]
    shown = server.get("/v1/models/side")
    assert shown.items() <= client.models.retrieve("side").model_dump().items()
    assert shown["owned_by"] == "ado-service"
    wanted = {
        "id": "side", "object": "model", "base": "base", "method": "qst", "quantization": "none",
        "family": "llama", "context": 256, "parameters": 107_200,
    }  # fmt: skip
    assert {key: shown[key] for key in wanted} == wanted
    assert "path" not in shown
    assert server.get("/v1/models/base")["method"] is None


def test_a_base_and_its_tuning_answer_side_by_side(client: openai.OpenAI) -> None:
    texts = [ask(client, name) for name in ("base", "side", "base", "side", "other")]
    assert texts[:2] == texts[2:4]
    assert len(set(texts)) == 3


def test_a_model_that_is_added_or_removed_is_known_at_once(
    client: openai.OpenAI, server: Live, folder: Path
) -> None:
    path = save_model(folder / "late", "qwen2")
    with pytest.raises(openai.NotFoundError):
        ask(client, "late")
    record = register_model(server.store, path, quantization=NONE)
    first = ask(client, "late")
    server.store.models.remove("late")
    with pytest.raises(openai.NotFoundError, match="no model 'late' here") as refused:
        ask(client, "late")
    assert refused.value.code == "model_not_found"
    server.store.models.add(record.model_copy(update={"name": "later"}))
    assert ask(client, "later") == first
    server.store.models.remove("later")


def test_a_tuning_that_is_replaced_answers_as_the_new_one(
    client: openai.OpenAI, server: Live, folder: Path
) -> None:
    for seed in (5, 6):
        save_qst(source_of(folder / "base"), folder / f"replaced-{seed}", seed)
    add_tuning(server.store, "mine", folder / "replaced-5", "base")
    first = ask(client, "mine")
    server.store.models.remove("mine")
    add_tuning(server.store, "mine", folder / "replaced-6", "base")
    assert ask(client, "mine") != first
    server.store.models.remove("mine")


def cut(path: Path) -> None:
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])


def of_another_architecture(path: Path) -> None:
    config = path / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "bert"}))


def enormous(path: Path) -> None:
    """Weights of 4 TiB, as their header says and the length of the file too: it is sparse."""
    size = 2**42
    header = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}})
    with (path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        file.truncate(8 + len(header) + size)


def gone(path: Path) -> None:
    shutil.rmtree(path)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (cut, "model_broken"),
        (of_another_architecture, "model_unsupported"),
        (enormous, "out_of_memory"),
        (gone, "model_not_loaded"),
    ],
)
@pytest.mark.parametrize("loaded", [False, True])
def test_a_model_that_was_spoilt_since_is_refused(
    client: openai.OpenAI, server: Live, folder: Path, spoil: Any, code: str, loaded: bool
) -> None:
    path = save_model(folder / f"{spoil.__name__}-{loaded}", "llama")
    record = server.store.models.get("base").model_dump()
    server.store.models.add(ModelRecord.model_validate(record | {"name": "spoilt", "path": path}))
    try:
        if loaded:
            assert ask(client, "spoilt")
        spoil(path)
        with pytest.raises(openai.InternalServerError) as refused:
            ask(client, "spoilt")
        with pytest.raises(openai.APIError):
            ask(client, "spoilt", stream=True)
        names = [one.id for one in client.models.list().data]
        assert {"base", "spoilt"} <= set(names)
        assert client.models.retrieve("spoilt").id == "spoilt"
    finally:
        server.store.models.remove("spoilt")
    assert (refused.value.status_code, refused.value.code) == (503, code)
    assert refused.value.response.headers["retry-after"] == "5"
    assert str(folder) not in str(refused.value)
    assert ask(client, "base")


def test_a_tuning_of_another_model_is_refused(
    client: openai.OpenAI, server: Live, folder: Path
) -> None:
    add_tuning(server.store, "astray", folder / "side", "other")
    with pytest.raises(openai.InternalServerError) as refused:
        ask(client, "astray")
    server.store.models.remove("astray")
    assert refused.value.code == "tuning_mismatch"
    said = str(refused.value)
    assert "'base' (none, weights" in said
    assert "'other' (none, weights" in said
    assert str(folder) not in said


def test_a_tuning_for_another_quantization_is_refused(
    client: openai.OpenAI, server: Live, folder: Path
) -> None:
    other_form = server.store.models.get("base").model_dump() | {
        "name": "base-nf4", "quantization": Quantization.NF4,
    }  # fmt: skip
    server.store.models.add(ModelRecord.model_validate(other_form))
    add_tuning(server.store, "askew", folder / "side", "base-nf4")
    with pytest.raises(openai.InternalServerError) as refused:
        ask(client, "askew")
    for name in ("askew", "base-nf4"):
        server.store.models.remove(name)
    assert "'base' (none, weights" in str(refused.value)
    assert "'base-nf4' (nf4, weights" in str(refused.value)


def test_a_prompt_beyond_the_context_is_refused(client: openai.OpenAI) -> None:
    long: list[Any] = [{"role": "user", "content": "x" * 300}]
    with pytest.raises(openai.BadRequestError, match="256 tokens") as refused:
        ask(client, "side", messages=long)
    assert refused.value.code == "context_length_exceeded"


class Hungry(torch.nn.Module):
    """A decoder that takes memory for every token of its prompt: a pebibyte for each but the first.

    The allocator that refuses it is the real one.
    """

    def __init__(self, decoder: torch.nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, input_ids: Any, **inputs: Any) -> Any:
        torch.empty((input_ids.shape[1] - 1) << 50, dtype=torch.uint8)
        return self.decoder(input_ids=input_ids, **inputs)


def test_memory_that_runs_out_in_a_generation_ends_that_one_alone(
    client: openai.OpenAI, server: Live
) -> None:
    engine = server.service.models.engine("other")
    plain = make_model("llama", seed=1)
    expected = ask(client, "other")
    engine.swap(Hungry(plain))
    with pytest.raises(openai.InternalServerError) as refused:
        ask(client, "other")
    assert (refused.value.status_code, refused.value.code) == (503, "out_of_memory")
    assert refused.value.response.headers["retry-after"] == "5"
    assert "memory ran out" in str(refused.value)
    engine.swap(plain)
    assert ask(client, "other") == expected


def test_a_database_that_does_not_answer_is_said_in_the_same_shape(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    with serving(chosen) as live:
        live.service.store.close()
        (tmp_path / "designs.db").write_bytes(b"no database" * 1000)
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"designs.db{suffix}").unlink(missing_ok=True)
        answer = live.client.get("/v1/models")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert str(tmp_path) not in answer.text
