from __future__ import annotations

import time

import pytest

from simulators.netlist.assignments import split_assignments


@pytest.mark.parametrize(
    ("text", "head", "found"),
    [
        ("", "", []),
        ("in out 1k", "in out 1k", []),
        ("d g s b nch w=1u L = 2u", "d g s b nch", [("w", "1u"), ("l", "2u")]),
        ("w={a+b} l={c==1?2:3}", "", [("w", "{a+b}"), ("l", "{c==1?2:3}")]),
        ("w='a == b' l=2", "", [("w", "'a == b'"), ("l", "2")]),
        ("a=1, b=2 ,c=3", "", [("a", "1"), ("b", "2"), ("c", "3")]),
        ("r='(x==0) ? 1e-15 : x' m=2", "", [("r", "'(x==0) ? 1e-15 : x'"), ("m", "2")]),
        ("tox={2e-9* t} y = 1 + {z}", "", [("tox", "{2e-9* t}"), ("y", "1 + {z}")]),
        ("mis=agauss(0,var_k,1) n=1", "", [("mis", "agauss(0,var_k,1)"), ("n", "1")]),
        ("nmos (lmin=1 lmax=2)", "nmos (lmin=1 lmax=2)", []),
        ("a!=b c>=d e<=f", "a!=b c>=d e<=f", []),
        ("ad='int((nf+1)/2) * W/nf * 0.29'", "", [("ad", "'int((nf+1)/2) * W/nf * 0.29'")]),
    ],
)
def test_lists(text: str, head: str, found: list[tuple[str, str]]) -> None:
    assert split_assignments(text) == (head, found)


@pytest.mark.parametrize(
    "part", ["a=", "a = ", "'", "{", "}", "a=1 ", "=", "a ", "((a=1", ")) b=2 "]
)
def test_hostile_text_takes_time_in_proportion(part: str) -> None:
    short, long = _seconds(part * 2_000), _seconds(part * 40_000)
    assert long < 150 * short + 0.2


def _seconds(text: str) -> float:
    def once() -> float:
        clock = time.perf_counter()
        split_assignments(text)
        return time.perf_counter() - clock

    return min(once() for _ in range(3))
