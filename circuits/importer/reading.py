"""Reads a testbench's files into a `Netlist`: what is included, in which order, and what counts."""

from __future__ import annotations

import posixpath

from circuits.errors import CircuitError
from circuits.importer.assignments import assignments
from circuits.importer.conditions import Conditions
from circuits.importer.lexical import clean_lines
from circuits.importer.library import (
    is_pdk_include,
    read_include,
    read_library_call,
    section_key,
    section_names,
    take_section,
)
from circuits.importer.netlist import Netlist
from circuits.importer.refusals import refuse_encrypted
from circuits.importer.sheet import CARD_LIMIT, Card, Sheet
from circuits.include import include_key
from circuits.source import FILES_LIMIT, Budget, Place, Source, place_error

_DEPTH = 16
_ALTERS = 200


class Reader:
    """Follows includes and library calls, leaves out what conditions switch off.

    Args:
        source: where files come from.
        netlist: gets the sheets, the cards and the constants.
        budget: how much text may still be read.
    """

    def __init__(self, source: Source, netlist: Netlist, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._netlist = netlist
        self._alters = False
        self._ended = False

    def read(self, key: str, what: str, place: Place) -> None:
        """Read the top file.

        Args:
            key: of the file.
            what: what to call it in an error.
            place: what names it.

        Raises:
            CircuitError: a file is missing, lies elsewhere or cannot be read.
        """
        self._source.check(key, what, place)
        self._file(key, self._source.read(key), place, depth=0)

    def _file(self, key: str, text: str, place: Place, depth: int) -> None:
        if key in self._netlist.sheets:
            return  # once is enough for us; the check of the finished netlist sees circles
        if len(self._netlist.sheets) >= FILES_LIMIT or depth > _DEPTH:
            raise place_error(place, f"over {FILES_LIMIT} files or {_DEPTH} levels", "Join them")
        self._budget.spend(len(text), place)
        sheet = Sheet(key, text, title=depth == 0)
        self._netlist.sheets[key] = sheet
        of_pdk = clean_lines(sheet, hspice=self._netlist.hspice)
        conditions = Conditions(self._netlist)
        scope: list[Card] = []
        for card in list(sheet.cards()):
            if self._ended:
                card.strip()
            elif len(card.text) > CARD_LIMIT:
                raise CircuitError([card.finding(f"over {CARD_LIMIT} characters", "Shorten it")])
            elif self._alters:
                self._altered(card)
            elif not conditions.is_condition(card):
                if conditions.active:
                    self._card(card, depth, scope, pdk=card.line in of_pdk)
                else:
                    card.strip()
        conditions.close()

    def _card(self, card: Card, depth: int, scope: list[Card], *, pdk: bool) -> None:
        keyword = card.keyword
        if keyword in {".lib", ".inc", ".incl", ".include"}:
            self._call(card, depth, pdk=pdk)
            return
        if keyword == ".end":
            if depth > 0:
                card.strip()  # ends an included file at most; SPICE goes on behind it
            self._ended = depth == 0
            return
        if keyword == ".alter":
            self._alters = True
            self._altered(card)
            return
        refuse_encrypted(self._netlist, card)
        if keyword in {".subckt", ".macro"}:
            scope.append(card)
        elif keyword in {".ends", ".eom"} and scope:
            scope.pop()
        elif keyword == ".param" and not scope:
            for name, arguments, value in assignments(card.text[len(".param") :]):
                if arguments is None:
                    self._netlist.constants.define(name, value)
        self._netlist.read.append(card)

    def _altered(self, card: Card) -> None:
        alters = self._netlist.alters
        if card.keyword == ".end":
            self._ended = True
            return
        if card.sheet.file != self._netlist.top:
            self._netlist.refuse(card, ".alter in an included file", "Move it to the testbench")
        if card.keyword == ".alter":
            alters.append([])
            if len(alters) > _ALTERS:
                raise CircuitError(
                    [card.finding(f"over {_ALTERS} .alter", "Keep those that decide")]
                )
        alters[-1].append(card)
        card.strip()

    def _call(self, card: Card, depth: int, *, pdk: bool) -> None:
        netlist = self._netlist
        path = read_include(card.text)
        call = read_library_call(card.text) if card.keyword == ".lib" else None
        if path is not None:
            self._include(card, path, depth, pdk=pdk or is_pdk_include(path))
        elif call is None:
            # What is left of it is refused later, with the cure for its kind.
            netlist.read.append(card)
        elif not call.section:
            problem = f"a library section {call.path!r} is defined here"
            netlist.refuse(card, problem, "Read such a file with `.lib FILE SECTION`")
        else:
            key = include_key(card.sheet.file, call.path)
            elsewhere = pdk or call.path.startswith(("/", "~")) or not self._source.has(key)
            if elsewhere and not call.path.startswith(".."):
                card.rewrite(f".lib {call.name} {call.section}")
                netlist.read.append(card)
            else:
                self._section(card, call.path, key, call.section, depth)

    def _include(self, card: Card, path: str, depth: int, *, pdk: bool) -> None:
        if pdk:
            card.rewrite(f".include {posixpath.basename(path)}")
            self._netlist.read.append(card)
            return
        if " " in path:
            self._netlist.refuse(card, f"include {path!r} has a blank in its name", "Rename it")
            return
        key = include_key(card.sheet.file, path)
        self._source.check(key, f"include {path!r}", card.place)
        self._file(key, self._source.read(key), card.place, depth + 1)

    def _section(self, card: Card, path: str, key: str, section: str, depth: int) -> None:
        self._source.check(key, f"library {path!r}", card.place)
        text = self._source.read(key)
        taken = take_section(text, section)
        if taken is None:
            known = ", ".join(section_names(text)[:40]) or "none"
            problem = f"{path} has no section {section!r}"
            self._netlist.refuse(card, problem, f"Its sections are {known}")
            return
        card.rewrite(f'.include "{section_key(path, section)}"')
        self._file(section_key(key, section), taken, card.place, depth + 1)
