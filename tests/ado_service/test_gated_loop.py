"""A job over corners: gating changes what is simulated, and not which designs are good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ado_service.job_config import Gating, JobConfig, Method
from ado_service.ledger import MemoryLedger
from ado_service.loop import Loop
from ado_service.proposers.gp import GPProposer
from ado_service.proposers.protocol import History
from ado_service.stages import Stages
from ado_service.store.store import Store
from circuits.definition import Circuit, Corner
from circuits.loader import LIBRARY, load_circuit
from simulators.gating import Gate
from simulators.ngspice.simulator import NgspiceSimulator
from tests.ado_service.test_cli import ado, answer

CORNERS = """
corners:
  - {name: nominal}
  - {name: cold, temperature: -40, parameters: {cl: 12p}}
  - {name: hot, temperature: 125, parameters: {cl: 12p}}

spec_sets:
  - name: modest
    specs:
      - {metric: gain, direction: ">", threshold: 35, norm: 60, weight: 1, penalty: -1, clip: 1.25}
      - {metric: power, direction: "<", threshold: 150u, norm: 30u, weight: -1, penalty: -6}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's amplifier with corners and specs that some random designs meet."""
    made = tmp_path_factory.mktemp("gated") / "amplifier"
    made.mkdir()
    source = LIBRARY / "two_stage_amplifier"
    for file in source.glob("*.cir"):
        (made / file.name).write_text(file.read_text())
    text = (source / "circuit.yaml").read_text()
    before, rest = text.split("\nspec_sets:", 1)
    behind = rest[rest.index("\n\n") :]
    (made / "circuit.yaml").write_text(before + CORNERS + behind)
    return made


def size(circuit: Circuit, gate: Gate | None) -> History:
    config = JobConfig(budget=40, method=Method.RANDOM, seed=1, stop_when_feasible=False)
    stages = Stages(config, GPProposer(), None)
    with NgspiceSimulator(circuit, processes=2, gate=gate) as simulator:
        ledger = MemoryLedger()
        return Loop(circuit, config, circuit.specs(), stages, simulator, ledger).run()


def test_the_same_designs_are_feasible_with_and_without_a_gate(folder: Path) -> None:
    circuit = load_circuit(folder)
    gated, plain = size(circuit, Gate(circuit.specs())), size(circuit, None)
    pairs = list(zip(gated.observations, plain.observations, strict=True))
    assert all(one.values == other.values for one, other in pairs)
    feasible = [other.verdict.feasible for _, other in pairs]
    assert [one.verdict.feasible for one, _ in pairs] == feasible
    assert 0 < sum(feasible) < 40
    assert 0 < sum(one.verdict.complete for one, _ in pairs) < 40
    for one, other in pairs:
        if one.verdict.complete:
            assert one == other
        else:
            assert not other.verdict.feasible


def test_a_job_is_gated_unless_it_asks_not_to_be(folder: Path, tmp_path: Path) -> None:
    size_it = [
        "run",
        str(folder),
        "--method",
        "random",
        "--budget",
        "25",
        "--llm",
        "none",
        "--objective",
        "fom",
    ]
    gated = answer(ado(tmp_path, *size_it, "--json"))
    plain = answer(ado(tmp_path, *size_it, "--gating", "none", "--json"))
    assert gated["simulations_to_all_specs"] == plain["simulations_to_all_specs"]
    assert gated["best"]["metrics"] == plain["best"]["metrics"]
    with Store.open(f"sqlite:///{tmp_path}/ado.db") as store:
        assert store.jobs.get(gated["job_id"]).config.gating is Gating.SPECS
        designs = store.designs.of_job(gated["job_id"])
        assert not any(one.skipped for one in store.designs.of_job(plain["job_id"]))
    best = designs[gated["best"]["index"]]
    assert best.feasible
    assert set(best.corners) == {"nominal", "cold", "hot"}
    spared = [one for one in designs if one.skipped]
    assert spared
    for one in spared:
        assert one.skipped == ("cold", "hot")
        assert set(one.corners) == {"nominal"}
        assert not one.feasible
        assert "at nominal: cold, hot" in one.message


def test_a_gated_job_that_is_resumed_judges_as_before(folder: Path) -> None:
    circuit = load_circuit(folder)
    config = JobConfig(budget=20, method=Method.GP_BO, seed=2, stop_when_feasible=False)
    stages = Stages(config, GPProposer(), None)
    with NgspiceSimulator(circuit, processes=2, gate=Gate(circuit.specs())) as simulator:
        whole, parts = MemoryLedger(), MemoryLedger()
        Loop(circuit, config, circuit.specs(), stages, simulator, whole).run()
        short = config.model_copy(update={"budget": 12})
        Loop(circuit, short, circuit.specs(), stages, simulator, parts).run()
        Loop(circuit, config, circuit.specs(), stages, simulator, parts).run()
    assert [one.observation for one in parts.entries()][:10] == [
        one.observation for one in whole.entries()
    ][:10]


def test_out_has_a_netlist_a_corner(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sized"
    run = ado(
        tmp_path, "run", str(folder), "--method", "random", "--budget", "5", "--llm", "none",
        "--out", str(out),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    name = "two_stage_amplifier"
    assert {path.name for path in out.glob("*.cir")} == {
        f"{name}.{bench}{corner}.cir"
        for bench in ("differential", "common_mode")
        for corner in ("", ".cold", ".hot")
    }
    assert ".temp 125" in (out / f"{name}.differential.hot.cir").read_text()
    assert json.loads((out / "result.json").read_text())["best"] is not None


def test_a_spec_of_a_job_names_known_corners() -> None:
    from ado_service.jobs.asked import SubmissionError, job_specs

    circuit = load_circuit("two_stage_amplifier")
    assert circuit.corners == (Corner(),)
    spec = circuit.specs()[0].model_copy(update={"corners": ("hot",)})
    with pytest.raises(SubmissionError, match=r"specs\.0\.corners: .* no corner 'hot'"):
        job_specs(circuit, JobConfig(specs=(spec,)))
