"""The paper's comparison: its arms as jobs, a model over HTTP, replays, and runs that go on."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ado_service.job_config import Demonstrations, LlmShare, Method, Model, Start
from ado_service.store.design_record import DesignRecord
from ado_service.store.job_record import JobRecord, JobState
from ado_service.store.store import Store
from benchmarks import paper
from benchmarks.paper_runs.arms import ARMS
from benchmarks.paper_runs.comparisons import COMPARISONS
from benchmarks.paper_runs.replays import Replay
from benchmarks.paper_runs.result import Result
from benchmarks.paper_runs.rows import Field, rows, worst_fom
from benchmarks.report import Row
from tests import llm_server
from tests.llm_server import ScriptedLLM

CIRCUIT = "two_stage_amplifier"
Benchmark = Callable[..., dict[str, dict[str, Any]]]


class Here(Executor):
    """Runs what it is given at once, in this process."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "paper.db"


@pytest.fixture
def server() -> Iterator[ScriptedLLM]:
    with ScriptedLLM() as llm:
        yield llm


@pytest.fixture
def profile(server: ScriptedLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile of the settings that asks the server."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[llm_profiles.scripted]\nbase_url = "{server.base_url}"\nmodel = "scripted"\n'
        "retries = 0\ntimeout = 5\nprice_prompt = 1.0\n"
    )
    monkeypatch.setenv("ADO_CONFIG", str(config))
    return "scripted"


