"""A short Pareto job on a real circuit: what its front needs is designs that meet the specs."""

from __future__ import annotations

from ado_service.job_config import JobConfig, Method
from ado_service.ledger import MemoryLedger
from ado_service.loop import Loop
from ado_service.proposers.metric_gp import MetricGPProposer
from ado_service.proposers.pareto_gp import ParetoProposer
from ado_service.proposers.protocol import History
from ado_service.stages import Stages
from circuits.loader import load_circuit
from circuits.objective import dominates
from simulators.gating import Gate
from simulators.open import open_pool


def sized(objective: str) -> History:
    circuit = load_circuit("hysteresis_comparator")
    specs = circuit.specs()
    config = JobConfig.model_validate(
        {"method": Method.GP_BO, "seed": 2, "budget": 45, "objective": objective}
    )
    gp = MetricGPProposer()
    stages = Stages(config, gp if objective == "fom" else ParetoProposer(gp), None)
    with open_pool(circuit, processes=1, time_limit=30.0, gate=Gate(specs)) as simulator:
        return Loop(circuit, config, specs, stages, simulator, MemoryLedger()).run()


def test_many_designs_meet_the_specs_and_the_front_beats_that_of_the_figure_of_merit() -> None:
    ours, fom = sized("pareto:power-,gain+"), sized("fom")
    met = [one.verdict.feasible for one in ours.observations]
    first = met.index(True)
    # With one model a metric over the whole cube it was one of 35.
    assert sum(met[first + 1 :]) >= 5
    good, theirs = (
        [ours.objective.gains(one.metrics) for one in job.observations if one.verdict.feasible]
        for job in (ours, fom)
    )
    assert any(a and b and dominates(a, b) for a in good for b in theirs)
    assert not any(a and all(b and dominates(a, b) for b in good) for a in theirs)
