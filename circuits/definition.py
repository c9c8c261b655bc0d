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
    """

    name: str = Field(pattern=_NAME)
    unit: str = ""
    expression: str = ""
    about: str = ""

    @model_validator(mode="after")
    def _expression_parses(self) -> Self:
        _ = self.formula
        return self

    @property
    def formula(self) -> Expression:
        """The expression, parsed."""
        return Expression(self.expression or self.name)


class Corner(_Value):
    """Operating conditions under which a design is measured.

    Attributes:
        name: such as `nominal` or `ss_hot`.
        temperature: degrees Celsius.
        parameters: values that replace the circuit's own parameters, SI units.
    """

    name: str = Field(default="nominal", pattern=_NAME)
    temperature: float = Field(default=25.0, gt=-273.15)
    parameters: _Parameters = Field(default_factory=dict)


class Circuit(_Value):
    """A circuit to be sized: variables, testbenches, metrics, specs and the texts behind them.

    `files` holds every netlist and model card by its path relative to the folder, so that the
    value is complete: a job goes on when the folder is gone. Each attribute is a field of
    circuit.yaml, see docs/circuits.md. Parameters are in SI units.
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
