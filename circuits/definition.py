"""A circuit: everything that is needed to size it, as one immutable value."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from circuits.expression import Expression
from circuits.spec import Spec, SpecSet
from circuits.variable import Variable

_NAME = r"^[a-z][a-z0-9_]{0,63}$"
_SECTION = r"^([A-Za-z0-9_][A-Za-z0-9_.+-]{0,63})?$"
_MODEL = r"^[a-z][a-z0-9_.]{0,63}$"
_Parameters = dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], float]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DeviceGroup(_Value):
    """Devices that are sized together, and what they are for (prompts say so).

    Attributes:
        name: short name, such as `input_pair`.
        devices: instance names in the netlist, such as `xn1`.
        variables: variables that size them.
        structure: how they are connected.
        function: what they do in the circuit.
    """

    name: str
    devices: tuple[str, ...] = Field(min_length=1)
    variables: tuple[str, ...] = ()
    structure: str = ""
    function: str = ""


class Testbench(_Value):
    """A netlist with its analyses and measures (plain SPICE, runs in any ngspice).

    Attributes:
        name: short name, unique in the circuit.
        netlist: path of the top netlist, a key of `Circuit.files`.
        about: what it measures and how, for people.
    """

    __test__ = False  # a testbench is no test case, whatever pytest makes of the name

    name: str = Field(pattern=_NAME)
    netlist: Annotated[str, AfterValidator(posixpath.normpath)]
    about: str = ""


class Metric(_Value):
    """A named number of a design.

    Attributes:
        name: what specs refer to.
        unit: SI unit, dB or deg.
        expression: arithmetic over measures, parameters and variables; the measure of the same
            name when empty.
        about: what it is and how it is measured.
        required_above, required_below: bounds outside of which the circuit does not work at all,
            in the metric's unit, such as a phase margin above 0; None for none. They are no
            specs: a design outside of them is spared its transients (`simulators.gating`).
    """

    name: str = Field(pattern=_NAME)
    unit: str = ""
    expression: str = ""
    about: str = ""
    required_above: float | None = None
    required_below: float | None = None

    @model_validator(mode="after")
    def _expression_parses(self) -> Self:
        _ = self.formula
        return self

    @model_validator(mode="after")
    def _something_is_allowed(self) -> Self:
        low, high = self.required_above, self.required_below
        if low is not None and high is not None and low >= high:
            raise ValueError(
                f"metric {self.name}: nothing is above {low:g} and below {high:g}; "
                "raise required_below or lower required_above"
            )
        return self

    @property
    def formula(self) -> Expression:
        """The expression, parsed."""
        return Expression(self.expression or self.name)

    @property
    def has_requirement(self) -> bool:
        """Whether there are values with which the circuit does not work at all."""
        return self.required_above is not None or self.required_below is not None

    def works(self, value: float) -> bool:
        """Whether a circuit with this value (metric's unit) works at all."""
        low, high = self.required_above, self.required_below
        return (low is None or value > low) and (high is None or value < high)


class Corner(_Value):
    """Operating conditions under which a design is measured.

    Attributes:
        name: such as `nominal` or `ss_hot`.
        temperature: degrees Celsius.
        process: section of the PDK's model library, such as `ss`; empty for the section that the
            netlist names.
        parameters: values that replace the circuit's own parameters, SI units.
    """

    name: str = Field(default="nominal", pattern=_NAME)
    temperature: float = Field(default=25.0, gt=-273.15)
    process: str = Field(default="", pattern=_SECTION)
    parameters: _Parameters = Field(default_factory=dict)


class Mismatch(_Value):
    """How much two equal MOS devices differ by chance (Pelgrom, JSSC 1989, without distance).

    Each device is drawn by itself: the threshold of one with width W, length L and multiplier m is
    off by a normal deviate of sigma `avt / sqrt(W L m)`, its current factor by a relative one of
    sigma `abeta / sqrt(W L m)`. The difference of a pair has sqrt(2) times that sigma; published
    coefficients mostly are a pair's: divide them by sqrt(2).

    Attributes:
        avt: of the threshold voltage, V m (2.5 mV um is 2.5e-9).
        abeta: of the current factor, m (1 % um is 1e-8).
    """

    avt: float = Field(default=0.0, ge=0)
    abeta: float = Field(default=0.0, ge=0)


class Circuit(_Value):
    """A circuit to be sized: variables, testbenches, metrics, specs and the texts behind them.

    `files` holds every netlist and model card by its path relative to the folder, so that the
    value is complete: a job goes on when the folder is gone. Each attribute is a field of
    circuit.yaml, see docs/circuits.md. Parameters are in SI units. The first corner is the nominal
    one. `mismatch` is by the name of the MOS model, lower case, for models that bring no
    statistics of their own.
    """

    name: str = Field(pattern=_NAME)
    title: str
    about: str = ""
    source: str = ""
    technology: str = ""
    parameters: _Parameters = Field(default_factory=dict)
    variables: tuple[Variable, ...] = Field(min_length=1)
    device_groups: tuple[DeviceGroup, ...] = ()
    testbenches: tuple[Testbench, ...] = Field(min_length=1)
    metrics: tuple[Metric, ...] = Field(min_length=1)
    spec_sets: tuple[SpecSet, ...] = Field(min_length=1)
    corners: tuple[Corner, ...] = Field(default=(Corner(),), min_length=1)
    mismatch: dict[Annotated[str, Field(pattern=_MODEL)], Mismatch] = Field(default_factory=dict)
    design_principles: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        _unique("variable", [variable.name for variable in self.variables])
        _unique("metric", [metric.name for metric in self.metrics])
        _unique("testbench", [bench.name for bench in self.testbenches])
        _unique("spec set", [specs.name for specs in self.spec_sets])
        _unique("corner", [corner.name for corner in self.corners])
        _unique("device group", [group.name for group in self.device_groups])
        _unique("variable or parameter", [*self.variable_names, *self.parameters])
        for specs in self.spec_sets:
            for spec in specs.specs:
                _known("spec", spec.metric, "metric", [metric.name for metric in self.metrics])
                for name in spec.corners:
                    _known(f"spec on {spec.metric}", name, "corner", self.corner_names)
        for group in self.device_groups:
            for name in group.variables:
                _known(f"device group {group.name}", name, "variable", self.variable_names)
        for corner in self.corners:
            for name in corner.parameters:
                _known(f"corner {corner.name}", name, "parameter", list(self.parameters))
        return self

    @property
    def variable_names(self) -> list[str]:
        """Names of the variables, in order."""
        return [variable.name for variable in self.variables]

    @property
    def corner_names(self) -> list[str]:
        """Names of the corners, in order; the first one is nominal."""
        return [corner.name for corner in self.corners]

    @property
    def content_hash(self) -> str:
        """SHA-256 over all that defines the circuit, netlists and model cards included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def specs(self, name: str | None = None) -> tuple[Spec, ...]:
        """The specs of the set `name`; of the first set when None.

        Raises:
            KeyError: no such set.
        """
        for specs in self.spec_sets:
            if name is None or specs.name == name:
                return specs.specs
        known = ", ".join(specs.name for specs in self.spec_sets)
        raise KeyError(f"{self.name} has no spec set {name!r}; it has {known}")

    def metric(self, name: str) -> Metric:
        """The metric `name`.

        Raises:
            KeyError: no such metric.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        known = ", ".join(metric.name for metric in self.metrics)
        raise KeyError(f"{self.name} has no metric {name!r}; it has {known}")

    def snap(self, values: Mapping[str, float]) -> dict[str, float]:
        """A full design (SI units, in the variables' order) on range and grid.

        Raises:
            KeyError: a variable has no value, or a value has no variable.
        """
        unknown = sorted(set(values) - set(self.variable_names))
        missing = sorted(set(self.variable_names) - set(values))
        if unknown or missing:
            raise KeyError(
                f"{self.name}: "
                + "; ".join(
                    [f"no variable {name}" for name in unknown]
                    + [f"no value for {name}" for name in missing]
                )
            )
        return {variable.name: variable.snap(values[variable.name]) for variable in self.variables}

    def to_unit(self, values: Mapping[str, float]) -> list[float]:
        """The design as a point of the unit cube, one coordinate a variable."""
        return [variable.to_unit(values[variable.name]) for variable in self.variables]

    def from_unit(self, point: list[float]) -> dict[str, float]:
        """The design (SI units, on grid) at a point of the unit cube."""
        return {
            variable.name: variable.from_unit(position)
            for variable, position in zip(self.variables, point, strict=True)
        }


def _unique(what: str, names: list[str]) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        named = ", ".join(repr(name) for name in doubled)
        raise ValueError(f"{what} {named} is there twice; rename one")


def _known(where: str, name: str, what: str, names: list[str]) -> None:
    if name not in names:
        raise ValueError(f"{where}: unknown {what} {name!r}; known are {', '.join(names)}")
