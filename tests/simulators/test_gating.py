from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest

from circuits.definition import Circuit, Corner, Metric
from circuits.spec import Direction, Spec
from simulators.corners import verdict, worst_corner
from simulators.gating import Gate, conditions, plan
from simulators.netlist.deck import build_decks
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import FailureKind, SimulationResult
from tests.simulators.small import circuit

AC = """* divider
v1 in 0 dc 1 ac 1
r1 in out {r}
r2 out 0 {load}
.param load=1k
.ac lin 1 1 1
.meas ac gain max vm(out)
"""
STEP = """* the same, a step at its input
v1 in 0 pulse(0 1 0 1n 1n 1 2)
r1 in out {r}
r2 out 0 {load}
c1 out 0 1p
.param load=1k
.tran 10n 1u
.meas tran peak max v(out)
"""
CORNERS = (
    Corner(),
    Corner(name="light", parameters={"load": 2e3}),
    Corner(name="heavy", parameters={"load": 500}),
)


def above(metric: str, threshold: float, *corners: str) -> Spec:
    return Spec(
        metric=metric, direction=Direction.ABOVE, threshold=threshold, norm=1, weight=1,
        penalty=-1, corners=corners,
    )  # fmt: skip


def two_benches(corners: Sequence[Corner] = CORNERS, **gain: float) -> Circuit:
    found = circuit(
        AC,
        STEP,
        metrics={"gain": "", "peak": ""},
        parameters={"load": 1e3},
        corners=tuple(corners),
    )
    metrics = (Metric(name="gain", **gain), Metric(name="peak"))  # type: ignore[arg-type]
    return found.model_copy(update={"metrics": metrics})


def simulate(found: Circuit, r: float, *specs: Spec) -> SimulationResult:
    with NgspiceSimulator(found, processes=1, gate=Gate(specs)) as simulator:
        return simulator.run([{"r": r}])[0]


def simulate_all(found: Circuit, r: float) -> SimulationResult:
    with NgspiceSimulator(found, processes=1) as simulator:
        return simulator.run([{"r": r}])[0]


def test_a_good_design_goes_through_all_stages_and_comes_out_as_without_a_gate() -> None:
    found = two_benches()
    gated, plain = (
        simulate(found, 1e3, above("gain", 0.4), above("peak", 0.4)),
        simulate_all(found, 1e3),
    )
    assert list(gated.corners) == ["nominal", "light", "heavy"]
    assert gated.corners == plain.corners
    assert (gated.skipped, gated.failure, gated.message) == ((), None, "")


def test_a_spec_missed_at_nominal_skips_the_other_corners() -> None:
    result = simulate(two_benches(), 1e3, above("gain", 0.6), above("peak", 0.4))
    assert list(result.corners) == ["nominal"]
    assert result.skipped == ("light", "heavy")
    assert result.failure is None
    assert result.message == "skipped for gain at nominal: light, heavy"
    # A missed spec is hope for the transient yet: it was measured.
    assert result.corners["nominal"].metrics["peak"] == pytest.approx(0.5, rel=1e-3)


def test_a_requirement_that_is_not_met_skips_the_transient_too() -> None:
    result = simulate(two_benches(required_above=0.6), 1e3, above("peak", 0.4))
    assert result.skipped == ("nominal/b1", "light", "heavy")
    assert result.corners["nominal"].metrics == {"gain": pytest.approx(0.5), "peak": None}
    assert result.failure is None
    assert result.message == "skipped for gain at nominal: nominal/b1, light, heavy"


def test_an_ac_metric_that_cannot_be_measured_rules_out_if_a_spec_asks_for_it() -> None:
    text = AC.replace("max vm(out)", "when vm(out)=2")
    found = two_benches().model_copy(update={"files": {"b0.cir": text, "b1.cir": STEP}})
    result = simulate(found, 1e3, above("gain", 0.4))
    assert result.skipped == ("nominal/b1", "light", "heavy")
    assert result.failure is FailureKind.MEASURE_FAILED
    assert "skipped for gain at nominal" in result.message
    unasked = simulate(found, 1e3, above("peak", 0.4))
    assert unasked.skipped == ()