@pytest.fixture
def benchmark(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    """The command in this process, without its pool; its rows by name."""
    out = tmp_path / "paper.json"

    @contextmanager
    def here(_workers: int) -> Iterator[Executor]:
        yield Here()

    def command(*arguments: str, budget: int = 8, seeds: int = 1) -> dict[str, dict[str, Any]]:
        fixed = ["--out", str(out), "--circuits", CIRCUIT, "--database", str(database)]
        sizes = ["--budget", str(budget), "--seeds", str(seeds)]
        monkeypatch.setattr(sys, "argv", ["paper", *fixed, *sizes, *arguments])
        paper.main()
        return {row["name"]: row for row in json.loads(out.read_text())["rows"]}

    monkeypatch.setattr(paper, "_pool", here)
    monkeypatch.setattr(paper, "log_to_stderr", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return command


def jobs(database: Path) -> list[JobRecord]:
    """All jobs on record, the oldest first."""
    with Store.open(f"sqlite:///{database}") as store:
        return list(reversed(store.jobs.page().items))


def designs(database: Path, job_id: str) -> list[DesignRecord]:
    with Store.open(f"sqlite:///{database}") as store:
        return store.designs.of_job(job_id, corners=False)


def test_an_arm_is_the_papers_setting_but_for_its_name() -> None:
    ado = ARMS["ado-llm"].config(3, 105, "p")
    assert (ado.method, ado.model, ado.llm_share) == (Method.ADO_LLM, Model.FOM, LlmShare.FIXED)
    assert (ado.start, ado.demonstrations, ado.top_k) == (Start.LLM, Demonstrations.TOP, 5)
    assert (ado.budget, ado.initial, ado.batch, ado.seed, ado.llm) == (105, 5, 5, 3, "p")
    assert not ado.ends_when_feasible
    assert str(ado.objective) == "fom"
    assert [ARMS[name].simulations(105) for name in ("gp-bo", "gp-bo-405", "zero-shot")] == [
        105, 405, 5,
    ]  # fmt: skip
    assert ARMS["gp-bo"].config(3, 105, "p").llm is None
    assert ARMS["ours"].config(3, 105, "p").model is Model.METRICS
    assert ARMS["ours"].config(3, 105, "p").llm_share is LlmShare.ADAPTIVE
    configs = [arm.config(1, 105, "p").model_dump_json() for arm in ARMS.values()]
    assert len(set(configs)) == len(ARMS)


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda one: one.row_name("c"))
def test_a_comparison_is_of_arms_that_there_are(comparison: Any) -> None:
    ours, peer = ARMS[comparison.ours], ARMS[comparison.peer]
    if comparison.group == "matched":
        assert ours.start is peer.start
    if comparison.group == "start":
        assert (ours.start, peer.start) == (Start.LLM, Start.RANDOM)
        assert replace(ours, start=Start.RANDOM, label="") == replace(peer, label="")
    if comparison.group == "demonstrations":
        same = {"demonstrations": Demonstrations.TOP, "label": ""}
        assert replace(ours, **same) == replace(peer, **same)


def test_arms_with_an_llm_share_their_start_and_replay_without_a_model(
    benchmark: Benchmark, server: ScriptedLLM, profile: str, database: Path, tmp_path: Path
) -> None:
    arms = ["--methods", "ado-llm,gp-bo-llm-start,llm"]
    folder = tmp_path / "transcripts"
    found = benchmark(*arms, "--llm", profile, "--transcripts", str(folder), budget=7)

    # One zero-shot answer for all, then a turn each of ado-llm and llm.
    assert len(server.requests) == 3
    for name in ("matched/{}/ado-llm-vs-gp-bo-llm-start", "methods/{}/ado-llm-vs-llm"):
        detail = found[name.format(CIRCUIT)]["detail"]
        assert detail["starts"] == "llm, the same designs in 1 of 1 seeds"
    row = found[f"fom/{CIRCUIT}/ado-llm"]
    assert row["detail"]["designs_by"] == {"gp": 1, "llm": 6}
    assert row["detail"]["llm"]["turns"] == 2
    assert row["detail"]["llm"]["tokens"] == 2400
    assert row["detail"]["llm"]["cost"] == pytest.approx(2 * 1000 * 1e-6)
    assert row["detail"]["published"]["fom"] == 3.52
    assert found[f"fom/{CIRCUIT}/gp-bo-llm-start"]["detail"]["designs_by"] == {"gp": 2, "llm": 5}

    files = {str(file.relative_to(folder / CIRCUIT)) for file in folder.rglob("*.jsonl")}
    names = ("zero-shot", "gp-bo-llm-start", "llm", "ado-llm")
    assert files == {f"{arm}/seed-1.jsonl" for arm in names}
    lines = (folder / CIRCUIT / "ado-llm" / "seed-1.jsonl").read_text().splitlines()
    opening, first = (json.loads(line) for line in lines)
    start = json.loads((folder / CIRCUIT / "zero-shot" / "seed-1.jsonl").read_text())
    assert (opening["turn"], opening["reply"]) == (0, start["reply"])
    assert opening["messages"] == start["messages"]
    assert (first["turn"], first["accepted"]) == (10, 1)

    again = benchmark(*arms, "--replay", budget=7)
    assert len(server.requests) == 3
    for arm in names:
        detail = again[f"fom/{CIRCUIT}/{arm}"]["detail"]
        assert detail["replayed"] == {"runs": 1, "same_designs": 1, "first_difference": {}}
    assert again[f"fom/{CIRCUIT}/ado-llm"]["ours"] == row["ours"]
    recorded, replays = jobs(database)[:4], jobs(database)[4:]
    assert {job.config.replay for job in replays} == {job.id for job in recorded}


def test_a_replay_that_differs_is_an_error(
    benchmark: Benchmark, profile: str, database: Path, tmp_path: Path
) -> None:
    benchmark("--methods", "zero-shot", "--llm", profile)
    [job] = jobs(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute('UPDATE designs SET fom = 9 WHERE job_id = ? AND "index" = 3', (job.id,))
    with pytest.raises(SystemExit, match="other designs"):
        benchmark("--methods", "zero-shot", "--replay")
    [row, *_] = json.loads((tmp_path / "paper.json").read_text())["rows"]
    assert row["detail"]["replayed"]["first_difference"] == {"seed 1": 3}


def test_without_a_profile_arms_with_an_llm_are_left_out(benchmark: Benchmark) -> None:
    found = benchmark("--methods", "random,gp-bo,llm,gp-bo-llm-start", budget=6)
    matched = found[f"baseline/{CIRCUIT}/gp-bo-vs-random"]["detail"]
    assert matched["starts"] == "random, the same designs in 1 of 1 seeds"
    assert found[f"fom/{CIRCUIT}/gp-bo"]["detail"]["designs_by"] == {"gp": 1, "random": 5}
    assert "llm" not in found[f"fom/{CIRCUIT}/gp-bo"]["detail"]
    for arm in ("llm", "gp-bo-llm-start"):
        row = found[f"fom/{CIRCUIT}/{arm}"]
        assert (row["ours"], row["n"]) == (None, 0)
        assert "--llm PROFILE" in row["detail"]["left_out"]
    assert [name for name in found if "-vs-" in name] == [f"baseline/{CIRCUIT}/gp-bo-vs-random"]


def test_what_is_on_record_is_not_run_again(
    benchmark: Benchmark, server: ScriptedLLM, profile: str, database: Path
) -> None:
    arms = ["--methods", "llm,random", "--llm", profile]
    before = benchmark(*arms)
    asked, recorded = len(server.requests), jobs(database)
    assert benchmark(*arms) == before
    assert (len(server.requests), jobs(database)) == (asked, recorded)
    assert benchmark(*arms, "--report") == before
    # Another budget is another run; the start is the same one.
    benchmark(*arms, budget=9)
    fresh = jobs(database)[len(recorded) :]
    assert {job.config.method for job in fresh} == {Method.LLM, Method.RANDOM}
    assert len(fresh) == 2
    assert len(server.requests) == asked + 1


def test_a_model_that_does_not_answer_is_no_llm_arm(
    benchmark: Benchmark, server: ScriptedLLM, profile: str, database: Path
) -> None:
    server.script = [llm_server.status(401, "wrong key")]
    with pytest.raises(SystemExit, match=r"profile scripted gave no answer .*wrong key"):
        benchmark("--methods", "llm", "--llm", profile)
    assert len(jobs(database)) == 1
    server.script = [llm_server.good]
    found = benchmark("--methods", "llm", "--llm", profile)
    assert found[f"fom/{CIRCUIT}/llm"]["detail"]["llm"]["failed_turns"] == 0


def test_a_profile_that_is_not_there_is_refused(benchmark: Benchmark, profile: str) -> None:
    with pytest.raises(SystemExit) as refused:
        benchmark("--methods", "llm", "--llm", "other")
    assert refused.value.code == 2


def test_an_interrupted_benchmark_goes_on(benchmark: Benchmark, database: Path) -> None:
    """With its pool of processes: SIGTERM hands the job back, nothing of it is lost."""
    arms, budget = ["--methods", "random"], 120
    command = [
        sys.executable, "-m", "benchmarks.paper", *arms, "--circuits", CIRCUIT, "--seeds", "2",
        "--budget", str(budget), "--workers", "1", "--database", str(database), "--json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for_designs(database, 10)
        process.send_signal(signal.SIGTERM)
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 130, complained
    assert said == b""
    assert b"the same command goes on" in complained
    [job] = jobs(database)
    assert job.state is JobState.QUEUED
    done = [one for one in designs(database, job.id) if one.finished_at is not None]
    assert 10 <= len(done) < budget

    found = benchmark(*arms, budget=budget, seeds=2)
    assert found[f"fom/{CIRCUIT}/random"]["n"] == 2
    first, second = jobs(database)
    assert (first.id, first.state, second.state) == (job.id, JobState.FINISHED, JobState.FINISHED)
    kept = designs(database, first.id)
    assert kept[: len(done)] == done
    assert len(kept) == len(designs(database, second.id)) == budget


def wait_for_designs(database: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.02)
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(database)) as connection:
            [(most,)] = connection.execute("SELECT max(simulations) FROM jobs")
            if most is not None and most >= count:
                return
    raise AssertionError(f"no job with {count} designs after 60 s")


RESULT = Result(
    circuit=CIRCUIT, arm="gp-bo", seed=1, job_id="job_1", simulations=105, best_fom=1.0,
    specs_missed=1, first_feasible=None, start=((("w1", 1e-6),),), designs_by={"gp": 100},
    best_by="gp", seconds=10.0, propose_seconds=8.0, llm=None, commits=("c",), other_code=False,
)  # fmt: skip


def field_of(*foms: tuple[str, int, float], **more: Any) -> Field:
    """Results by arm, seed and FOM."""
    results = [replace(RESULT, arm=arm, seed=seed, best_fom=fom, **more) for arm, seed, fom in foms]
    return Field(results)


def row_of(field: Field, name: str) -> Row:
    return next(row for row in rows(field) if row.name == name)


def test_a_ratio_is_of_gains_on_the_seeds_that_both_have() -> None:
    worst = worst_fom(CIRCUIT)
    assert worst == pytest.approx(-9.67)
    field = field_of(
        ("gp-bo", 1, worst + 2), ("gp-bo", 2, worst + 4), ("gp-bo", 3, worst + 3),
        ("random", 1, worst + 1), ("random", 2, worst + 2), ("random", 4, worst + 9),
    )  # fmt: skip
    row = row_of(field, f"baseline/{CIRCUIT}/gp-bo-vs-random")
    assert row.n == 2
    assert row.ratio == pytest.approx(2)
    assert (row.low, row.high) == (pytest.approx(2), pytest.approx(2))
    assert row.holds
    assert (row.detail["seeds_won"], row.detail["seeds_lost"]) == (2, 0)
    assert row_of(field, f"fom/{CIRCUIT}/gp-bo").n == 3


def test_a_peer_without_any_gain_has_no_ratio() -> None:
    worst = worst_fom(CIRCUIT)
    row = row_of(
        field_of(("gp-bo", 1, 0.0), ("random", 1, worst)), f"baseline/{CIRCUIT}/gp-bo-vs-random"
    )
    assert (row.ratio, row.low, row.high, row.holds) == (None, None, None, True)


def test_a_comparison_that_is_lost_says_so() -> None:
    field = field_of(("ours-gp", 1, 0.5), ("gp-bo", 1, 0.6))
    row = row_of(field, f"ours/{CIRCUIT}/ours-gp-vs-gp-bo")
    assert row.ratio is not None
    assert row.ratio < 1
    assert row.holds is False


def test_replays_and_other_code_stand_in_the_row() -> None:
    field = replace(
        field_of(("llm", 1, 0.5), ("llm", 2, 0.5), other_code=True),
        replays=[Replay(CIRCUIT, "llm", 1, None), Replay(CIRCUIT, "llm", 2, 7)],
    )
    detail = row_of(field, f"fom/{CIRCUIT}/llm").detail
    assert detail["replayed"] == {"runs": 2, "same_designs": 1, "first_difference": {"seed 2": 7}}
    assert detail["other_code"] == ["c"]


def test_over_all_circuits_pairs_are_counted() -> None:
    field = field_of(
        ("gp-bo-llm-start", 1, 2.0), ("gp-bo-llm-start", 2, 2.0), ("gp-bo-llm-start", 3, 1.0),
        ("gp-bo", 1, 1.0), ("gp-bo", 2, 3.0), ("gp-bo", 3, 1.0),
    )  # fmt: skip
    other = [
        replace(one, circuit="hysteresis_comparator", best_fom=-one.best_fom / 4)
        for one in field.results
        if one.seed == 2
    ]
    row = row_of(Field([*field.results, *other]), "start/llm-vs-random")
    assert (row.ours, row.peer, row.n, row.holds) == (2, 1, 4, True)
    assert row.ratio == pytest.approx(2)
    assert row.detail["even"] == 1
    assert not [one for one in rows(field) if one.name.startswith("demonstrations/")]
