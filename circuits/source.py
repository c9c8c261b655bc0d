"""Where a circuit's files come from: a folder on disk, or the files of an upload."""

from __future__ import annotations

from abc import ABC, abstractmethod

from circuits.errors import CircuitError, Finding

FILE_LIMIT = 4_000_000
"""Bytes of one file; a flattened PDK card set is a tenth of that."""
TOTAL_LIMIT = 16_000_000
"""Bytes of all files of a circuit together."""
FILES_LIMIT = 1000
"""Files of a circuit."""

Place = tuple[str, int | None]
"""A file and a line: what asks for another file."""


class Budget:
    """How much text may still be read: files that are included again and again count each time."""

    def __init__(self, characters: int = TOTAL_LIMIT) -> None:
        self._left = characters

    def spend(self, characters: int, place: Place) -> None:
        """Take away.

        Raises:
            CircuitError: nothing is left.
        """
        self._left -= characters
        if self._left < 0:
            problem = f"over {TOTAL_LIMIT} characters of netlists, testbenches taken together"
            raise place_error(place, problem, "Keep only what is used")


class Source(ABC):
    """A circuit's files, each by its key: the path relative to the circuit's folder.

    A key `models/NAME` that the circuit itself does not have means the project's own model cards.
    Nothing else is ever read, whatever the netlists include.
    """

    @abstractmethod
    def has(self, key: str) -> bool:
        """Whether a file is there, the project's model cards included."""

    @abstractmethod
    def inside(self, key: str) -> bool:
        """Whether the file is one that may be read; a file that is missing may be inside."""

    @abstractmethod
    def raw(self, key: str, limit: int) -> bytes:
        """The first `limit` bytes of a file.

        Raises:
            OSError: it cannot be read.
        """

    def read(self, key: str) -> str:
        """Text of a file.

        Raises:
            CircuitError: it cannot be read, is too long or no UTF-8.
        """
        try:
            raw = self.raw(key, FILE_LIMIT + 1)
        except OSError as error:
            raise place_error(
                (key, None), f"cannot be read: {error.strerror}", "Check it"
            ) from error
        if len(raw) > FILE_LIMIT:
            raise place_error(
                (key, None), f"over {FILE_LIMIT} bytes long", "Keep only what is used"
            )
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise place_error((key, line), "not UTF-8 text", "Save it as UTF-8") from error

    def check(self, key: str, what: str, place: Place) -> None:
        """Refuse a file that is elsewhere or missing.

        Args:
            key: of the file.
            what: what to call it in the message.
            place: what asks for it.

        Raises:
            CircuitError: it leads out of the circuit, or there is no such file.
        """
        if key.startswith(("/", "..")) or not self.inside(key):
            raise place_error(
                place, f"{what} leads out of the circuit's folder", "Copy the file there"
            )
        if not self.has(key):
            raise place_error(place, f"{what}: no such file", "Mend the name or add the file")


def place_error(place: Place, problem: str, cure: str) -> CircuitError:
    """An error with one finding."""
    return CircuitError([Finding(*place, problem, cure)])