def test_one_corner_and_no_transient_is_one_stage() -> None:
    found = circuit(AC, parameters={"load": 1e3})
    decks = build_decks(found)
    gate = Gate((above("gain", 0.6),))
    assert plan(found, decks, gate) == plan(found, decks, None)
    assert conditions(found, decks, gate) == conditions(found, decks, None) == ""


def test_transients_alone_are_the_first_stage() -> None:
    found = circuit(STEP, metrics={"peak": ""}, parameters={"load": 1e3})
    gate = Gate((above("peak", 0.6),))
    assert plan(found, build_decks(found), gate) == plan(found, build_decks(found), None)


def test_a_spec_of_other_corners_does_not_count_at_nominal() -> None:
    result = simulate(two_benches(), 1e3, above("gain", 0.6, "light"))
    assert result.skipped == ()
    assert verdict(result, [above("gain", 0.6, "light")]).feasible
    assert not verdict(result, [above("gain", 0.6)]).feasible


def test_conditions_differ_with_what_decides() -> None:
    found = two_benches()
    decks = build_decks(found)
    texts = {
        conditions(found, decks, gate)
        for gate in (None, Gate((above("gain", 0.6),)), Gate((above("gain", 0.5),)))
    }
    assert len(texts) == 3
    assert conditions(found, decks, None) == ""


def test_a_skipped_design_is_never_feasible() -> None:
    result = simulate(two_benches(required_above=0.6), 1e3, above("gain", 0.4))
    judged = verdict(result, [above("gain", 0.4)])
    assert judged.met == {"gain": True}
    assert not judged.complete
    assert not judged.feasible
    assert worst_corner(result, [above("gain", 0.4, "light")])["gain"] is None


def test_messages_name_their_corners() -> None:
    text = AC.replace("max vm(out)", "when vm(out)=0.6")  # 1 Hz alone: no crossing anywhere
    found = circuit(text, parameters={"load": 1e3}, corners=CORNERS)
    result = simulate_all(found, 1e3)
    assert result.failure is FailureKind.MEASURE_FAILED
    assert result.message.endswith("(corner nominal, light, heavy)")
    logarithm = circuit(
        AC, metrics={"gain": "log10(gain - 0.4)"}, parameters={"load": 1e3}, corners=CORNERS
    )
    result = simulate_all(logarithm, 1e3)
    assert result.message == "no value for the metric gain (corner heavy)"
    assert result.corners["light"].metrics["gain"] is not None


def test_a_gate_travels() -> None:
    gate = Gate((above("gain", 0.6),))
    assert pickle.loads(pickle.dumps(gate)) == gate


def test_the_order_of_designs_changes_nothing() -> None:
    found = two_benches()
    designs = [{"r": r} for r in (1e3, 9e3, 2e3, 1e3, 9e3)]
    with NgspiceSimulator(found, processes=1, gate=Gate((above("gain", 0.3),))) as simulator:
        ahead, back = simulator.run(designs), simulator.run(designs[::-1])[::-1]
    assert [(one.corners, one.skipped, one.message) for one in ahead] == [
        (one.corners, one.skipped, one.message) for one in back
    ]
    assert [bool(one.skipped) for one in ahead] == [False, True, False, False, True]


def test_the_time_limit_is_the_whole_designs() -> None:
    slow = STEP.replace(".tran 10n 1u", ".tran 1f 1")
    found = two_benches().model_copy(update={"files": {"b0.cir": AC, "b1.cir": slow}})
    specs = (above("gain", 0.4),)
    with NgspiceSimulator(found, processes=1, time_limit=0.5, gate=Gate(specs)) as simulator:
        result = simulator.run([{"r": 1e3}])[0]
    assert result.failure is FailureKind.TIMEOUT
    assert result.message == "the design took longer than 0.5 s"
