"""The picture of the comparison: who has met all specs after how many simulations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.peer_methods.registry import METHODS, Kind
from benchmarks.peer_runs.field import Field, Runs

_COLUMNS = 3
_STYLES: dict[Kind, dict[str, Any]] = {
    Kind.OURS: {"linewidth": 2.4, "color": "black", "zorder": 5},
    Kind.OFF_THE_SHELF: {"linewidth": 1.3},
    Kind.RESEARCH: {"linewidth": 1.3, "linestyle": "--"},
    Kind.BASELINE: {"linewidth": 1.0, "linestyle": ":", "color": "gray"},
}


def draw(field: Field, file: Path) -> None:
    """Write an SVG: a panel a circuit, a line a method; the same bytes from the same records."""
    circuits = field.circuits
    rows = math.ceil(len(circuits) / _COLUMNS)
    with mpl.rc_context({"svg.hashsalt": "peers", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(4 * min(_COLUMNS, len(circuits)), 2.8 * rows + 0.7))
        panels = figure.subplots(rows, min(_COLUMNS, len(circuits)), squeeze=False).flatten()
        for panel, circuit in zip(panels, circuits, strict=False):
            draw_panel(panel, field, circuit)
        for panel in panels[len(circuits) :]:
            panel.set_axis_off()
        handles = {line.get_label(): line for panel in panels for line in panel.get_lines()}
        figure.legend(list(handles.values()), list(handles), ncols=4, loc="lower center")
        figure.tight_layout(rect=(0, 0.6 / figure.get_figheight(), 1, 1))
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Date": None})


def draw_panel(panel: Any, field: Field, circuit: str) -> None:
    """The lines of one circuit into a matplotlib axes."""
    for name in (field.ours, *field.peers):
        runs = field.runs(circuit, name)
        if runs:
            # A method keeps its colour in panels where others have no runs.
            colour = {"color": f"C{list(METHODS).index(name) - 1}"}
            style = colour | _STYLES[Kind.OURS if name == field.ours else METHODS[name].kind]
            x, y = curve(runs)
            panel.step(x, y, where="post", label=METHODS[name].label, **style)
    panel.set_title(circuit)
    panel.set_ylim(-0.02, 1.02)
    panel.set_xlabel("simulations")
    panel.set_ylabel("seeds with all specs met")


def curve(runs: Runs) -> tuple[list[int], list[float]]:
    """(simulations, share of the runs that met all specs by then), from 0 to the budget."""
    budget = min(run.budget for run in runs)
    x = list(range(budget + 1))
    return x, [float(np.mean([run.feasible_by(n) for run in runs])) for n in x]
