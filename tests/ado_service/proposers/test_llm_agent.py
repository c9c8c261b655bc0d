"""The LLM agent against a real server: what it asks, what it takes, what it turns away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ado_service.llm.budget import Budget
from ado_service.llm.chat import ChatFailure, Message, Reply, Usage
from ado_service.llm.client import OpenAIChat
from ado_service.llm.profile import LLMProfile
from ado_service.llm.recorded import MemoryLog, RecordedChat
from ado_service.proposers.judge import Opinion, Refusal
from ado_service.proposers.llm_agent import TURNS_A_ROUND, LLMAgent
from ado_service.proposers.protocol import History, Observation, Proposal, Proposer
from circuits.fom import judge
from tests.llm_server import (
    ScriptedLLM,
    Step,
    bad_json,
    designs,
    duplicate,
    empty,
    good,
    out_of_range,
    prose,
    server_error,
    text,
    truncated,
)
from tests.prompts.circuit import SPECS, small_circuit

CIRCUIT = small_circuit()
EMPTY = History(CIRCUIT, SPECS)
GOOD = {"w1": "12.5u", "r1": "10k", "c1": "1.5p", "m1": "3"}
VALUES = {"w1": 12.5e-6, "r1": 10e3, "c1": 1.5e-12, "m1": 3.0}


class Bench:
    """An agent on a scripted server, with its record."""

    def __init__(self, llm: ScriptedLLM, budget: Budget | None = None, **more: Any) -> None:
        self.llm = llm
        self.log = MemoryLog()
        profile = LLMProfile(base_url=llm.base_url, model="scripted", timeout=5, retries=0)
        self.agent = LLMAgent(RecordedChat(OpenAIChat(profile), self.log, budget), **more)


@pytest.fixture
def llm() -> Iterator[ScriptedLLM]:
    with ScriptedLLM() as server:
        yield server


def scripted(llm: ScriptedLLM, *script: Step, **more: Any) -> Bench:
    llm.script = script
    return Bench(llm, **more)


def observed(gains: Sequence[float | None]) -> History:
    """A history with one design for each gain; only a gain above 60 dB is feasible."""
    history = EMPTY
    for index, gain in enumerate(gains):
        values = CIRCUIT.from_unit([(index + 0.5) / len(gains)] * 4)
        metrics = {"gain": gain, "gbw": 2e6, "power": 1e-6}
        history = history.observe(values, metrics)
    return history


def test_it_is_a_proposer(llm: ScriptedLLM) -> None:
    proposer: Proposer = Bench(llm).agent
    assert proposer.name == "llm"
    assert len(proposer.propose(EMPTY, 3, seed=1)) == 3


def test_zero_shot_gives_new_designs_on_range_and_grid(llm: ScriptedLLM) -> None:
    bench = Bench(llm)
    turn = bench.agent.ask(EMPTY, 5, seed=1)
    assert (len(turn.proposals), turn.failure, turn.problems, turn.turns) == (5, None, [], 1)
    for proposal in turn.proposals:
        assert CIRCUIT.snap(proposal.values) == proposal.values
        assert (proposal.proposer, proposal.turn) == ("llm", 0)
        assert proposal.note == "The pair sets gm."
    assert "Example" not in llm.requests[0].prompt
    assert (bench.log.turns[0].accepted, bench.log.turns[0].rejected) == (5, ())
    assert turn.usage.tokens == 1200


def test_the_best_designs_are_shown_best_first(llm: ScriptedLLM) -> None:
    Bench(llm, top_k=3).agent.ask(observed([10, 70, None, 65, 20, 80]), 1, seed=1)
    prompt = llm.requests[0].prompt
    examples = prompt.split("## Example")[1:]
    assert [
        gain in shown for gain, shown in zip(["80 dB", "70 dB", "65 dB"], examples, strict=True)
    ]
    assert "# Task\n\nLearn from the examples" in prompt


def test_random_demonstrations_depend_on_the_seed_alone(llm: ScriptedLLM) -> None:
    history = observed([float(gain) for gain in range(40)])
    for round_number, seed in enumerate([1, 1, 2]):
        Bench(llm, demonstrations="random").agent.at(round_number).ask(history, 1, seed)
    prompts = [seen.prompt for seen in llm.requests]
    assert prompts[0] == prompts[1] != prompts[2]
    assert prompts[0].count("## Example") == 5


def test_without_demonstrations_none_are_shown(llm: ScriptedLLM) -> None:
    Bench(llm, demonstrations="none").agent.ask(observed([10, 70]), 1, seed=1)
    assert "Example" not in llm.requests[0].prompt


def test_failed_designs_are_shown_as_such(llm: ScriptedLLM) -> None:
    metrics = {"gain": None}
    seen = Observation(VALUES, metrics, judge(metrics, SPECS), {"xn1": "triode"}, "timeout")
    Bench(llm).agent.ask(History(CIRCUIT, SPECS, (seen,)), 1, seed=1)
    prompt = llm.requests[0].prompt
    assert "gain = could not be measured" in prompt
    assert "failed (timeout)" in prompt
    assert "xn1 (triode)" in prompt


def test_the_server_can_be_told_which_values_to_give() -> None:
    def choose(name: str, low: float, high: float, number: int, index: int) -> float:
        return VALUES[name] if name != "w1" else (index + 1) * 1e-6

    with ScriptedLLM(choose=choose) as llm:
        proposals = Bench(llm).agent.propose(EMPTY, 2, seed=1)
    assert [one.values for one in proposals] == [VALUES | {"w1": w} for w in (1e-6, 2e-6)]


def test_prose_around_the_answer_does_no_harm(llm: ScriptedLLM) -> None:
    assert len(scripted(llm, prose).agent.propose(EMPTY, 2, seed=1)) == 2


def test_a_poor_answer_is_repaired_in_the_same_conversation(llm: ScriptedLLM) -> None:
    bench = scripted(llm, out_of_range, good)
    turn = bench.agent.at(3).ask(EMPTY, 2, seed=1)
    assert (len(turn.proposals), turn.failure, turn.turns) == (2, None, 2)
    assert [proposal.turn for proposal in turn.proposals] == [31, 31]
    messages = llm.requests[1].body["messages"]
    assert [one["role"] for one in messages] == ["system", "user", "assistant", "user"]
    assert "12.5e9" in messages[2]["content"]
    assert "write the value with its SI prefix" in messages[3]["content"]
    assert bench.log.turns[30].accepted == 0
    assert "design 1: w1" in bench.log.turns[30].rejected[0]
    assert bench.log.turns[31].accepted == 2


def test_a_partly_good_answer_is_used_and_the_rest_asked_for(llm: ScriptedLLM) -> None:
    bench = scripted(llm, designs(GOOD, GOOD | {"w1": "far"}), good)
    turn = bench.agent.ask(EMPTY, 2, seed=1)
    assert [proposal.turn for proposal in turn.proposals] == [0, 1]
    assert turn.proposals[0].values == VALUES
    schema = llm.requests[1].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["designs"]["description"] == "Exactly 1 design."


def test_too_few_designs_are_asked_for_and_too_many_left(llm: ScriptedLLM) -> None:
    many = [GOOD | {"w1": f"{width}u"} for width in (1, 2, 3, 4)]
    turn = scripted(llm, designs(GOOD), designs(*many)).agent.ask(EMPTY, 3, seed=1)
    assert [p.values["w1"] for p in turn.proposals] == [12.5e-6, 1e-6, 2e-6]
    assert turn.problems == ["1 of 3 designs were given; give all"]


def test_a_known_design_is_turned_away(llm: ScriptedLLM) -> None:
    near = VALUES | {"w1": 12.52e-6}
    for history in (
        EMPTY.observe(near, {}),
        History(CIRCUIT, SPECS, pending=(near,)),
    ):
        turn = scripted(llm, designs(GOOD)).agent.ask(history, 1, seed=1)
        assert turn.proposals == []
        assert turn.turns == 2
        assert "w1 = 12.5um" in turn.problems[0]
        assert "the same as an earlier design" in turn.problems[0]


def test_a_design_given_twice_counts_once(llm: ScriptedLLM) -> None:
    turn = scripted(llm, designs(GOOD, GOOD), duplicate).agent.ask(EMPTY, 2, seed=1)
    assert [proposal.values for proposal in turn.proposals] == [VALUES]
    assert len(turn.problems) >= 2


def test_a_value_just_out_of_range_is_held_and_noted(llm: ScriptedLLM) -> None:
    turn = scripted(llm, designs(GOOD | {"w1": "60u"})).agent.ask(EMPTY, 1, seed=1)
    assert turn.proposals[0].values["w1"] == 50e-6
    assert turn.proposals[0].note.startswith("[w1 60um held at 50um] The pair")
    assert turn.problems == []


@pytest.mark.parametrize(
    ("step", "said"), [(empty, "answer was empty"), (truncated, "was cut off"), (bad_json, "JSON")]
)
def test_an_answer_without_designs_is_repaired(llm: ScriptedLLM, step: Step, said: str) -> None:
    turn = scripted(llm, step, good).agent.ask(EMPTY, 1, seed=1)
    assert (len(turn.proposals), turn.failure) == (1, None)
    roles = [one["role"] for one in llm.requests[1].body["messages"]]
    assert roles == (["system", "user", "assistant", "user"] if step is bad_json else roles[:2])
    assert said in llm.requests[1].prompt


def test_repairs_end(llm: ScriptedLLM) -> None:
    turn = scripted(llm, bad_json, repairs=2).agent.ask(EMPTY, 1, seed=1)
    assert (turn.proposals, turn.turns, len(llm.requests)) == ([], 3, 3)
    assert scripted(llm, bad_json, repairs=0).agent.ask(EMPTY, 1, seed=1).turns == 1


def test_a_failure_is_handed_on_at_once(llm: ScriptedLLM) -> None:
    bench = scripted(llm, server_error)
    turn = bench.agent.ask(EMPTY, 1, seed=1)
    assert (turn.proposals, turn.failure, turn.turns) == ([], ChatFailure.SERVER_ERROR, 1)
    assert "HTTP 500" in turn.detail
    assert bench.agent.at(1).propose(EMPTY, 1, seed=1) == []


def test_what_was_good_is_kept_when_the_repair_fails(llm: ScriptedLLM) -> None:
    turn = scripted(llm, designs(GOOD), server_error).agent.ask(EMPTY, 2, seed=1)
    assert (len(turn.proposals), turn.failure) == (1, ChatFailure.SERVER_ERROR)


def test_an_exhausted_budget_is_a_failure_without_a_request(llm: ScriptedLLM) -> None:
    turn = scripted(llm, good, budget=Budget(max_calls=0)).agent.ask(EMPTY, 1, seed=1)
    assert (turn.proposals, turn.failure) == ([], ChatFailure.BUDGET)
    assert llm.requests == []


def test_a_resumed_round_gives_the_same_designs_without_a_request(llm: ScriptedLLM) -> None:
    bench = scripted(llm, out_of_range, good)
    history = observed([10, 20])
    first = bench.agent.at(2).ask(history, 2, seed=1)
    again = bench.agent.at(2).ask(history, 2, seed=1)
    assert again == first
    assert len(llm.requests) == 2
    assert sorted(bench.log.turns) == [2 * TURNS_A_ROUND, 2 * TURNS_A_ROUND + 1]


def test_a_long_reply_is_not_sent_back_whole(llm: ScriptedLLM) -> None:
    scripted(llm, text("x" * 500_000), good).agent.ask(EMPTY, 1, seed=1)
    assert len(llm.requests[1].body["messages"][2]["content"]) <= 4_000


def test_a_history_with_foreign_designs_does_no_harm(llm: ScriptedLLM) -> None:
    history = EMPTY.observe({"w1": 1e-6}, {}).observe(VALUES | {"r1": -1.0}, {})
    assert len(Bench(llm).agent.propose(history, 1, seed=1)) == 1


def test_more_repairs_than_a_round_has_turns_are_refused(llm: ScriptedLLM) -> None:
    with pytest.raises(ValueError, match="repairs is 10; write 0 to 9"):
        Bench(llm, repairs=10)


class WidthJudge:
    """Holds every design to be hopeless whose w1 is beyond 10 um; remembers what it was told."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def judge(self, history: History, proposals: Sequence[Proposal], seed: int) -> list[Opinion]:
        self.asked.append((len(history.pending), seed))
        hopeless = Opinion(Refusal.HOPELESS, "too wide")
        return [hopeless if one.values["w1"] > 10e-6 else Opinion() for one in proposals]


