"""Stops: found wherever the borders of the tokens are."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ado_service.local_llm.stop_text import StopText


def _read(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    """What gets through, and whether a stop came."""
    reader, passed = StopText(stops), ""
    for piece in pieces:
        text, stopped = reader.push(piece)
        passed += text
        if stopped:
            return passed, True
    return passed + reader.rest(), False


@pytest.mark.parametrize(
    ("stops", "pieces", "passed", "stopped"),
    [
        (["END"], ["one ", "E", "N", "D", "two"], "one ", True),
        (["END"], ["one ENDtwo"], "one ", True),
        (["END"], ["one E", "N", "two"], "one ENtwo", False),
        (["END"], ["EEN", "END"], "EEN", True),
        (["aab"], ["a", "a", "a", "b"], "a", True),
        (["b", "ab"], ["xa", "b"], "x", True),
        (["END"], ["one E"], "one E", False),
        ([], ["one"], "one", False),
    ],
)
def test_stops(stops: list[str], pieces: list[str], passed: str, stopped: bool) -> None:
    assert _read(stops, pieces) == (passed, stopped)


def test_no_more_is_held_back_than_may_be_a_stop() -> None:
    reader = StopText(["END", "\n\n"])
    assert reader.push("some text E") == ("some text ", False)
    assert reader.push("ast\n") == ("East", False)
    assert reader.push("more") == ("\nmore", False)


@given(
    text=st.text("ab", max_size=20),
    cuts=st.lists(st.integers(0, 20), max_size=6),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
)
def test_any_borders_give_the_text_before_the_first_stop(
    text: str, cuts: list[int], stops: list[str]
) -> None:
    borders = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(borders)]
    passed, stopped = _read(stops, pieces)
    # The first stop to be complete ends the answer; it is the earliest to begin among those.
    complete = [end for end in range(len(text) + 1) if any(text[:end].endswith(s) for s in stops)]
    assert stopped is bool(complete)
    assert text.startswith(passed)
    if not stopped:
        assert passed == text
    else:
        assert not any(stop in passed for stop in stops)
        assert any(text[len(passed) :].startswith(stop) for stop in stops)
