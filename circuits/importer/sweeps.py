"""Analysis cards: `sweep` becomes runs, forms that ngspice reads otherwise are rewritten."""

from __future__ import annotations

import math
import re

from circuits.importer.arithmetic import ArithmeticTextError
from circuits.importer.netlist import Netlist, Run
from circuits.importer.sheet import Card

_RUNS = 200
_CURE = "Write `sweep NAME START STOP STEP`, `sweep NAME poi N V1 V2 ...` or `sweep data=TABLE`"
_MONTE = "Use `ado yield` on the finished design"


class _SweepError(Exception):
    """A sweep that cannot be unrolled: problem and cure."""

    def __init__(self, problem: str, cure: str = _CURE) -> None:
        super().__init__(problem)
        self.cure = cure


def unroll_sweeps(netlist: Netlist) -> None:
    """Take `sweep` off the analyses; all that have one must have the same."""
    swept: Card | None = None
    for card in netlist.cards:
        if card.keyword not in {".ac", ".dc", ".tran"}:
            continue
        head, sweep = _split(card.text)
        try:
            if sweep:
                runs = _runs(netlist, card, sweep)
                if swept is not None and runs != netlist.sweep:
                    netlist.refuse(card, "another sweep than the analysis above", "Use the same")
                swept, netlist.sweep = card, runs
            _analysis(netlist, card, head)
        except _SweepError as error:
            netlist.refuse(card, str(error), error.cure)
    if swept is not None:
        netlist.runs_from = swept


def _split(text: str) -> tuple[str, list[str]]:
    """The card without its sweep, and the words of the sweep."""
    match = re.search(r"\ssweep\s", text, re.IGNORECASE)
    if match is None:
        return text, []
    words = re.sub(r" ?([=(),]) ?", lambda m: "=" if m[1] == "=" else " ", text[match.end() :])
    return text[: match.start()].rstrip(), words.lower().split()


def _runs(netlist: Netlist, card: Card, words: list[str]) -> list[Run]:
    first = words[0]
    if first.startswith("monte") or "monte" in words:
        raise _SweepError("a Monte Carlo sweep", _MONTE)
    if first.startswith("optimize"):
        cure = "Remove it, and name what it sizes as variables in circuit.yaml"
        raise _SweepError("a sweep of HSPICE's own optimization", cure)
    if first.startswith("data="):
        return _table_runs(netlist, first.removeprefix("data="))
    if first == "=":
        raise _SweepError("a sweep of an unknown form")
    return [_run((first,), (value,)) for value in _values(netlist, card, words[1:])]


def _table_runs(netlist: Netlist, name: str) -> list[Run]:
    if name not in netlist.tables:
        known = ", ".join(netlist.tables) or "none"
        raise _SweepError(f"no .data {name!r}", f"Mend the name; there is {known}")
    columns, rows = netlist.tables[name]
    return [_run(columns, tuple(row)) for row in rows]


def _run(names: tuple[str, ...], values: tuple[float, ...]) -> Run:
    pairs = list(zip(names, values, strict=True))
    return Run(
        label=tuple(f"{name}_{value:g}" for name, value in pairs),
        parameters=tuple(pair for pair in pairs if pair[0] not in {"temp", "temper"}),
        temperature=next((value for name, value in pairs if name in {"temp", "temper"}), None),
    )


def _values(netlist: Netlist, card: Card, words: list[str]) -> list[float]:
    """The values that a sweep walks through."""
    kind = words[0] if words and words[0] in {"lin", "dec", "oct", "poi"} else ""
    try:
        numbers = [netlist.constant(card, word) for word in words[1 if kind else 0 :]]
    except ArithmeticTextError as error:
        raise _SweepError(f"a sweep over values that are not constant: {error}") from error
    if kind == "poi" and numbers and len(numbers) == round(numbers[0]) + 1:
        return _counted(numbers[1:])
    if kind == "" and len(numbers) == 3:
        start, stop, step = numbers
        if step and (stop - start) / step >= 0:
            count = min((stop - start) / step + 1e-9, _RUNS)
            return _counted([_plain(start + place * step) for place in range(int(count) + 1)])
    if kind in {"lin", "dec", "oct"} and len(numbers) == 3 and 1 <= numbers[0] <= _RUNS:
        return _counted(_spaced(kind, *numbers))
    raise _SweepError("a sweep of an unknown form")