def test_a_refused_design_is_on_record_and_gives_its_slot_back(llm: ScriptedLLM) -> None:
    slim = GOOD | {"w1": "5u"}
    bench = scripted(llm, designs(GOOD, slim), good, judge=WidthJudge())
    turn = bench.agent.ask(EMPTY, 2, seed=1)
    assert [one.values["w1"] for one in turn.proposals] == [5e-6]
    assert (turn.turns, turn.refused, len(llm.requests)) == (1, 1, 1), "nobody is asked again"
    said = ("the design with w1 = 12.5um, r1 = 10kOhm, c1 = 1.5pF, m1 = 3 was refused: "
            "hopeless (too wide)")  # fmt: skip
    assert turn.problems == [said]
    assert (bench.log.turns[0].accepted, bench.log.turns[0].rejected) == (1, (said,))


def test_what_is_missing_beside_a_refused_design_is_asked_for(llm: ScriptedLLM) -> None:
    judge = WidthJudge()
    slim = GOOD | {"w1": "5u"}
    bench = scripted(llm, designs(GOOD, slim), designs(slim | {"r1": "20k"}), judge=judge)
    turn = bench.agent.ask(History(CIRCUIT, SPECS, pending=(VALUES | {"m1": 8.0},)), 3, seed=9)
    assert [one.values["r1"] for one in turn.proposals] == [10e3, 20e3]
    assert (turn.turns, turn.refused) == (2, 1)
    schema = llm.requests[1].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["designs"]["description"] == "Exactly 1 design."
    assert judge.asked == [(1, 9), (2, 9)], "what was taken before is pending to the judge"


