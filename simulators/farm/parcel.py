"""All that a farm's worker needs to measure designs of one circuit, packed once in the client."""

from __future__ import annotations

import hashlib
import pickle
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from circuits.definition import Circuit
from simulators.gating import Gate
from simulators.netlist.deck import Deck


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a parcel: a worker has neither the circuit's folder nor a PDK.

    Attributes:
        circuit: its definition.
        decks: its testbenches, models included.
        time_limit: seconds a design may take.
        gate: decides how far a design is simulated; None to simulate all of it.
        fast: whether circuits stay loaded and are altered in place.
    """

    circuit: Circuit
    decks: tuple[Deck, ...]
    time_limit: float
    gate: Gate | None
    fast: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """Contents as bytes.

    Attributes:
        name: SHA-256 of the bytes, hexadecimal: workers keep their simulators under it.
        data: compressed pickle of `Contents`.
    """

    name: str
    data: bytes

    @classmethod
    def of(
        cls,
        circuit: Circuit,
        decks: Sequence[Deck],
        time_limit: float,
        gate: Gate | None,
        fast: bool = False,
    ) -> Self:
        """The parcel of a circuit, see `Contents`."""
        contents = Contents(circuit, tuple(decks), time_limit, gate, fast)
        data = zlib.compress(pickle.dumps(contents, protocol=5))
        return cls(hashlib.sha256(data).hexdigest(), data)

    def open(self) -> Contents:
        """The contents. Only for parcels of one's own scheduler: it is a pickle."""
        contents: Contents = pickle.loads(zlib.decompress(self.data))  # noqa: S301 - as Dask's own
        return contents