def _spaced(kind: str, points: float, start: float, stop: float) -> list[float]:
    if kind == "lin":
        steps = max(round(points) - 1, 1)
        return [_plain(start + (stop - start) * place / steps) for place in range(round(points))]
    if not 0 < start <= stop:
        raise _SweepError("a logarithmic sweep from a value that is not positive, or downwards")
    base = 10.0 if kind == "dec" else 2.0
    steps = int(math.log(stop / start, base) * points + 1e-9)
    return [_plain(start * base ** (place / points)) for place in range(min(steps, _RUNS) + 1)]


def _counted(values: list[float]) -> list[float]:
    if len(values) > _RUNS:
        raise _SweepError(f"a sweep of over {_RUNS} values", "Keep those that decide")
    return values


def _plain(value: float) -> float:
    """The value without binary dust: 1.62, not 1.6200000000000003."""
    return float(f"{value:.12g}")


def _analysis(netlist: Netlist, card: Card, head: str) -> None:
    """Rewrite what the card says without its sweep."""
    words = head.split()
    lowered = [word.lower() for word in words]
    if netlist.hspice and card.keyword == ".tran":
        head = _tran(netlist, card, words)
    elif card.keyword == ".ac" and len(words) > 1 and lowered[1] == "poi":
        raise _SweepError(".ac poi is not in ngspice", "Use dec, oct or lin")
    elif card.keyword == ".dc" and len(words) > 1:
        if lowered[1].startswith("data=") or lowered[1] == "data":
            raise _SweepError(".dc over a .data table", "Write `.dc SOURCE ... sweep data=TABLE`")
        if lowered[1].startswith("monte"):
            raise _SweepError("a Monte Carlo sweep", _MONTE)
        swept = lowered[1].strip("{}")
        if swept in netlist.constants and swept[0] not in "vi":
            cure = "Sweep a source, or write `.dc SOURCE ... sweep` over the parameter"
            raise _SweepError(f".dc sweeps the parameter {swept!r}, ngspice sweeps sources", cure)
    card.rewrite(head)


def _tran(netlist: Netlist, card: Card, words: list[str]) -> str:
    """HSPICE's `.tran STEP STOP [STEP2 STOP2 ...] [start=T] [uic]`, as ngspice has it.

    Several pairs become the smallest step up to the last stop; ngspice would take the second
    pair as start and largest step.
    """
    rest = [word for word in words[1:] if word.lower() != "uic" and "=" not in word]
    pairs = [word.split("=", 1) for word in words[1:] if "=" in word]
    named = {name.lower(): value for name, value in pairs}
    if set(named) - {"start", "runlvl", "method"}:
        raise _SweepError(f".tran with {' '.join(sorted(named))}", "Write `.tran STEP STOP`")
    uic = " uic" if "uic" in map(str.lower, words) else ""
    start = f" {named['start']}" if "start" in named else ""
    if len(rest) <= 2:
        return f".tran {' '.join(rest)}{start}{uic}"
    try:
        numbers = [netlist.constant(card, word) for word in rest]
    except ArithmeticTextError as error:
        raise _SweepError(
            f".tran over times that are not constant: {error}", "Give numbers"
        ) from error
    if len(numbers) == 3:
        return f".tran {rest[0]} {rest[1]} {rest[2]}{uic}"
    if len(numbers) % 2:
        raise _SweepError(".tran of an unknown form", "Write `.tran STEP STOP [start=T]`")
    return f".tran {min(numbers[::2])!r} {numbers[-1]!r}{start}{uic}"
