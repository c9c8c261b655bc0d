"""`.alter`, `.temp` and sweeps become the runs of a testbench."""

from __future__ import annotations

from dataclasses import replace

from circuits.importer.arithmetic import ArithmeticTextError
from circuits.importer.assignments import assignments
from circuits.importer.library import read_library_call
from circuits.importer.netlist import Netlist, Run
from circuits.importer.sheet import Card, strip_all

_SILENT = frozenset({".del", ".option", ".options", ".print", ".plot", ".probe", ".title", ".op"})
_CURE = "Let it change .param, .temp or the section of the PDK's .lib only, or use a testbench more"
_RUNS = 200


class _Change:
    """What one `.alter` block changes."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.parameters: dict[str, float] = {}
        self.temperatures: list[float] = []
        self.process = ""
        self.library = False
        """Whether it names a library, be it the same as before."""

    @property
    def names(self) -> set[str]:
        """What it changes, in words."""
        temperature = {".temp"} if self.temperatures else set()
        return {*self.parameters} | temperature | ({".lib"} if self.library else set())


def unroll_runs(netlist: Netlist) -> None:
    """List the runs: each block of alters, each row of the sweep, each temperature."""
    base = _temperatures(netlist)
    unsaid: list[float | None] = [None]
    changes = [_Change("")] + [
        _block(netlist, n, block) for n, block in enumerate(netlist.alters, 1)
    ]
    _all_say_all(netlist, changes)
    runs = [
        _joined(change, row, temperature)
        for change in changes
        for row in netlist.sweep or [Run()]
        for temperature in change.temperatures or base or unsaid
    ]
    if len(runs) > _RUNS and netlist.runs_from is not None:
        netlist.refuse(netlist.runs_from, f"over {_RUNS} runs", "Keep those that decide")
    elif len(runs) > 1 or netlist.sweep or any(run.temperature is not None for run in runs):
        netlist.runs = runs


def _joined(change: _Change, row: Run, temperature: float | None) -> Run:
    """A run. The sweep's own temperature wins, as the inner one."""
    label = [change.label] if change.label else []
    if temperature is not None and row.temperature is None:
        label.append(f"t{temperature:g}")
    return replace(
        row,
        label=(*label, *row.label),
        parameters=tuple({**change.parameters, **dict(row.parameters)}.items()),
        temperature=temperature if row.temperature is None else row.temperature,
        process=change.process,
    )


def _temperatures(netlist: Netlist) -> list[float]:
    """Those of the `.temp` cards; the cards go, unless circuit.yaml's corners decide."""
    cards = [card for card in netlist.cards if card.keyword == ".temp"]
    if not cards or (netlist.around.corners and len(cards[-1].text.split()) == 2):
        return []
    values = _temp(netlist, cards[-1])
    if len(values) > 1 or netlist.runs_from is None:
        netlist.runs_from = cards[-1]
    if len(values) == 1 and len(cards) == 1 and not netlist.alters and not netlist.sweep:
        return values
    strip_all(cards)
    return values


def _temp(netlist: Netlist, card: Card) -> list[float]:
    words = card.text.split()[1:]
    cure = "Write numbers in degrees Celsius"
    values = [netlist.constant_or_refuse(card, word, cure) for word in words]
    return [value for value in values if value is not None]


def _block(netlist: Netlist, number: int, cards: list[Card]) -> _Change:
    words = cards[0].text.split(None, 1)
    change = _Change(words[1] if len(words) > 1 else f"alter{number}")
    netlist.runs_from = cards[0]
    for card in cards[1:]:
        keyword = card.keyword
        if keyword == ".param":
            _params(netlist, card, change)
        elif keyword == ".temp":
            change.temperatures = _temp(netlist, card)
        elif keyword == ".lib":
            _library(netlist, card, change)
        elif keyword not in _SILENT:
            what = card.text if len(card.text) < 60 else f"{card.text[:60]}..."
            netlist.refuse(card, f".alter with {what!r}", _CURE)
    return change


def _params(netlist: Netlist, card: Card, change: _Change) -> None:
    for name, _, value in assignments(card.text[len(".param") :]):
        try:
            change.parameters[name] = netlist.constant(card, value)
        except ArithmeticTextError as error:
            problem = f".alter gives {name} a value that is not constant: {error}"
            netlist.refuse(card, problem, "Give it a number")


def _library(netlist: Netlist, card: Card, change: _Change) -> None:
    call = read_library_call(card.text)
    calls = [read_library_call(other.text) for other in netlist.cards if other.keyword == ".lib"]
    known: dict[str, str] = {}
    for one in calls:
        if one is not None:
            known.setdefault(one.name, one.section)
    if call is None or call.name not in known:
        what = card.text if call is None else call.name
        cure = (
            "Only a PDK's library that the netlist itself names can change; use .param for others"
        )
        netlist.refuse(card, f".alter with the library {what}", cure)
    elif change.library:
        netlist.refuse(card, ".alter changes two libraries", "Change one; use a testbench more")
    else:
        change.library = True
        change.process = "" if call.section.lower() == known[call.name].lower() else call.section


def _all_say_all(netlist: Netlist, changes: list[_Change]) -> None:
    """Refuse a block that leaves open whether an earlier block's change still holds."""
    said: set[str] = set()
    for change, block in zip(changes[1:], netlist.alters, strict=True):
        left = sorted(said - change.names)
        if left:
            problem = f".alter {change.label} leaves open whether {', '.join(left)} is as before"
            netlist.refuse(block[0], problem, "Set it here too: each run must say all that differs")
        said |= change.names
