"""Language models on record, on both kinds of database."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ado_service.local_llm.quantization import Quantization
from ado_service.store.errors import AlreadyExists, ModelInUse, NotFound
from ado_service.store.model_record import ModelRecord, TuningMethod, name_of_folder
from ado_service.store.store import Store


def model(name: str = "tiny", **fields: Any) -> ModelRecord:
    base: dict[str, Any] = {
        "name": name,
        "path": Path("/models/tiny"),
        "quantization": Quantization.NF4,
        "fingerprint": "f" * 64,
        "family": "llama",
        "parameters": 70_000_000_000,
        "context": 4096,
    }
    return ModelRecord.model_validate({**base, **fields})


def tuning(name: str, base: str = "tiny", **fields: Any) -> ModelRecord:
    return model(name, method=TuningMethod.QST, base=base, path=Path("/models") / name, **fields)


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    plain, tuned = model(), tuning("tiny-qst")
    store.models.add(plain)
    store.models.add(tuned)
    assert store.models.get("tiny") == plain
    assert store.models.get("tiny-qst") == tuned
    assert store.models.list() == (plain, tuned)


def test_they_are_listed_by_name_in_one_order_everywhere(store: Store) -> None:
    names = ["b", "a-b", "a.b", "ab", "a_b", "1"]
    for name in names:
        store.models.add(model(name))
    assert [one.name for one in store.models.list()] == sorted(names)


def test_a_name_is_taken_once(store: Store) -> None:
    store.models.add(model())
    with pytest.raises(AlreadyExists, match="ado models remove tiny"):
        store.models.add(model(context=1))
    assert store.models.get("tiny").context == 4096


def test_what_is_not_there_is_not_found(store: Store) -> None:
    for call in (store.models.get, store.models.remove):
        with pytest.raises(NotFound, match="no model 'tiny'"):
            call("tiny")
    with pytest.raises(NotFound, match="no model 'tiny'"):
        store.models.add(tuning("orphan"))
    assert store.models.list() == ()


def test_a_base_stays_while_tunings_rest_on_it(store: Store) -> None:
    store.models.add(model())
    for name in ("second", "first"):
        store.models.add(tuning(name))
    with pytest.raises(ModelInUse, match="model 'tiny': first, second; remove them first"):
        store.models.remove("tiny")
    for name in ("first", "second"):
        assert store.models.remove(name).name == name
    store.models.remove("tiny")
    assert store.models.list() == ()


def test_the_embedded_model_may_be_a_base(store: Store) -> None:
    store.models.add(tuning("mine", base="local"))
    assert store.models.get("mine").base == "local"


def test_a_tuning_never_loses_its_base_to_a_removal_at_the_same_time(store: Store) -> None:
    for _ in range(10):
        store.models.add(model())
        outcomes: list[str] = []
        both = threading.Barrier(2)

        def add(barrier: threading.Barrier = both, told: list[str] = outcomes) -> None:
            barrier.wait()
            try:
                store.models.add(tuning("tuned"))
            except NotFound:
                told.append("no base")

        def remove(barrier: threading.Barrier = both, told: list[str] = outcomes) -> None:
            barrier.wait()
            try:
                store.models.remove("tiny")
            except ModelInUse:
                told.append("in use")

        threads = [threading.Thread(target=target) for target in (add, remove)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        left = [one.name for one in store.models.list()]
        assert (outcomes, left) in [(["no base"], []), (["in use"], ["tiny", "tuned"])]
        for name in reversed(left):
            store.models.remove(name)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "local"}, "stands for the embedded model"),
        ({"name": "none"}, "stands for running without a model"),
        ({"name": "Llama"}, "no name of a model"),
        ({"name": ".hidden"}, "no name of a model"),
        ({"name": "x" * 65}, "no name of a model"),
        ({"name": "a/b"}, "no name of a model"),
        ({"name": ""}, "no name of a model"),
        ({"path": Path("models/tiny")}, "is not absolute"),
        ({"method": "qst"}, "both a method and a base"),
        ({"base": "other"}, "both a method and a base"),
        ({"quantization": "int8"}, "nf4"),
    ],
)
def test_a_record_that_means_nothing_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        model(**fields)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/models/Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b-instruct"),
        ("/models/my model (2)/", "my-model-2"),
        ("/models/" + "x" * 80, "x" * 64),
        ("/models/…", ""),
    ],
)
def test_a_folder_gives_a_name(folder: str, name: str) -> None:
    assert name_of_folder(Path(folder)) == name
