"""PDK families: what is known of each beforehand, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """A process whose PDKs share their layout and the way ngspice must treat them.

    Attributes:
        name: such as `sky130`.
        variants: folder names of its PDKs, the usual one first.
        libraries: paths of its model library within such a folder, the preferred one first.
        beside: files next to the library that its users include before it.
        switch: parameter that turns mismatch on.
        overrides: parameters that we set, whatever the library says (randomness off).
        per_finger: ngspice chooses bins by w/nf: the PDK asks for compatibility mode hsa.
        unchecked: ngspice takes model parameters as they are, also where its check of BSIM4
            models would put them back into their usual range: the PDK asks for `ng_nomodcheck`.
    """

    name: str
    variants: tuple[str, ...]
    libraries: tuple[str, ...]
    beside: tuple[str, ...] = ()
    switch: str = ""
    overrides: tuple[tuple[str, float], ...] = ()
    per_finger: bool = True
    unchecked: bool = True

    @property
    def file_names(self) -> frozenset[str]:
        """Base names of its library files, as netlists give them."""
        return frozenset(path.rpartition("/")[2] for path in self.libraries)


FAMILIES = (
    Family(
        name="sky130",
        variants=("sky130A", "sky130B"),
        libraries=("libs.tech/combined/sky130.lib.spice", "libs.tech/ngspice/sky130.lib.spice"),
        switch="mc_mm_switch",
    ),
    Family(
        name="gf180mcu",
        variants=("gf180mcuD", "gf180mcuC", "gf180mcuB", "gf180mcuA"),
        libraries=("libs.tech/ngspice/sm141064.ngspice",),
        beside=("design.ngspice",),
        switch="sw_stat_mismatch",
        overrides=(("sw_stat_global", 0.0),),
    ),
)


SWITCH_FILES = frozenset(name for family in FAMILIES for name in family.beside)
"""Base names of files that netlists include next to a PDK's library."""


def family_of(file_name: str) -> Family | None:
    """The family whose library has this base name; None for a file of nobody's."""
    return next((one for one in FAMILIES if file_name in one.file_names), None)
