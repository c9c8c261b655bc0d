from __future__ import annotations

from circuits.spec import Direction, Spec
from simulators.corners import verdict, worst_corner
from simulators.result import CornerResult, SimulationResult

SPECS = (
    Spec(metric="gain", direction=Direction.ABOVE, threshold=1, norm=1, weight=1, penalty=-1),
    Spec(metric="power", direction=Direction.BELOW, threshold=1, norm=1, weight=-1, penalty=-2),
)


def result(*corners: dict[str, float | None]) -> SimulationResult:
    named = {f"c{place}": CornerResult(metrics=found) for place, found in enumerate(corners)}
    return SimulationResult(corners=named)


def test_the_worse_side_is_the_specs() -> None:
    found = result({"gain": 3, "power": 1, "pm": 5}, {"gain": 2, "power": 4, "pm": 9})
    assert worst_corner(found, SPECS) == {"gain": 2, "power": 4, "pm": 5}


def test_a_corner_without_a_value_leaves_none() -> None:
    found = result({"gain": 3, "power": None, "pm": None}, {"gain": None, "power": 4, "pm": 9})
    assert worst_corner(found, SPECS) == {"gain": None, "power": None, "pm": None}


def test_nothing_measured() -> None:
    assert worst_corner(SimulationResult(), SPECS) == {}


def named(spec: Spec, *corners: str) -> Spec:
    return spec.model_copy(update={"corners": corners})


def test_only_the_corners_that_a_spec_names_count() -> None:
    found = result({"gain": 3, "power": 1}, {"gain": 2, "power": 4}, {"gain": 1, "power": None})
    specs = (named(SPECS[0], "c0", "c1"), named(SPECS[1], "c0"))
    assert worst_corner(found, specs) == {"gain": 2, "power": 1}
    assert verdict(found, (specs[0],)).feasible
    assert not verdict(found, SPECS).feasible


def test_skipped_corners_do_not_count_and_leave_no_feasible_design() -> None:
    found = result({"gain": 3, "power": 0.5}).model_copy(update={"skipped": ("c1", "c2")})
    assert worst_corner(found, SPECS) == {"gain": 3, "power": 0.5}
    assert worst_corner(found, (named(SPECS[0], "c1"),))["gain"] is None
    judged = verdict(found, SPECS)
    assert judged.met == {"gain": True, "power": True}
    assert not judged.feasible
