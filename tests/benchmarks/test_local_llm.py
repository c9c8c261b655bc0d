"""The measure of tuning: bytes and operations counted right, failures as results, one format."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from ado_service.local_llm.pretrain.vocabulary import trained
from benchmarks import local_llm
from benchmarks.local_llm_runs.account import NF4_BITS, account, account_of_all
from benchmarks.local_llm_runs.base_model import random_base
from benchmarks.local_llm_runs.configuration import (
    CONFIGURATIONS,
    QLORA,
    QLORA_CHECKPOINTED,
    QST,
    QST_CHECKPOINTED,
)
from benchmarks.local_llm_runs.flops import FlopCounter
from benchmarks.local_llm_runs.gpu import gpu_rows, gpu_tasks, left_out_row
from benchmarks.local_llm_runs.kept import kept_rows
from benchmarks.local_llm_runs.one import OUT_OF_MEMORY, Measured, Task, measure
from benchmarks.local_llm_runs.processes import LEFT_OUT, measured
from benchmarks.local_llm_runs.saved import SavedBytes
from benchmarks.local_llm_runs.shapes import SHAPES
from benchmarks.local_llm_runs.sizing_data import batches, drawn, simulated, split
from benchmarks.local_llm_runs.step_times import step_times
from benchmarks.local_llm_runs.tunee import tunee
from benchmarks.report import Row

TINY = SHAPES["tiny"]
BATCH, LENGTH = 2, 32


def really_saved(name: str, dtype: torch.dtype) -> int:
    configuration = CONFIGURATIONS[name]
    base = random_base(TINY, nf4=configuration.nf4, dtype=dtype)
    made = tunee(base, configuration, dtype=dtype)
    ids = torch.randint(TINY.vocabulary, (BATCH, LENGTH))
    with SavedBytes(chain(made.model.parameters(), made.model.buffers())) as saved:
        loss = made.loss(ids)
    total = saved.total()
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(one.grad is not None for one in made.trainable)
    return total


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_by_shape_as_many_bytes_are_saved_as_in_truth(name: str) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        counted = account_of_all(
            TINY, CONFIGURATIONS[name], batch=BATCH, length=LENGTH, dtype=dtype
        )
        mask = BATCH * (LENGTH - 1)  # of labels that count, a byte each
        assert 0 <= really_saved(name, dtype) - counted.saved <= mask


@pytest.mark.parametrize("name", [QST, QLORA_CHECKPOINTED])
def test_few_layers_tell_of_many(name: str) -> None:
    deep, one = replace(TINY, layers=5), CONFIGURATIONS[name]
    told = account(deep, one, batch=BATCH, length=LENGTH)
    assert told == account_of_all(deep, one, batch=BATCH, length=LENGTH)


def test_weights_are_those_of_the_model() -> None:
    model = random_base(TINY, nf4=False, dtype=torch.bfloat16)
    full = account(TINY, CONFIGURATIONS["full"], batch=1, length=8)
    assert full.weights == sum(one.nbytes for one in model.parameters())
    assert full.optimizer == 3 * full.weights
    quantized = account(TINY, CONFIGURATIONS[QLORA], batch=1, length=8)
    linear = 2 * (4 * 128 * 128 + 3 * 128 * 352)
    assert quantized.weights - 2 * quantized.trained == pytest.approx(
        linear * NF4_BITS / 8 + full.weights - 2 * linear, abs=1
    )


def test_a_storage_counts_once_and_only_while_it_is_held() -> None:
    weight = torch.ones(4, 4, requires_grad=True)
    states = torch.ones(8, 4)
    with SavedBytes([weight]) as saved:
        freed = torch.ones(16, requires_grad=True)
        torch.autograd.grad((freed * freed).sum(), freed)
        one = states @ weight  # keeps the states
        two = states[2:] @ weight  # keeps a view of them
        three = one.exp()  # keeps its result
    held, of_three = saved.total(), three.nbytes
    del two, three
    assert held == states.nbytes + of_three
    assert saved.total() == states.nbytes


def test_operations_are_counted_forward_and_backward() -> None:
    left = torch.ones(3, 5, requires_grad=True)
    right = torch.ones(5, 7, requires_grad=True)
    with FlopCounter() as counter:
        product = (left @ right).sum()
    assert counter.total == 2 * 3 * 5 * 7
    with counter:
        product.backward()  # type: ignore[no-untyped-call]
    assert counter.total == 3 * 2 * 3 * 5 * 7
    query = torch.ones(2, 4, 16, 8)
    with FlopCounter() as attention:
        functional.scaled_dot_product_attention(query, query, query, is_causal=True)
    assert attention.total == 2 * (2 * 2 * 4 * 16 * 16 * 8)


def test_frozen_layers_have_no_gradient_of_their_weights() -> None:
    """Two thirds of full fine-tuning's operations, and one third and a little of it for QST."""
    size = {"batch": 1, "length": 16}
    wide = replace(TINY, width=1024, inner=2816, layers=3)
    full, qlora, qst = (
        account(wide, CONFIGURATIONS[name], **size).flops for name in ("full", QLORA, QST)
    )
    assert qst < 0.4 * full
    assert full > qlora > 1.9 * qst


