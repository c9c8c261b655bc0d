"""What is learned from: kept as files, and without what is examined."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.pretrain.corpus import (
    HELD_OUT,
    SOURCES,
    Source,
    corpus,
    weighed,
    without,
)
from ado_service.local_llm.pretrain.exams import COUNT, spec_sets
from ado_service.local_llm.pretrain.harvest import Harvest
from circuits.fom import judge
from circuits.loader import library_names, load_circuit

FEW = (Source("two_stage_amplifier", 2, 40),)


def test_harvests_are_kept_and_the_same_again(tmp_path: Path) -> None:
    told: list[str] = []
    first = corpus(tmp_path / "one", 1, processes=1, sources=FEW, told=told.append)
    kept = corpus(tmp_path / "one", 1, processes=1, sources=FEW, told=told.append)
    anew = corpus(tmp_path / "two", 1, processes=2, sources=FEW, told=told.append)
    assert len(told) == 4, "two variations, simulated twice"
    for others in (kept, anew):
        for one, other in zip(first, others, strict=True):
            assert one.circuit == other.circuit
            assert np.array_equal(one.metrics, other.metrics, equal_nan=True)
            assert np.array_equal(one.regions, other.regions)
    assert first[0].circuit == load_circuit("two_stage_amplifier") != first[1].circuit


def test_a_circuit_itself_is_seen_more_often_than_its_variations(tmp_path: Path) -> None:
    sources = (Source("two_stage_amplifier", 2, 40, weight=3),)
    itself, varied = corpus(tmp_path, 1, processes=1, sources=sources)
    assert weighed([itself, varied], sources) == [itself, itself, itself, varied]


def test_nothing_is_learned_of_the_circuit_that_is_held_out() -> None:
    assert HELD_OUT in library_names()
    assert HELD_OUT not in {source.circuit for source in SOURCES}


def test_what_meets_an_exam_is_left_out(found: Harvest) -> None:
    names = [metric.name for metric in found.circuit.metrics]
    typical = dict(zip(names, np.nanmedian(found.metrics, axis=0), strict=True))
    easy = [
        spec.model_copy(update={"threshold": float(typical[spec.metric])})
        for spec in found.circuit.specs()[:2]
    ]
    kept = without(found, easy)
    assert 0 < len(kept.X) < len(found.X)
    for harvest, expected in ((found, True), (kept, False)):
        rows = [dict(zip(names, map(float, row), strict=True)) for row in harvest.metrics]
        assert any(judge(row, easy).feasible for row in rows) is expected


@pytest.mark.parametrize("name", library_names())
def test_exams_trade_one_spec_against_the_others(name: str) -> None:
    circuit = load_circuit(name)
    own, *others = spec_sets(circuit)
    assert own == tuple(circuit.specs())
    assert len(others) == COUNT - 1
    for exam in others:
        harder = [
            (after.threshold - before.threshold) * before.direction.sign > 0
            for before, after in zip(own, exam, strict=True)
        ]
        assert sum(harder) == 1


def test_the_command_makes_a_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ado_service.local_llm.pretrain", "--quick"]
    paths = ["--out", str(tmp_path / "model"), "--data", str(tmp_path / "data")]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "step 4/4: loss" in done.stdout
    folder = ModelFolder.open(tmp_path / "model")
    assert folder.model_type == "llama"
    assert folder.parameters > 1_000_000
