"""Credit: who found what, and what share of a round that earns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ado_service.commands.report import credit_line
from ado_service.credit import Tried, credit, llm_designs


def record(*rounds: Iterable[tuple[str, float | None]]) -> list[Tried]:
    """Designs by round, as (proposer, FOM); a FOM above 10 is feasible, None is pending."""
    found = [
        (number, name, None if fom is None else (fom > 10, fom))
        for number, designs in enumerate(rounds)
        for name, fom in designs
    ]
    return [Tried(index, *one) for index, one in enumerate(found)]


def test_nothing_tried_is_no_credit() -> None:
    nothing = credit([])
    assert (nothing.best_by, nothing.first_feasible_by, nothing.proposers) == (None, None, ())


def test_everybody_gets_what_is_theirs() -> None:
    found = credit(
        record(
            [("random", 1), ("random", 2)],
            [("llm", 3), ("gp", 4), ("gp", 1)],
            [("llm", 11), ("gp", 12), ("gp", None)],
        ),
        {"llm": 2, "gp": 0},
    )
    assert (found.best_by, found.first_feasible_by) == ("gp", "llm")
    by_name = {one.proposer: one for one in found.proposers}
    assert list(by_name) == ["gp", "llm", "random"]
    gp, llm, random = by_name.values()
    assert (gp.proposed, gp.accepted, gp.rejected, gp.simulated) == (4, 4, 0, 3)
    assert (llm.proposed, llm.accepted, llm.rejected, llm.simulated) == (4, 2, 2, 2)
    # The GP's 4 counts although the LLM's 3 came first: both are better than all rounds before.
    assert (gp.improved, llm.improved, random.improved) == (2, 2, 0)
    assert (gp.feasible, llm.feasible, random.feasible) == (1, 1, 0)


def test_a_run_says_whose_proposals_were_not_all_taken() -> None:
    rounds = [("random", 1)], [("llm", 3), ("gp", 2)]
    ahead = (
        "best design by llm; better than all rounds before: gp 1 of 1, llm 1 of 1, random 0 of 1"
    )
    assert credit_line(credit(record(*rounds))) == ahead
    found = credit_line(credit(record(*rounds), {"llm": 2}))
    assert found == f"{ahead}; proposals taken: llm 1 of 3"


def test_a_feasible_design_is_better_than_any_other_and_the_earlier_wins_a_tie() -> None:
    tried = [
        Tried(0, 0, "a", (False, 9.0)),
        Tried(1, 0, "b", (True, 1.0)),
        Tried(2, 0, "c", (True, 1.0)),
    ]
    assert credit(tried).best_by == "b"


def test_who_comes_nearer_to_specs_that_are_missed_improves() -> None:
    tried = [
        Tried(0, 0, "random", (False, -2.0, -0.6)),
        Tried(1, 1, "gp", (False, -2.0, -0.1)),
        Tried(2, 1, "gp", (False, -2.0, -0.6)),
    ]
    found = credit(tried)
    assert found.best_by == "gp"
    assert {one.proposer: one.improved for one in found.proposers} == {"gp": 1, "random": 0}


def test_a_proposer_of_whom_nothing_was_taken_is_there_too() -> None:
    [llm] = credit([], {"llm": 3}).proposers
    assert (llm.proposed, llm.accepted, llm.rejected) == (3, 0, 3)


def test_in_a_pareto_job_what_came_onto_the_front_is_better() -> None:
    tried = [
        Tried(0, 0, "random", (False, -3.0)),
        Tried(1, 1, "gp", (False, -2.0)),  # nearer to the specs than all before
        Tried(2, 1, "gp", (True, 5.0), (1.0, 1.0)),  # the first front
        Tried(3, 2, "gp", (True, 4.0), (2.0, 0.5)),  # of a lower FOM, but none is as good
        Tried(4, 2, "llm", (True, 3.0), (1.5, 0.5)),  # beside the one above, not before it
        Tried(5, 2, "llm", (True, 9.0), (0.9, 1.0)),  # dominated, whatever its FOM
        Tried(6, 3, "llm", (True, 5.0), (1.0, 1.0)),  # as an earlier one
        Tried(7, 3, "llm", (False, 8.0)),
        Tried(8, 3, "llm", (True, 1.0), (3.0, 3.0)),
    ]
    improved = {one.proposer: one.improved for one in credit(tried).proposers}
    assert improved == {"gp": 3, "llm": 2, "random": 0}


def test_in_a_pareto_job_a_place_on_the_front_earns_a_share() -> None:
    tried = [Tried(0, 0, "random", (True, 9.0), (1.0, 1.0))]
    for number in range(1, 11):
        along = (1.0 + number, 1.0 - number)
        tried.append(Tried(len(tried), number, "llm", (True, 1.0), along))
        tried += [Tried(len(tried) + n, number, "gp", (True, 1.0), (0.5, 0.5)) for n in range(4)]
    assert llm_designs(tried, 11, 10) == 5
    assert llm_designs([replace(one, gains=None) for one in tried], 11, 10) == 2


def rounds(count: int, llm: int, gains: str, batch: int = 5) -> list[Tried]:
    """So many rounds, in each of which the proposer `gains` alone finds something better."""
    designs: list[list[tuple[str, float | None]]] = [[("random", 0.0)]]
    for number in range(1, count + 1):
        names = ["llm"] * llm + ["gp"] * (batch - llm)
        fom = [float(number) if name == gains else 0.0 for name in names]
        designs.append(list(zip(names, fom, strict=True)))
    return record(*designs)


def asked(tried: list[Tried], batch: int = 5) -> list[int]:
    """Designs of the LLM in the sixteen rounds to come, in which nobody finds anything better."""
    tried, shares = list(tried), list[int]()
    first = max((one.round for one in tried), default=0) + 1
    for number in range(first, first + 16):
        shares.append(llm_designs(tried, number, batch))
        names = ["llm"] * shares[-1] + ["gp"] * (batch - shares[-1])
        tried += [
            Tried(len(tried) + n, number, name, (False, -9.0)) for n, name in enumerate(names)
        ]
    return shares


def test_without_evidence_the_share_is_that_of_the_paper() -> None:
    assert asked([]) == [1] * 16
    assert asked(rounds(10, 1, "nobody")) == [1] * 16
    assert llm_designs([], 1, 10) == 2
    assert llm_designs([], 1, 4) == 1
    assert asked([], batch=3) == [0, 1] * 8
    assert sum(asked([], batch=1)) == 3


def test_an_llm_that_finds_what_the_gp_does_not_gets_up_to_half_the_batch() -> None:
    tried = rounds(10, 1, "llm")
    assert llm_designs(tried, 11, 5) == 2
    assert llm_designs(tried, 11, 10) == 5
    assert asked(tried, batch=1)[:4] == [0, 1, 0, 1]


def test_an_llm_that_finds_nothing_is_probed_every_few_rounds() -> None:
    few = asked(rounds(4, 1, "gp"))
    many = asked(rounds(30, 1, "gp"))
    assert sum(many) < sum(few) < 16
    assert set(many) == {0, 1}
    assert sum(many[:8]) >= 1, "at least one in eight rounds"
    # Designs of the initial round say nothing of the rounds.
    assert asked(record([("llm", 9.0), ("gp", 1.0)])) == [1] * 16


def test_old_gains_fade() -> None:
    tried = rounds(6, 1, "gp")
    last = tried[-1]
    later = [
        Tried(last.index + 1 + 5 * number + place, last.round + 1 + number, name, (False, 0.0))
        for number in range(40)
        for place, name in enumerate(["llm", "gp", "gp", "gp", "gp"])
    ]
    assert llm_designs(tried, 7, 10) < llm_designs([*tried, *later], 47, 10) == 2


@given(
    st.lists(st.tuples(st.sampled_from(["llm", "gp"]), st.floats(-5, 20) | st.none()), max_size=60),
    st.integers(1, 256),
    st.integers(1, 7),
)
def test_the_share_keeps_to_its_limits(
    designs: list[tuple[str, float | None]], batch: int, size: int
) -> None:
    tried = record(*(designs[at : at + size] for at in range(0, len(designs), size)))
    after = max((one.round for one in tried), default=0) + 1
    shares = [llm_designs(tried, after + step, batch) for step in range(9)]
    assert all(0 <= share <= max(1, batch // 2) for share in shares)
    assert any(shares)