def test_every_configuration_takes_steps_and_learns_them() -> None:
    times = step_times(TINY, CONFIGURATIONS, batch=1, length=16, dtype=torch.float32, repeats=3)
    assert set(times.seconds) == set(CONFIGURATIONS)
    assert all(len(one) == 3 for one in times.seconds.values())
    assert times.losses["full"] < times.losses[QLORA]


def small(configuration: str, device: str = "cpu", **changes: Any) -> Task:
    task = Task("tiny", configuration, BATCH, LENGTH, device, "bfloat16", steps=1)
    return replace(task, **changes)


def test_rows_of_a_gpu_on_a_cpu() -> None:
    found = [
        measure(replace(task, steps=1)) for task in gpu_tasks(["tiny"], device="cpu", length=16)
    ]
    assert [Measured.read(one.line()) for one in found] == found
    rows = {row.name: row for row in gpu_rows(found)}
    assert set(rows) == {
        f"gpu/{what}/tiny/{batch}x16/{pair}"
        for what in ("memory", "step")
        for batch in (4, 16)
        for pair in ("qst-vs-qlora", "qst-vs-qlora-checkpointed")
    } | {"gpu/all/tiny/4x16", "gpu/all/tiny/16x16"}
    row = rows["gpu/step/tiny/16x16/qst-vs-qlora"]
    assert row.ours is not None
    assert row.peer is not None
    assert row.ratio == pytest.approx(row.peer / row.ours)
    assert rows["gpu/all/tiny/4x16"].detail[QST]["saved_gb"] >= 0


def test_out_of_memory_is_a_result_of_a_row() -> None:
    found = [
        Measured(small(name), loaded=1, peak=1, seconds=(1.0,))
        if name != QLORA
        else Measured(small(name), failure=OUT_OF_MEMORY)
        for name in (QST, QLORA, QST_CHECKPOINTED, QLORA_CHECKPOINTED)
    ]
    rows = {row.name: row for row in gpu_rows(found)}
    row = rows[f"gpu/memory/tiny/{BATCH}x{LENGTH}/qst-vs-qlora"]
    assert (row.ratio, row.holds, row.peer) == (None, None, None)
    assert row.detail == {QLORA: OUT_OF_MEMORY}
    assert rows[f"gpu/all/tiny/{BATCH}x{LENGTH}"].detail[QLORA] == OUT_OF_MEMORY


@pytest.mark.slow
def test_a_process_that_runs_out_of_memory() -> None:
    task = small("full", batch=4096, length=4096)  # 4 GB of embeddings alone
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.local_llm_runs.one", json.dumps(_fields(task))],
        capture_output=True, text=True, check=False, timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Measured.read(done.stdout) == Measured(task, failure=OUT_OF_MEMORY)


def test_no_process_starts_or_lasts_beyond_the_time() -> None:
    [one, other] = measured([small(QST), small(QLORA)], seconds=0.2)
    assert (one.failure, other.failure) == (LEFT_OUT, LEFT_OUT)


