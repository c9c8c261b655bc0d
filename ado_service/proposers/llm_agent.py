"""The LLM agent: designs from a model that is shown the circuit and the best designs so far.

ADO-LLM (ICCAD 2024): zero-shot while nothing is simulated, then in-context learning from
demonstrations. Unlike there, a poor answer neither ends the job nor is guessed at: it is repaired
in one more turn, and what is still missing is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from ado_service.llm.chat import Chat, ChatFailure, Message, Reply, Usage
from ado_service.proposers.demonstrations import Choice, choose
from ado_service.proposers.judge import Judge, NoveltyJudge
from ado_service.proposers.protocol import History, Proposal
from ado_service.proposers.screening import Screen, clamps
from circuits.units import format_quantity
from prompts.parse import ParsedAnswer, parse_answer
from prompts.render import few_shot, repair
from prompts.schema import answer_schema

TURNS_A_ROUND = 10
"""Turn numbers set aside for each round, so that they follow from the round alone."""

_MOST_ASKED = 8
"""Designs of one answer, where they are more than slots: long lists repeat themselves."""
_REMEMBERED_REPLY = 4_000
_NOTE = 2_000
_NAMED_VALUES = 4
_MENDED = {
    ChatFailure.TRUNCATED: "the answer was cut off at the length limit; keep the reasoning short",
    ChatFailure.EMPTY: "the answer was empty; give the JSON object",
}


@dataclass(frozen=True, slots=True)
class LLMTurn:
    """What asking the model once came to, repairs included.

    Attributes:
        proposals: new designs, at most as many as were asked for.
        failure: why the last reply was none; None when there was a reply.
        detail: the failure in words.
        problems: why designs in the replies were not used.
        refused: how many designs the judge refused; each gave its slot back.
        usage: calls, tokens, cost and seconds; of the record where a turn was on record.
        turns: how many turns were taken.
    """

    proposals: list[Proposal] = field(default_factory=list)
    failure: ChatFailure | None = None
    detail: str = ""
    problems: list[str] = field(default_factory=list)
    refused: int = 0
    usage: Usage = field(default_factory=Usage)
    turns: int = 0


@dataclass(frozen=True)
class LLMAgent:
    """Proposes designs by asking a model; use `at(round)` for the agent of a round.

    Attributes:
        chat: the job's conversation, on record.
        demonstrations: which designs are shown: `top`, `random` or `none`.
        top_k: how many.
        repairs: how many more turns an answer with problems gets.
        candidates: how many designs are asked for in place of one once something is simulated;
            those of most merit in the judge's opinion are proposed.
        judge: says which designs are worth their simulations; a design that it refuses is no
            reason to ask again: its slot is left to the caller.
        first_turn: number of this agent's first turn; the following ones are its repairs.
    """

    chat: Chat
    demonstrations: Choice = "top"
    top_k: int = 5
    repairs: int = 1
    candidates: int = 1
    judge: Judge = field(default_factory=NoveltyJudge)
    first_turn: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.repairs < TURNS_A_ROUND:
            raise ValueError(f"repairs is {self.repairs}; write 0 to {TURNS_A_ROUND - 1}")

    @property
    def name(self) -> str:
        """Short name, recorded with each design."""
        return "llm"

    def at(self, round_number: int) -> Self:
        """The agent of a round (0 is the initial one), with that round's turn numbers.

        They follow from the round alone, so that a resumed job finds its turns on record. Ask
        the agent of a round once.
        """
        return replace(self, first_turn=round_number * TURNS_A_ROUND)

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """Up to `n` designs; none when the model fails (`ask` tells why)."""
        return self.ask(history, n, seed).proposals

    def ask(self, history: History, n: int, seed: int) -> LLMTurn:
        """Up to `n` designs and how they were come by.

        Args:
            history: designs so far; pending ones are not proposed again.
            n: how many designs are wanted, at least 1.
            seed: chooses the random demonstrations.
        """
        conversation = self._opening(history, n, seed)
        seen = (one.values for one in history.observations)
        screen = Screen(history.circuit, [*seen, *history.pending])
        taken = LLMTurn()
        for turn in range(self.first_turn, self.first_turn + self.repairs + 1):
            missing = n - len(taken.proposals) - taken.refused
            asked = self._asked(history, missing)
            schema = answer_schema(history.circuit, asked)
            reply = self.chat.complete(turn, conversation, schema)
            proposals, problems = _read(reply, history, screen, turn, asked)
            slots = min(missing, len(proposals))
            if asked > missing:  # what is wrong with a spare design harms nobody
                problems = problems[: missing - slots]
            kept, refusals = self._worthwhile(history, taken.proposals, proposals, slots, seed)
            self.chat.judged(turn, len(kept), [*problems, *refusals])
            taken = _add(taken, reply, kept, problems, refusals)
            missing -= slots
            if missing == 0 or reply.failure not in {None, *_MENDED}:
                break
            conversation = _continued(conversation, reply, problems, missing)
        return taken

    def _worthwhile(
        self,
        history: History,
        earlier: Sequence[Proposal],
        proposals: Sequence[Proposal],
        slots: int,
        seed: int,
    ) -> tuple[list[Proposal], list[str]]:
        """The best `slots` proposals that the judge accepts, and why slots stay empty."""
        if not proposals:
            return [], []
        pending = (*history.pending, *(one.values for one in earlier))
        opinions = self.judge.judge(replace(history, pending=pending), proposals, seed)
        judged = list(zip(proposals, opinions, strict=True))
        refusals = [
            f"{_described(one.values, history)} was refused: {opinion}"
            for one, opinion in judged
            if not opinion.accepted
        ]
        accepted = [pair for pair in judged if pair[1].accepted]
        best = sorted(accepted, key=lambda pair: -(pair[1].merit or 0.0))  # stable: as they came
        kept = [one for one, _ in best[:slots]]
        return kept, refusals[: slots - len(kept)]

    def _asked(self, history: History, slots: int) -> int:
        """Designs to ask for. Nobody could choose among them before anything is simulated."""
        spare = self.candidates if history.observations else 1
        return max(slots, min(slots * spare, _MOST_ASKED))

    def _opening(self, history: History, n: int, seed: int) -> list[Message]:
        shown = choose(history, self.demonstrations, self.top_k, seed)
        asked = self._asked(history, n)
        prompt = few_shot(history.circuit, history.specs, shown, asked, history.objective)
        return [Message(one["role"], one["content"]) for one in prompt]


def _read(
    reply: Reply, history: History, screen: Screen, turn: int, missing: int
) -> tuple[list[Proposal], list[str]]:
    """Proposals in a reply, at most `missing`, and why there are not more."""
    if reply.failure is not None:
        return [], [_MENDED[reply.failure]] if reply.failure in _MENDED else []
    answer = parse_answer(reply.text, history.circuit)
    problems = list(answer.problems)
    proposals: list[Proposal] = []
    for design in answer.designs:
        if len(proposals) == missing:
            break
        values = screen.take(design)
        if values is None:
            problems.append(f"{_described(design, history)} is the same as an earlier design")
        else:
            note = _note(answer, clamps(history.circuit, design))
            proposals.append(Proposal(values, "llm", turn, note))
    if not problems and len(proposals) < missing:
        problems.append(f"{len(proposals)} of {missing} designs were given; give all")
    return proposals, problems


def _described(design: Mapping[str, float], history: History) -> str:
    """A design by its first values, so that the model knows which one is meant."""
    named = [
        f"{variable.name} = {format_quantity(design[variable.name], variable.unit)}"
        for variable in history.circuit.variables[:_NAMED_VALUES]
    ]
    return f"the design with {', '.join(named)}"


def _note(answer: ParsedAnswer, clamped: Sequence[str]) -> str:
    """What goes on record with a design: values that were held in range, then the reasoning."""
    held = f"[{'; '.join(clamped)}] " if clamped else ""
    return (held + answer.reasoning)[:_NOTE]


def _add(
    taken: LLMTurn,
    reply: Reply,
    proposals: Sequence[Proposal],
    problems: Sequence[str],
    refusals: Sequence[str],
) -> LLMTurn:
    return LLMTurn(
        proposals=[*taken.proposals, *proposals],
        failure=reply.failure,
        detail=reply.detail,
        problems=[*taken.problems, *problems, *refusals],
        refused=taken.refused + len(refusals),
        usage=taken.usage + reply.usage,
        turns=taken.turns + 1,
    )


def _continued(
    conversation: Sequence[Message], reply: Reply, problems: Sequence[str], missing: int
) -> list[Message]:
    """The conversation with the reply and what is wrong with it.

    A long reply is shortened: it is paid for again as prompt, and its end holds the designs. A
    reply without text adds no turn of the assistant, which many chat templates would refuse.
    """
    request = repair(problems, missing)["content"]
    if not reply.text:
        *earlier, last = conversation
        return [*earlier, Message(last.role, f"{last.content}\n\n{request}")]
    answered = Message("assistant", reply.text[-_REMEMBERED_REPLY:])
    return [*conversation, answered, Message("user", request)]
