"""Line by line, before cards are joined: HSPICE's comments, PDK paths that look like comments."""

from __future__ import annotations

import re

from circuits.importer.sheet import Sheet
from circuits.include import strip_comment

_VARIABLE_PATH = re.compile(
    r"\s*(\.(?:lib|inc|incl|include))\s+[\"']?\$([^\s\"']+)[\"']?(.*)$", re.IGNORECASE
)


def clean_lines(sheet: Sheet, *, hspice: bool) -> frozenset[int]:
    """Rewrite what the joining of lines would misread.

    `.lib $::SKYWATER_MODELS/sky130.lib.spice tt` becomes `.lib sky130.lib.spice tt`: a path that
    starts with a variable is a PDK's.

    Returns:
        Numbers of the lines that name such a path.
    """
    sheet.squeeze()
    of_pdk = set()
    first = 1 if sheet.title else 0
    for number, line in enumerate(sheet.lines[first:], start=first + 1):
        if "$" not in line and not (hspice and "\\" in line):
            continue
        if match := _VARIABLE_PATH.match(line):
            name = match[2].replace("}", "").rsplit("/", 1)[-1]
            sheet.put(number, f"{match[1]} {name} {match[3].strip()}".rstrip())
            of_pdk.add(number)
        elif hspice:
            _hspice_line(sheet, number, line)
    return frozenset(of_pdk)


def _hspice_line(sheet: Sheet, number: int, line: str) -> None:
    r"""`$` starts a comment wherever it stands outside of quotes; `\\` at the end continues."""
    kept = _before_dollar(line)
    if strip_comment(kept) != strip_comment(line):
        sheet.put(number, kept)
    stripped = strip_comment(kept)
    if stripped.endswith("\\") and number < len(sheet.lines):
        sheet.put(number, stripped.rstrip("\\").rstrip())
        sheet.put(number + 1, f"+ {sheet.lines[number].strip()}")


def _before_dollar(line: str) -> str:
    quote = ""
    for place, letter in enumerate(line):
        if letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        elif not quote and letter == "$":
            return line[:place]
    return line