@pytest.mark.slow
def test_a_process_measures_memory() -> None:
    [one] = measured([small(QLORA, batch=8, length=256)], seconds=200)
    assert not one.failure
    assert one.loss > 0
    assert one.peak > one.saved > 1e6
    assert one.loaded > one.peak
    [broken] = measured([small("no-such")], seconds=200)
    assert "no-such" in broken.failure


def _fields(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in Task.__dataclass_fields__}


@pytest.mark.skipif(torch.cuda.is_available(), reason="says that there is no GPU")
def test_without_a_gpu_its_rows_are_left_out() -> None:
    assert "no CUDA device" in left_out_row().detail["left_out"]


def test_rows_of_another_part_are_kept_with_their_origin(tmp_path: Path) -> None:
    file = tmp_path / "local_llm.json"
    old, new = left_out_row(), replace(left_out_row(), name="new")
    assert kept_rows(file, [new]) == []
    meta = {"commit": "c", "date": "d", "seconds": 1.0, "machine": "m"}
    file.write_text(json.dumps({"rows": [asdict(old), asdict(new)], "meta": meta}))
    [kept] = kept_rows(file, [new])
    assert kept.name == old.name
    origin = {"commit": "c", "date": "d", "seconds": 1.0}
    assert kept.detail == {"measured": origin, **old.detail}
    file.write_text(json.dumps({"rows": [asdict(kept)], "meta": {**meta, "commit": "later"}}))
    assert kept_rows(file, [new]) == [kept]


def test_examples_of_like_length_share_a_batch_and_only_answers_count() -> None:
    found = simulated("five_transistor_ota", designs=40, variation=0, brief=True)
    shown, hidden = split(found, seed=0)
    assert len(shown.X) + len(hidden.X) == 40
    assert not {tuple(x) for x in shown.X.tolist()} & {tuple(x) for x in hidden.X.tolist()}
    texts = drawn([shown], seed=1, count=8)
    tokenizer = trained(one.system + one.prompt + one.answer for one in texts)
    made = batches(texts, tokenizer, size=2, context=4096, seed=1)
    assert len(made) == 4
    answers = sum(len(tokenizer(one.answer)["input_ids"]) + 1 for one in texts)
    assert sum(one.answers for one in made) == answers
    assert all("# Netlist\n\nNo netlist" in one.prompt for one in texts)
    with pytest.raises(ValueError, match="context is 5"):
        batches(texts, tokenizer, size=2, context=5, seed=1)


@pytest.mark.slow
def test_a_quick_run_has_all_names() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.local_llm", "--quick", "--json"],
        capture_output=True, text=True, check=False, timeout=220,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {row["name"]: row for row in found["rows"]}
    pairs = ("qst-vs-qlora", "qst-vs-qlora-checkpointed")
    assert {
        *(f"{what}/{pair}" for what in ("memory", "step") for pair in pairs),
        "loss/qst-vs-qlora",
        *(f"cpu/{name}" for name in CONFIGURATIONS),
        *(f"shape/{model}/4x384" for model in ("7b", "13b", "70b")),
        "gpu",
    } <= set(rows)
    for row in rows.values():
        assert set(row) == set(Row.__dataclass_fields__)
        assert row["n"] >= 1
    assert rows["memory/qst-vs-qlora"]["ratio"] > 2.3
    assert rows["memory/qst-vs-qlora-checkpointed"]["ratio"] > 0.5
    loss = rows["loss/qst-vs-qlora"]
    assert loss["detail"]["before"] > loss["ours"]
    large = rows["shape/70b/4x384"]
    assert 2 < large["ratio"] < 4
    assert large["detail"][QST]["weights"] == pytest.approx(36.9, abs=0.1)


@pytest.mark.parametrize("option", [("--models", "900b"), ("--model", "/no folder")])
def test_wrong_options_are_refused(
    option: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["local_llm", *option])
    with pytest.raises(SystemExit) as stopped:
        local_llm.main()
    assert stopped.value.code == 2
    assert option[1] in capsys.readouterr().err
