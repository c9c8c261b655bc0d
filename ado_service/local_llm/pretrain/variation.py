"""Other circuits of the same kind: the library's, under other loads, biases, heat and cards."""

from __future__ import annotations

import re
import zlib

import numpy as np

from circuits.definition import Circuit
from circuits.units import rounded

_LOADS = ("cl", "cout")
_BIAS = "ibias"
_SPREAD_LOAD, _SPREAD_BIAS = 0.7, 0.4
"""Standard deviations of the logarithm of a load and of a bias current."""
_COLDEST, _HOTTEST = -20.0, 100.0
_TEMPERATURE = re.compile(r"^\.temp .*$", re.MULTILINE)
_CARD = "models/generic90.mod"
_CARD_SPREADS = {"vth0": 0.08, "u0": 0.12, "vsat": 0.12, "toxe": 0.06, "pclm": 0.2, "rdsw": 0.2}
"""BSIM4 parameters and the standard deviation of the logarithm by which each differs."""


def varied(circuit: Circuit, seed: int) -> Circuit:
    """`circuit` with another load, bias current, temperature and model card; reproducible.

    Variables, metrics and texts stay: they are varied where a prompt is made. A circuit of a PDK
    keeps its models. Seed 0 is the circuit itself.
    """
    if seed == 0:
        return circuit
    rng = np.random.default_rng([seed, zlib.crc32(circuit.name.encode())])
    parameters = dict(circuit.parameters)
    for name in (*_LOADS, _BIAS):
        spread = _SPREAD_BIAS if name == _BIAS else _SPREAD_LOAD
        factor = float(np.exp(spread * rng.standard_normal()))
        if name in parameters:
            parameters[name] = rounded(parameters[name] * factor, 3)
    heat = round(float(rng.uniform(_COLDEST, _HOTTEST)))
    nominal = circuit.corners[0].model_copy(update={"temperature": float(heat)})
    files = {path: _TEMPERATURE.sub(f".temp {heat}", text) for path, text in circuit.files.items()}
    if _CARD in files:
        files[_CARD] = _other_card(files[_CARD], rng)
    changes = {"parameters": parameters, "corners": (nominal,), "files": files}
    return circuit.model_copy(update=changes)


def _other_card(text: str, rng: np.random.Generator) -> str:
    """The cards with some parameters scaled, each device type by itself."""

    def scaled(match: re.Match[str]) -> str:
        spread = _CARD_SPREADS[match[1]]
        value = float(match[2]) * float(np.exp(spread * rng.standard_normal()))
        return f"{match[1]}={value:.6g}"

    names = "|".join(_CARD_SPREADS)
    return re.sub(rf"\b({names})=([-+.\deE]+)", scaled, text)
