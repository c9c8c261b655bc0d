"""The paper's own figures, best FOM and specs missed, as a survey quotes them (arXiv 2406.18770).

They are of the authors' closed process and stand beside ours for the order of the methods alone.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Published(NamedTuple):
    """One figure of the paper.

    Attributes:
        fom: best figure of merit. specs_missed: of that design.
        simulations: None where it is not said.
    """

    fom: float
    specs_missed: int
    simulations: int | None


PUBLISHED = MappingProxyType(
    {
        ("two_stage_amplifier", "ado-llm"): Published(3.52, 0, 105),
        ("two_stage_amplifier", "gp-bo"): Published(1.89, 1, 105),
        ("two_stage_amplifier", "gp-bo-405"): Published(2.10, 1, 405),
        ("two_stage_amplifier", "llm"): Published(0.20, 1, 105),
        ("two_stage_amplifier", "llm-none"): Published(-1.78, 3, None),
        ("hysteresis_comparator", "ado-llm"): Published(0.90, 0, 105),
        ("hysteresis_comparator", "gp-bo"): Published(-3.38, 2, 105),
        ("hysteresis_comparator", "llm"): Published(-1.35, 1, 105),
    }
)
"""By circuit and arm."""
