"""The command line, as processes: what it prints, its exit codes, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ado_service.store.job_record import JobState
from ado_service.store.store import Store
from circuits.loader import LIBRARY


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ADO_")}
    own = {"ADO_DATA_DIR": str(folder), "ADO_DEFAULT_LLM": "none", "COLUMNS": "200"}
    return kept | own | {"OMP_NUM_THREADS": "1"} | more


def ado(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ado_service.cli", *arguments],
        capture_output=True,
        text=True,
        env=environment(folder, **more),
        cwd=folder,
        check=False,
        timeout=120,
    )


def answer(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def written(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder}/ado.db")


@pytest.mark.parametrize("circuit", ["two_stage_amplifier", "hysteresis_comparator"])
def test_run_prints_one_object_with_the_fields_of_the_design(circuit: str, tmp_path: Path) -> None:
    found = answer(
        ado(
            tmp_path,
            "run",
            circuit,
            "--budget",
            "12",
            "--objective",
            "fom",
            "--llm",
            "none",
            "--json",
        )
    )
    assert found["circuit"] == circuit
    assert found["method"] == "ado-llm"
    assert found["simulations"] == 12
    assert set(found["seconds"]) == {"total", "simulate", "propose", "llm"}
    assert set(found["llm"]) == {
        "profile", "calls", "tokens", "cost", "accepted", "rejected",
    }  # fmt: skip
    assert {"variables", "metrics", "fom", "specs_met", "specs_total", "feasible"} <= set(
        found["best"]
    )
    assert found["simulations_to_all_specs"] is None or found["best"]["feasible"]
    assert found["rounds"] == 2


def test_a_run_leaves_netlists_that_plain_ngspice_agrees_with(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = ado(
        tmp_path, "run", "two_stage_amplifier", "--budget", "8", "--method", "random",
        "--out", str(out), "--json",
    )  # fmt: skip
    metrics = answer(run)["best"]["metrics"]
    assert (out / "convergence.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "result.json").read_text())["best"]["metrics"] == metrics
    printed = {}
    for netlist in out.glob("*.cir"):
        said = subprocess.run(
            ["ngspice", "-b", str(netlist)], capture_output=True, text=True, check=False
        )
        printed |= dict(re.findall(r"^(\w+)\s+=\s+(\S+)", said.stdout, re.MULTILINE))
    assert float(printed["gain"]) == pytest.approx(metrics["gain"], rel=1e-6)
    cmrr = float(printed["gain"]) - float(printed["common_mode_gain"])
    assert cmrr == pytest.approx(metrics["cmrr"], rel=1e-6)
    assert -2.0 * float(printed["idd"]) == pytest.approx(metrics["power"], rel=1e-6)


def test_evaluate_keeps_what_is_not_set_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    found = answer(
        ado(tmp_path, "evaluate", "two_stage_amplifier", "--set", "w1=6u", "--set", "r1=2k",
            "--json")
    )  # fmt: skip
    assert found["variables"]["w1"] == 6e-6
    assert found["variables"]["r1"] == 2000.0
    assert found["variables"]["w2"] == 1e-5
    assert found["corners"]["nominal"]["devices"]["mn1"]["region"] in {
        "saturation", "subthreshold", "triode", "off",
    }  # fmt: skip
    for wrong, said in (
        ("w1=6", "out of range"),
        ("w99=1u", "no such variable"),
        ("w1=six", "is no number"),
        ("w1", "NAME=VALUE"),
    ):
        run = ado(tmp_path, "evaluate", "two_stage_amplifier", "--set", wrong)
        assert run.returncode == 2
        assert said in run.stderr
        assert "Traceback" not in run.stderr


BAD_RUNS = {
    "unknown circuit": (["run", "no_such"], "two_stage_amplifier"),
    "no circuit": (["run"], "name a circuit"),
    "budget of none": (["run", "two_stage_amplifier", "--budget", "0"], "budget"),
    "budget beyond all": (["run", "two_stage_amplifier", "--budget", "1000000"], "budget"),
    "unknown profile": (["run", "two_stage_amplifier", "--llm", "gpt"], "no LLM profile"),
    "llm without one": (["run", "two_stage_amplifier", "--method", "llm"], "nobody to ask"),
    "unknown method": (["run", "two_stage_amplifier", "--method", "magic"], "magic"),
    "unknown spec set": (["run", "two_stage_amplifier", "--spec-set", "hard"], "paper"),
    "unknown job": (["run", "--resume", "job_none"], "no job"),
    "an old database": (["jobs", "--database", "nonsense://x"], "database"),
}


@pytest.mark.parametrize("case", BAD_RUNS)
def test_bad_input_is_one_clear_error_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    arguments, said = BAD_RUNS[case]
    run = ado(tmp_path, *arguments)
    assert run.returncode in {1, 2}
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    if (tmp_path / "ado.db").exists():
        with written(tmp_path) as store:
            assert store.jobs.page().items == ()
            assert store.circuits.newest() == []


BROKEN = {
    "empty range": ("circuit.yaml", "low: 0.12u, high: 50u", "low: 50u, high: 50u", "empty range"),
    "unknown metric": ("circuit.yaml", "{metric: gain,", "{metric: gian,", "gian"),
    "syntax error": ("amplifier.cir", "mp1 n1   n1  vdd vdd pch", "mp1 n1 n1", "mp1"),
    "missing model": ("amplifier.cir", "mn1 n1   inn nt  vss nch", "mn1 n1 inn nt vss nf", "nf"),
    "unknown parameter": ("amplifier.cir", "rz  nz   n2  {r1}", "rz nz n2 {r1} zork=1", "zork"),
    "unknown element": ("amplifier.cir", "cc  out", "acc out", "acc"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_broken_circuit_names_file_line_and_cure(case: str, command: str, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(LIBRARY / "two_stage_amplifier", folder)
    models = LIBRARY.parent / "models" / "generic90.mod"
    shutil.copy(models, folder)
    bench = folder / "bench.cir"
    bench.write_text(bench.read_text().replace("../../models/generic90.mod", "generic90.mod"))
    name, old, new, said = BROKEN[case]
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    run = ado(tmp_path, command, str(folder))
    assert run.returncode == 2
    assert said in run.stderr
    line = text[: text.index(old)].count("\n") + 1
    assert f"{name}:{line}:" in run.stderr
    assert "Traceback" not in run.stderr
    if (tmp_path / "ado.db").exists():
        with written(tmp_path) as store:
            assert store.jobs.page().items == ()


def test_lists_and_doctor(tmp_path: Path) -> None:
    names = [one["name"] for one in answer(ado(tmp_path, "circuits", "--json"))]
    assert {"two_stage_amplifier", "hysteresis_comparator"} <= set(names)
    run = ado(tmp_path, "run", "two_stage_amplifier", "--budget", "6", "--method", "random",
              "--json")  # fmt: skip
    job_id = answer(run)["job_id"]
    assert [job["id"] for job in answer(ado(tmp_path, "jobs", "--json"))] == [job_id]
    page = answer(ado(tmp_path, "designs", "--job", job_id, "--limit", "4", "--json"))
    foms = [design["fom"] for design in page["designs"]]
    assert foms == sorted(foms, reverse=True)
    rest = answer(
        ado(tmp_path, "designs", "--job", job_id, "--limit", "4", "--json", "--cursor",
            page["next_cursor"])
    )  # fmt: skip
    assert len(rest["designs"]) == 2
    doctor = answer(ado(tmp_path, "doctor", "--json"))
    assert all(one["ok"] for one in doctor)


def test_ctrl_c_pauses_and_resume_goes_on(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ado_service.cli", "run", "two_stage_amplifier",
         "--budget", "3000", "--objective", "fom", "--method", "random", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    wait_for_simulations(tmp_path, 20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert json.loads(out)["state"] == "paused"
    assert "--resume" in err
    job_id = json.loads(out)["job_id"]
    with written(tmp_path) as store:
        done = store.jobs.get(job_id)
        assert done.state is JobState.PAUSED
        assert 20 <= done.simulations < 3000
    listed = answer(ado(tmp_path, "jobs", job_id, "--cancel"))
    assert listed["state"] == "cancelled"
    again = ado(tmp_path, "run", "--resume", job_id)
    assert again.returncode == 2
    assert "cancelled" in again.stderr


def test_resume_takes_over_from_a_run_that_was_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ado_service.cli", "run", "two_stage_amplifier",
         "--budget", "400", "--objective", "fom", "--method", "random", "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment(tmp_path, ADO_LEASE_SECONDS="2"), cwd=tmp_path,
    )  # fmt: skip
    wait_for_simulations(tmp_path, 20)
    process.kill()
    process.wait()
    with written(tmp_path) as store:
        job_id = store.jobs.page().items[0].id
    # At once: the lease of the killed run still holds.
    found = answer(ado(tmp_path, "run", "--resume", job_id, "--json", ADO_LEASE_SECONDS="2"))
    assert (found["state"], found["simulations"]) == ("finished", 400)
    with written(tmp_path) as store:
        assert [one.index for one in store.designs.of_job(job_id)] == list(range(400))


def test_an_output_folder_that_cannot_be_is_said_before_the_job(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = ado(tmp_path, "run", "two_stage_amplifier", "--method", "random", "--out", "file/out")
    assert run.returncode == 1
    assert "folder that can be written" in run.stderr
    assert not (tmp_path / "ado.db").exists()


def wait_for_simulations(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / "ado.db").exists():
            with written(folder) as store:
                if any(job.simulations >= count for job in store.jobs.page().items):
                    return
        time.sleep(0.05)
    raise AssertionError("the job did not get going")


def test_a_missing_libngspice_is_said_with_its_cure(tmp_path: Path) -> None:
    gone = {"ADO_LIBNGSPICE": "/nonexistent/libngspice.so"}
    for arguments in (
        ["evaluate", "two_stage_amplifier"],
        ["check", "two_stage_amplifier"],
        ["run", "two_stage_amplifier", "--method", "random"],
        ["doctor"],
    ):
        run = ado(tmp_path, *arguments, **gone)
        assert run.returncode == 1
        assert "libngspice" in run.stderr + run.stdout
        assert "ADO_LIBNGSPICE" in run.stderr + run.stdout
        assert "Traceback" not in run.stderr
