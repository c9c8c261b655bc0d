"""The convergence plot of a job: every design's FOM, the best so far, who proposed it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from ado_service.store.design_record import DesignRecord

# Okabe-Ito colours with a marker each: told apart without colour vision, and in print.
_STYLES = {
    "gp": ("#0072B2", "o"),
    "llm": ("#D55E00", "D"),
    "sobol": ("#009E73", "s"),
    "random": ("#999999", "x"),
}
_OTHER = ("#CC79A7", "^")


def plot_convergence(designs: Sequence[DesignRecord], title: str, path: Path) -> None:
    """Write the plot of `designs` (in order of simulation) as PNG."""
    done = [design for design in designs if design.fom is not None]
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    try:
        for proposer in dict.fromkeys(design.proposer for design in done):
            colour, marker = _STYLES.get(proposer, _OTHER)
            own = [design for design in done if design.proposer == proposer]
            axes.scatter(
                [design.index + 1 for design in own],
                [design.fom or 0.0 for design in own],
                s=18, c=colour, marker=marker, alpha=0.7, label=f"proposed by {proposer}",
            )  # fmt: skip
        _best_line(axes, done)
        first = next((design for design in done if design.feasible), None)
        if first is not None:
            axes.axvline(first.index + 1, color="#009E73", linestyle=":", label="all specs met")
        axes.set(title=title, xlabel="simulations", ylabel="figure of merit")
        axes.grid(alpha=0.3)
        figure.legend(loc="outside lower center", ncols=4, fontsize=8)
        figure.savefig(path, dpi=120)
    finally:
        plt.close(figure)


def _best_line(axes: Axes, done: Sequence[DesignRecord]) -> None:
    """The best FOM so far, feasible designs before infeasible ones."""
    best: list[float] = []
    rank = (False, float("-inf"))
    for design in done:
        rank = max(rank, (design.feasible, design.fom or 0.0))
        best.append(rank[1])
    if best:
        steps = [design.index + 1 for design in done]
        axes.step(steps, best, where="post", color="black", linewidth=1.5, label="best so far")
