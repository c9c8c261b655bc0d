from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from circuits.fom import Verdict, judge
from circuits.loader import library_names, load_circuit
from circuits.spec import Direction, Spec, SpecSet

GAIN = Spec(
    metric="gain", direction=Direction.ABOVE, threshold=60, norm=60, weight=1, penalty=-1, clip=1.25
)
POWER = Spec(
    metric="power", direction=Direction.BELOW, threshold=30, norm=30, weight=-1, penalty=-2.67
)


@pytest.mark.parametrize(
    ("spec", "value", "met", "term"),
    [
        (GAIN, 66, True, 1.1),
        (GAIN, 60, False, -1),  # the threshold itself does not meet it
        (GAIN, 59.999, False, -1),
        (GAIN, 75, True, 1.25),
        (GAIN, 600, True, 1.25),
        (GAIN, None, False, -1),
        (GAIN, math.nan, False, -1),
        (POWER, 15, True, -0.5),
        (POWER, 30, False, -2.67),
        (POWER, -5, True, 5 / 30),
        (POWER, None, False, -2.67),
    ],
)
def test_met_and_term(spec: Spec, value: float | None, met: bool, term: float) -> None:
    assert spec.met(value) is met
    assert spec.term(value) == pytest.approx(term)


@pytest.mark.parametrize(
    "fields",
    [
        {"weight": -1}, {"weight": 0}, {"direction": "<"}, {"norm": 0}, {"norm": -1}, {"clip": 0},
        {"threshold": math.nan}, {"penalty": math.inf}, {"direction": ">="}, {"extra": 1},
    ],
)  # fmt: skip
def test_refused_spec(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Spec.model_validate(GAIN.model_dump() | fields)


@pytest.mark.parametrize(
    ("spec", "fields", "worst"),
    [
        (GAIN, {"penalty": 1.0}, 1.0),
        (GAIN, {"penalty": 1.25, "threshold": 90}, 1.25),  # clipped
        (GAIN, {"penalty": -1.0, "threshold": -60}, -1.0),
        (POWER, {"penalty": -1.0}, -1.0),
        (POWER, {"penalty": -2.67, "threshold": 90}, -3.0),
    ],
)
def test_a_failed_spec_never_pays(spec: Spec, fields: dict[str, float], worst: float) -> None:
    with pytest.raises(ValidationError, match=f"is not below {worst:g}, .* lower the penalty"):
        Spec.model_validate(spec.model_dump() | fields)
    just_below = spec.model_dump() | fields | {"penalty": worst - 1e-9}
    assert Spec.model_validate(just_below).penalty < worst


@pytest.mark.parametrize("name", library_names())
def test_failing_a_spec_of_the_library_never_pays(name: str) -> None:
    specs = [spec for one in load_circuit(name).spec_sets for spec in one.specs]
    for spec in specs:
        sign = 1 if spec.direction is Direction.ABOVE else -1
        just = spec.threshold + sign * 1e-9 * abs(spec.threshold)
        assert spec.penalty < spec.term(just)


def test_spec_set() -> None:
    with pytest.raises(ValidationError, match="more than one spec on gain"):
        SpecSet(name="s", specs=(GAIN, GAIN))
    with pytest.raises(ValidationError, match="at least 1"):
        SpecSet(name="s", specs=())


def test_judge() -> None:
    verdict = judge({"gain": 66.0, "power": None, "other": 1.0}, (GAIN, POWER))
    assert verdict.terms == {"gain": pytest.approx(1.1), "power": -2.67}
    assert verdict.fom == pytest.approx(-1.57)
    assert (verdict.specs_met, verdict.specs_total, verdict.feasible) == (1, 2, False)
    assert judge({}, (GAIN, POWER)).fom == pytest.approx(-3.67)


def test_what_is_met_but_skipped_counts_half_of_its_term_and_of_its_penalty() -> None:
    metrics = {"gain": 66.0, "power": 20e-6}
    whole, half = judge(metrics, (GAIN, POWER)), judge(metrics, (GAIN, POWER), ["hot"])
    worst = judge({}, (GAIN, POWER))
    assert half.fom == pytest.approx((whole.fom + worst.fom) / 2)
    assert (half.met, half.feasible, whole.feasible) == (whole.met, False, True)
    missed = judge({"gain": 66.0}, (GAIN, POWER), ["hot"])
    assert missed.terms["power"] == POWER.penalty


def test_a_spec_that_was_measured_where_it_must_hold_counts_in_full() -> None:
    cold = GAIN.model_copy(update={"corners": ("cold",)})
    assert judge({"gain": 66.0}, (cold,), ["hot"]).fom == judge({"gain": 66.0}, (cold,)).fom
    assert judge({"gain": 66.0}, (cold,), ["hot", "cold"]).fom < judge({"gain": 66.0}, (cold,)).fom
    # A testbench that was skipped leaves metrics without a value; those with one are whole.
    part = judge({"gain": 66.0}, (GAIN,), ["nominal/ramp"])
    assert part.fom == judge({"gain": 66.0}, (GAIN,)).fom
    assert not part.feasible


def test_a_feasible_design_outranks_a_larger_fom() -> None:
    good = Verdict(fom=-5, terms={}, met={"a": True})
    better = Verdict(fom=-4, terms={}, met={"a": True})
    bad = Verdict(fom=9, terms={}, met={"a": False})
    assert max([bad, good, better], key=lambda v: v.rank) is better


def edge(specs: tuple[Spec, ...], *, best: bool) -> float:
    """FOM of a design that just meets every spec, or is as good as the clips and zero allow."""
    metrics = {}
    for spec in specs:
        sign = 1 if spec.direction is Direction.ABOVE else -1
        just = spec.threshold * (1 + sign * 1e-9)
        metrics[spec.metric] = (1e30 if sign > 0 else 0.0) if best else just
    verdict = judge(metrics, specs)
    assert verdict.feasible
    return verdict.fom


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("two_stage_amplifier", 1 + 75 / 80 + 0.1 + 60 / 45 - 1, 5.0),
        ("hysteresis_comparator", -1, 4),
    ],
)
def test_range_when_all_specs_are_met(name: str, low: float, high: float) -> None:
    """The paper's norms and clips: see the range of each circuit's figure of merit."""
    specs = load_circuit(name).specs("paper")
    clipped = sum(min(spec.threshold / spec.norm, spec.clip or 9) * spec.weight for spec in specs)
    assert edge(specs, best=False) == pytest.approx(clipped)
    assert edge(specs, best=True) == pytest.approx(high)
    assert clipped <= low + 1e-9
