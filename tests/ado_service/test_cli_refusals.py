"""What the command line refuses, and what it says of a job whose end is not the expected one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ado_service.cli import app
from ado_service.store.job_record import JobState
from ado_service.store.store import Store
from tests.ado_service.store.builders import claimed
from tests.ado_service.test_cli import ado, answer, environment


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a divider, whose only spec it just cannot meet, and a finished job of it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "divider").mkdir()
    (folder / "divider" / "circuit.yaml").write_text(
        "name: divider\ntitle: Voltage divider\n"
        "variables: [{name: r, unit: Ohm, low: 1k, high: 10k, scale: log}]\n"
        "testbenches: [{name: ac, netlist: ac.cir}]\nmetrics: [{name: gain, unit: dB}]\n"
        "spec_sets: [{name: hard, specs: [{metric: gain, direction: '>', threshold: -6, "
        "norm: 6, weight: 1, penalty: -2}]}]\n"
    )
    (folder / "divider" / "ac.cir").write_text(
        "* divider\n.param r=2k\nv1 in 0 dc 1 ac 1\nr1 in out {r}\nr2 out 0 1k\n.ac lin 1 1 1\n"
        ".meas ac gain max vdb(out)\n.end\n"
    )
    sized = ado(folder, "run", "divider", "--llm", "none", "--budget", "10", "--json")
    (folder / "found.json").write_text(json.dumps(answer(sized)))
    return folder


@pytest.fixture
def job(home: Path) -> str:
    return str(json.loads((home / "found.json").read_text())["job_id"])


def said(home: Path, *arguments: str) -> Result:
    """The same as a process would say, without its start."""
    env = {"ADO_DATA_DIR": str(home), "COLUMNS": "200"}
    return CliRunner().invoke(app, arguments, env=env)


def test_of_designs_that_miss_as_much_the_nearest_is_shown(home: Path) -> None:
    found = json.loads((home / "found.json").read_text())
    with Store.open(f"sqlite:///{home}/ado.db") as store:
        designs = store.designs.of_job(found["job_id"])
    gains = [design.metrics["gain"] or -999 for design in designs]
    assert len({design.fom for design in designs}) == 1, "all miss the one spec"
    assert gains[0] < max(gains), "the first is not the nearest"
    assert found["best"]["metrics"]["gain"] == max(gains)
    nearest = designs[gains.index(max(gains))]
    assert found["credit"]["best_by"] == nearest.proposer
    assert sum(one["improved"] for one in found["credit"]["proposers"]) >= 1


REFUSED = {
    "no such front": (("designs", "--pareto", "job_x"), "no job 'job_x'"),
    "no front": (("designs", "--pareto", "JOB"), "start one with the objective pareto:"),
    "no such job": (("designs", "--job", "nosuch"), "no job 'nosuch'"),
    "no such circuit": (("designs", "--circuit", "nosuch"), "known are bandgap_reference, divider"),
    "no such metric": (("designs", "--sort", "metric:bogus"), "no circuit has a metric 'bogus'"),
    "no metric of the job": (
        ("designs", "--job", "JOB", "--sort", "-metric:gbw"),
        "has a metric 'gbw'; known are gain",
    ),
    "no metric of the circuit": (
        ("designs", "--circuit", "divider", "--sort", "metric:gbw"),
        "no version of divider has a metric 'gbw'; known are gain",
    ),
    "no order": (("designs", "--sort", "x"), "write id, fom or metric:NAME"),
    "no cursor": (("designs", "--cursor", "x"), "take next_cursor from the page before"),
    "jobs of no circuit": (("jobs", "--circuit", "nosuch"), "no circuit 'nosuch'"),
    "no job to show": (("jobs", "nosuch"), "no job 'nosuch'"),
    "no address": (("jobs", "--database", "foo"), "write one such as sqlite:///"),
    "no folder": (
        ("jobs", "--database", "sqlite:////nonexistent/dir/x.db"),
        "there is no folder /nonexistent/dir for the design database; make it, or correct",
    ),
    "other options": (
        ("run", "--resume", "JOB", "--budget", "7", "--objective", "fom", "--stop-when-feasible"),
        "leave out beside it: --budget, --objective, --stop-when-feasible",
    ),
    "a circuit": (("run", "divider", "--resume", "JOB"), "leave out beside it: the circuit"),
    "budget of a GP": (
        ("run", "divider", "--method", "gp-bo", "--budget", "1000000000"),
        "lower budget to 2000",
    ),
    "no time": (("run", "divider", "--time-limit", "nan"), "time_limit: nan is no number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_names_nothing_is_refused_with_a_cure(case: str, home: Path, job: str) -> None:
    arguments, cure = REFUSED[case]
    refused = said(home, *(job if one == "JOB" else one for one in arguments))
    assert refused.exit_code == 2, refused.output
    assert cure in refused.stderr
    assert refused.stdout == ""


def test_what_is_there_is_listed_and_counted(home: Path, job: str) -> None:
    for arguments in (("--job", job), ("--circuit", "divider", "--sort", "metric:gain")):
        listed = said(home, "designs", *arguments, "--json")
        assert len(json.loads(listed.stdout)["designs"]) == 10
    empty = said(home, "designs", "--circuit", "two_stage_amplifier", "--sort", "metric:gbw")
    assert empty.exit_code == 0, "known, if never sized"


def test_a_full_disk_costs_no_result(home: Path, job: str) -> None:
    out = home / "full"
    out.mkdir()
    (out / "divider.ac.cir").symlink_to("/dev/full")
    full = said(home, "run", "--resume", job, "--out", str(out))
    assert full.exit_code == 1
    assert f"{job}: finished after 10 simulations" in full.stdout
    assert "No space left on device; the result is kept in the database" in full.stderr
    assert f"ado run --resume {job} --out FOLDER" in full.stderr
    (out / "divider.ac.cir").unlink()
    (out / "result.json").symlink_to("/dev/full")
    full = said(home, "run", "--resume", job, "--out", str(out))
    assert (full.exit_code, "kept in the database" in full.stderr) == (1, True)
    (out / "result.json").unlink()
    assert said(home, "run", "--resume", job, "--out", str(out)).exit_code == 0
    assert json.loads((out / "result.json").read_text())["job_id"] == job


def test_one_is_singular(home: Path) -> None:
    once = said(home, "run", "divider", "--llm", "none", "--method", "random", "--budget", "1")
    assert once.exit_code == 0, once.output
    assert "finished after 1 simulation, " in once.stdout


def test_who_waits_for_a_lease_says_for_what_and_how_long(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/ado.db") as store:
        lease = claimed(store, seconds=600)
        waiting = subprocess.Popen(
            [sys.executable, "-m", "ado_service.cli", "run", "--resume", lease.job_id, "--json"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=environment(tmp_path), cwd=tmp_path,
        )  # fmt: skip
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        time.sleep(1.2)  # it looks twice a second, and says it once
        store.leases.release(lease, JobState.FAILED, "given up")
    rest = waiting.communicate(timeout=60)[1]
    assert "another runner has this job" in told
    assert re.search(r"when its lease runs out, in \d+ s$", told.strip())
    assert rest.splitlines() == ["given up", "error: given up"]