def test_a_near_duplicate_gives_its_slot_back(llm: ScriptedLLM) -> None:
    near = VALUES | {"w1": 12.7e-6}
    turn = scripted(llm, designs(GOOD)).agent.ask(EMPTY.observe(near, {}), 1, seed=1)
    assert (turn.proposals, turn.turns, turn.refused) == ([], 1, 1)
    assert "was refused: duplicate (within 0.01 of every axis of another)" in turn.problems[0]


class NarrowJudge(WidthJudge):
    """Of what it accepts, the narrower is the better."""

    def judge(self, history: History, proposals: Sequence[Proposal], seed: int) -> list[Opinion]:
        found = zip(super().judge(history, proposals, seed), proposals, strict=True)
        return [replace(opinion, merit=-one.values["w1"]) for opinion, one in found]


def of_widths(*widths: str) -> Step:
    return designs(*(GOOD | {"w1": width} for width in widths))


def test_of_several_candidates_those_of_most_merit_are_proposed(llm: ScriptedLLM) -> None:
    history = observed([10.0])
    widths = ("9u", "20u", "3u", "6u", "30u", "40u")
    bench = scripted(llm, of_widths(*widths), candidates=3, judge=NarrowJudge())
    turn = bench.agent.ask(history, 2, seed=1)
    assert [one.values["w1"] for one in turn.proposals] == [3e-6, 6e-6]
    schema = llm.requests[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["designs"]["description"] == "Exactly 6 designs."
    assert (turn.turns, turn.refused, turn.problems) == (1, 0, []), "spare designs are no problem"
    bench = scripted(llm, of_widths("20u", "3u", "30u"), candidates=3, judge=NarrowJudge())
    turn = bench.agent.ask(history, 2, seed=1)
    assert [one.values["w1"] for one in turn.proposals] == [3e-6]
    assert (turn.turns, turn.refused, len(turn.problems)) == (1, 1, 1), "one slot stays empty"


def test_before_anything_is_simulated_nobody_could_choose(llm: ScriptedLLM) -> None:
    turn = scripted(llm, good, candidates=4).agent.ask(EMPTY, 2, seed=1)
    assert len(turn.proposals) == 2
    schema = llm.requests[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["designs"]["description"] == "Exactly 2 designs."


def test_too_few_candidates_fill_the_slots_all_the_same(llm: ScriptedLLM) -> None:
    bench = scripted(llm, of_widths("5u", "5u"), candidates=4)
    turn = bench.agent.ask(observed([10.0]), 1, seed=1)
    assert (len(turn.proposals), turn.turns, turn.problems) == (1, 1, [])


class Babble:
    """A chat that says whatever it is given."""

    def __init__(self, said: str) -> None:
        self.said = said

    def complete(self, turn: int, messages: Sequence[Message], schema: Mapping[str, Any]) -> Reply:
        return Reply(self.said, usage=Usage(calls=1))

    def judged(self, turn: int, accepted: int, rejected: Sequence[str]) -> None:
        """Nothing is noted."""


written = st.floats().map(str) | st.sampled_from(["1u", "60u", "10k", "1.5p", "3", "0", "", "nan"])


@settings(max_examples=200)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(GOOD, written)), max_size=4), st.integers(1, 3))
def test_whatever_is_said_proposals_are_allowed_and_new(listed: list[Any], count: int) -> None:
    said = str({"designs": listed}).replace("'", '"')
    proposals = LLMAgent(Babble(said)).propose(EMPTY, count, seed=1)
    assert len(proposals) <= count
    points = [CIRCUIT.to_unit(proposal.values) for proposal in proposals]
    assert all(0 <= coordinate <= 1 for point in points for coordinate in point)
    assert len({tuple(point) for point in points}) == len(points)
