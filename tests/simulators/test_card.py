from __future__ import annotations

import pytest

from circuits.errors import CircuitError
from simulators.netlist.card import Card, read_cards


def texts(text: str, **files: str) -> list[str]:
    return [card.text for card in read_cards({"b.cir": text, **files}, "b.cir")]


def test_first_line_is_the_title() -> None:
    assert texts("r9 a 0 1k\nr1 a 0 1k") == ["r1 a 0 1k"]


def test_no_cards() -> None:
    assert texts("") == []
    assert texts("* title\n\n* comment\n+\n") == []


def test_continuation_lines_are_joined_and_keep_the_first_line_number() -> None:
    text = "* t\nr1 a 0\n* comment between\n+ 1k\n  + tc1=0\n\nr2 a 0 2k"
    cards = read_cards({"b.cir": text}, "b.cir")
    assert [(card.line, card.text) for card in cards] == [(2, "r1 a 0 1k tc1=0"), (7, "r2 a 0 2k")]


def test_continuation_of_nothing_is_a_card_of_its_own_line() -> None:
    [card] = read_cards({"b.cir": "* t\n+ w=1"}, "b.cir")
    assert (card.line, card.text) == (2, "w=1")


@pytest.mark.parametrize("comment", ["; x", " ;x", " $ x", " $x", "$ x", " // x", "\t$x", ", $x"])
def test_comments_go(comment: str) -> None:
    [text] = texts(f"* t\nr1 a 0 1k{comment}\n$ whole line\n* whole line\n; whole line")
    assert text.rstrip(",") == "r1 a 0 1k"


def test_comment_on_a_continued_line_does_not_swallow_the_continuation() -> None:
    assert texts("* t\nr1 a 0 // load\n+ 1k ; ohms\n+ tc1=0") == ["r1 a 0 1k tc1=0"]


@pytest.mark.parametrize("dos", [False, True])
@pytest.mark.parametrize("card", [".include", ".INCLUDE", ".inc", ".incl"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_include(card: str, quote: str, dos: bool) -> None:
    text = f"* t\n{card} {quote}sub/x.cir{quote} ; comment\nr9 a 0 1k"
    files = {
        "b.cir": text.replace("\n", "\r\n" if dos else "\n"),
        "sub/x.cir": "r1 a 0 1\nr2 a 0 2",
    }
    cards = read_cards(files, "b.cir")
    assert [(card.file, card.line, card.text) for card in cards] == [
        ("sub/x.cir", 1, "r1 a 0 1"),
        ("sub/x.cir", 2, "r2 a 0 2"),
        ("b.cir", 3, "r9 a 0 1k"),
    ]


def test_an_included_path_is_relative_to_the_file_that_names_it() -> None:
    files = {
        "b.cir": "* t\n.include sub/x.cir",
        "sub/x.cir": ".include y.cir",
        "sub/y.cir": "r1 a 0 1",
    }
    assert [card.file for card in read_cards(files, "b.cir")] == ["sub/y.cir"]


def test_library_models_are_reached_from_anywhere() -> None:
    files = {"b.cir": "* t\n.include ../../models/m.mod", "models/m.mod": ".model n nmos"}
    assert [card.text for card in read_cards(files, "b.cir")] == [".model n nmos"]


def test_include_circle() -> None:
    files = {"b.cir": "* t\n.include x.cir", "x.cir": "r1 a 0 1\n.include b.cir"}
    with pytest.raises(
        CircuitError, match=r"x\.cir:2: 'b\.cir' includes itself\. Break the circle"
    ):
        read_cards(files, "b.cir")


def test_include_of_nothing() -> None:
    with pytest.raises(CircuitError, match=r"b\.cir:3: include 'no\.cir': no such file\. Add it"):
        read_cards({"b.cir": "* t\n\n.include no.cir"}, "b.cir")


def test_unknown_netlist() -> None:
    with pytest.raises(CircuitError, match=r"b\.cir: no such netlist"):
        read_cards({}, "b.cir")


def test_include_bomb_is_refused_soon() -> None:
    files = {f"{n}.cir": f".include {n + 1}.cir\n" * 8 for n in range(14)} | {"14.cir": "r1 a 0 1"}
    files["b.cir"] = "* t\n.include 0.cir"
    with pytest.raises(CircuitError, match="over 200000 cards"):
        read_cards(files, "b.cir")


def test_words_keep_expressions_and_assignments_whole() -> None:
    card = Card("b.cir", 1, "M1 d g s b nch w = {w1 * 2} l='l1 + 1u' m=\"2 * 2\"")
    assert card.words[5:] == ["nch", "w={w1 * 2}", "l='l1 + 1u'", 'm="2 * 2"']
    assert card.keyword == "m1"
