"""Every method of the comparison by name, and what must be installed for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

from benchmarks.peer_methods.protocol import PeerMethod, Task

_NUMERICS = ("torch", "botorch", "gpytorch", "numpy", "scipy")


class Kind(StrEnum):
    """What a method is to a user, on which the goal against it depends."""

    OURS = "ours"
    OFF_THE_SHELF = "off the shelf"
    RESEARCH = "research baseline"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Entry:
    """A method.

    Attributes:
        name: in rows, records and options.
        label: in plots and tables.
        kind: what it is to a user.
        make: a run of it; imports what it needs when it is called.
        module: to be importable for it.
        packages: distributions whose versions decide what it does.
        sources: modules of our own that do; what they import from their package counts too.
        absent: what to do where `module` is missing.
    """

    name: str
    label: str
    kind: Kind
    make: Callable[[Task], PeerMethod]
    module: str
    packages: tuple[str, ...]
    sources: tuple[str, ...]
    absent: str = "pip install -c constraints.txt --editable '.[bench]'"

    @property
    def missing(self) -> str | None:
        """Why it cannot run here; None where it can."""
        if _importable(self.module):
            return None
        return f"{self.module} is not installed; {self.absent}"

    def versions(self) -> dict[str, str]:
        """Version by distribution; those that are not there are left out."""
        found = {}
        for name in self.packages:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        return found


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a parent package
        return False


def _ours(task: Task) -> PeerMethod:
    from ado_service.proposers.metric_gp import MetricGPProposer
    from benchmarks.peer_methods.proposer import ProposerMethod

    return ProposerMethod(task, MetricGPProposer())


def _gp_bo(task: Task) -> PeerMethod:
    from ado_service.proposers.gp import GPProposer
    from benchmarks.peer_methods.proposer import ProposerMethod

    return ProposerMethod(task, GPProposer())


def _optuna(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.optuna_tpe import OptunaMethod

    return OptunaMethod(task)


def _optuna_constrained(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.optuna_tpe import OptunaMethod

    return OptunaMethod(task, constrained=True)


def _cma(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.cma_es import CmaMethod

    return CmaMethod(task)


def _hebo(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.hebo_mace import HeboMethod

    return HeboMethod(task)


def _ax(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.ax_default import AxMethod

    return AxMethod(task)


def _turbo(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.turbo import turbo

    return turbo(task)


def _scbo(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.scbo import scbo

    return scbo(task)


def _random(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.space_filling import RandomMethod

    return RandomMethod(task)


def _sobol(task: Task) -> PeerMethod:
    from benchmarks.peer_methods.space_filling import SobolMethod

    return SobolMethod(task)


_PEERS = "benchmarks.peer_methods"
_PROPOSERS = "ado_service.proposers"
_HEBO = (
    "HEBO 0.3.6 declares numpy<1.25 and pymoo==0.6.0, which pip does not put beside our numpy; "
    "it runs on ours after `pip install --no-deps HEBO==0.3.6`"
)

METHODS: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "ours", "ours (a GP per metric)", Kind.OURS, _ours,
            f"{_PROPOSERS}.metric_gp", _NUMERICS, (f"{_PROPOSERS}.metric_gp", f"{_PEERS}.proposer"),
            "it is part of this project",
        ),
        Entry(
            "gp-bo", "GP-BO of the paper", Kind.OFF_THE_SHELF, _gp_bo,
            f"{_PROPOSERS}.gp", _NUMERICS, (f"{_PROPOSERS}.gp", f"{_PEERS}.proposer"),
        ),
        Entry(
            "optuna", "Optuna TPE", Kind.OFF_THE_SHELF, _optuna,
            "optuna", ("optuna",), (f"{_PEERS}.optuna_tpe",),
        ),
        Entry(
            "optuna-constrained", "Optuna TPE, constrained", Kind.OFF_THE_SHELF,
            _optuna_constrained, "optuna", ("optuna",), (f"{_PEERS}.optuna_tpe",),
        ),
        Entry(
            "cma-es", "CMA-ES", Kind.OFF_THE_SHELF, _cma,
            "cma", ("cma", "numpy"), (f"{_PEERS}.cma_es",),
        ),
        Entry(
            "hebo", "HEBO", Kind.OFF_THE_SHELF, _hebo,
            "hebo", ("HEBO", "pymoo", *_NUMERICS), (f"{_PEERS}.hebo_mace",), _HEBO,
        ),
        Entry(
            "ax", "Ax, default", Kind.OFF_THE_SHELF, _ax,
            "ax", ("ax-platform", *_NUMERICS), (f"{_PEERS}.ax_default",),
        ),
        Entry(
            "turbo-1", "TuRBO-1", Kind.RESEARCH, _turbo,
            "botorch", _NUMERICS, (f"{_PEERS}.turbo",),
        ),
        Entry(
            "scbo", "SCBO", Kind.RESEARCH, _scbo,
            "botorch", _NUMERICS, (f"{_PEERS}.scbo",),
        ),
        Entry(
            "random", "random", Kind.BASELINE, _random,
            "numpy", ("numpy",), (f"{_PEERS}.space_filling",),
        ),
        Entry(
            "sobol", "Sobol", Kind.BASELINE, _sobol,
            "scipy", ("scipy",), (f"{_PEERS}.space_filling",),
        ),
    )
}  # fmt: skip
"""In the order of tables and plots."""
