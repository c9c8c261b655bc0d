"""The hostile and broken decks in `decks/`, one a file.

The second line of each says what it attempts; a third, where there is one, what it does to plain
ngspice, which proves that the deck bites. Text between @ signs is filled in:

    @MARK@          a path that must not come to be
    @CANARY@        a file that must not be read or changed; it holds `SECRET`
    @EVIL@          a file that may be read and creates the mark when it is run
    @EVIL-LIB@      the same as a library with the section tt
    @PIPE@          a named pipe that nobody writes to
    @DIR@           the folder of these, in which everyone may write
    @x1b@           a character
    @nl@            a line end within a repeated line
    @long 50 text@  text, this many times
    @repeat 50 text at the begin of a line: the line, this many times, # (and #+10) its number
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "decks"
SECRET = "xyzzy-canary-4711"  # lower case: ngspice turns a deck's text into it
ENVIRONMENT = "ADO_HOSTILE_SECRET"
_ATTEMPTS = "* attempts: "
_IN_PLAIN = "* in plain ngspice: "


@dataclass(frozen=True, slots=True)
class Hostile:
    """One deck of the corpus."""

    name: str
    attempts: str
    in_plain: str
    source: str

    def text(self, lair: Lair) -> str:
        """The deck, aimed at `lair`."""
        return _expand(lair.aim(self.source))


@dataclass(frozen=True)
class Lair:
    """A folder in which everyone may do everything, with a secret in it."""

    folder: Path

    @cached_property
    def places(self) -> dict[str, Path]:
        """What the decks aim at, by name."""
        names = {"MARK": "mark", "CANARY": "canary.txt", "EVIL": "evil.inc"}
        names |= {"EVIL-LIB": "evil.lib", "PIPE": "pipe"}
        return {"DIR": self.folder} | {key: self.folder / name for key, name in names.items()}

    def prepare(self) -> None:
        """Lay out the files."""
        self.folder.chmod(0o777)
        evil = f".control\nshell touch {self.places['MARK']}\n.endc\n"
        section = f"* library\n.lib tt\n{evil}.endl tt\n"
        for key, text in (
            ("CANARY", f"{SECRET}\n"),
            ("EVIL", f"* evil\n{evil}"),
            ("EVIL-LIB", section),
        ):
            self.places[key].write_text(text, encoding="utf-8")
            self.places[key].chmod(0o666)
        os.mkfifo(self.places["PIPE"])
        self.places["PIPE"].chmod(0o666)

    def aim(self, source: str) -> str:
        """The text with its places filled in."""
        for key, path in self.places.items():
            source = source.replace(f"@{key}@", str(path))
        return source

    def state(self) -> dict[str, tuple[int, str]]:
        """All that is here: a change of it is what no deck may bring about."""
        return {
            path.name: (path.stat().st_mode, "" if path.is_fifo() else path.read_text("latin-1"))
            for path in sorted(self.folder.rglob("*"))
        }


def _read(path: Path) -> Hostile:
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    assert lines[1].startswith(_ATTEMPTS), path
    plain = lines[2].removeprefix(_IN_PLAIN) if lines[2:] and _IN_PLAIN in lines[2] else ""
    return Hostile(path.stem, lines[1].removeprefix(_ATTEMPTS), plain, source)


def _expand(source: str) -> str:
    lines = [line for given in source.split("\n") for line in _repeated(given)]
    text = "\n".join(lines).replace("@nl@", "\n")
    text = re.sub(r"@long (\d+) ([^@]+)@", lambda found: found[2] * int(found[1]), text)
    return re.sub(r"@x([0-9a-f]{2,4})@", lambda found: chr(int(found[1], 16)), text)


def _repeated(line: str) -> list[str]:
    match = re.match(r"@repeat (\d+) (.*)", line)
    if match is None:
        return [line]
    number = re.compile(r"#(\+\d+)?")
    return [
        number.sub(lambda found, place=place: str(place + int(found[1] or 0)), match[2])
        for place in range(int(match[1]))
    ]


CORPUS = tuple(_read(path) for path in sorted(FOLDER.glob("*.cir")))
