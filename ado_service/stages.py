"""Who proposes what in which round: the methods, as sequences of stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ado_service.credit import Tried, llm_designs
from ado_service.job_config import JobConfig, LlmShare, Method, Start
from ado_service.llm.breaker import Breaker
from ado_service.proposers.llm_agent import LLMAgent
from ado_service.proposers.prior import PriorProposer
from ado_service.proposers.protocol import History, Proposal, Proposer
from ado_service.proposers.space_filling import RandomProposer, SobolProposer


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a round: one proposer and its share.

    Attributes:
        name: recorded with each design; unique within its round.
        proposer: who is asked.
        share: how many designs it may propose; None for the rest of the round.
    """

    name: str
    proposer: Proposer
    share: int | None = None

    def size(self, left: int) -> int:
        """How many designs to ask for when `left` of the round are still open."""
        return left if self.share is None else min(self.share, left)


@dataclass
class LLMProposer:
    """The agent of one round behind a breaker; a round it gives nothing for is the GP's."""

    agent: LLMAgent | None
    breaker: Breaker
    round_number: int
    name: str = field(default="llm", init=False)

    def propose(self, history: History, n: int, seed: int) -> list[Proposal]:
        """Up to `n` designs of the LLM; none when it fails, is left alone for now, or is away."""
        if self.agent is None or not self.breaker.allows(self.round_number):
            return []
        proposals = self.agent.at(self.round_number).propose(history, n, seed)
        self.breaker.record(self.round_number, len(proposals))
        return proposals


class Stages:
    """The stages of a job's rounds.

    Args:
        config: method, start, batch, the LLM's share, whether there is a warm start.
        gp: proposes what nobody else does.
        agent: the LLM; None where there is none. A job that names one keeps its LLM stages all the
            same (the GP fills them), so that a runner without the profile finds what others
            recorded.
    """

    def __init__(self, config: JobConfig, gp: Proposer, agent: LLMAgent | None) -> None:
        self._config = config
        self._gp = gp
        self._agent = agent
        self._breaker = Breaker()
        self._names_llm = config.llm is not None or config.replay is not None

    def round_size(self, round_number: int) -> int:
        """How many designs a round has."""
        return self._config.initial if round_number == 0 else self._config.batch

    def of_round(self, round_number: int, tried: Sequence[Tried]) -> Sequence[Stage]:
        """The stages of a round, in the order in which they are simulated.

        The LLM's design comes first, so that the GP is refitted with it before it proposes the
        rest (ADO-LLM, ICCAD 2024).

        Args:
            round_number: 0 for the initial designs.
            tried: the designs of all rounds before, by index; the stages follow from them alone.
        """
        if round_number == 0:
            return self._initial()
        match self._config.method:
            case Method.RANDOM:
                return [Stage("random", RandomProposer())]
            case Method.ADO_LLM:
                share = self._llm_share(round_number, tried)
                return [*self._llm(round_number, share), Stage("gp", self._gp)]
            case Method.LLM:
                return [*self._llm(round_number, None), Stage("gp", self._gp)]
            case Method.GP_BO:
                return [Stage("gp", self._gp)]

    def came_from_record(self, round_number: int, stage: Stage, designs: int) -> None:
        """A resumed job found a stage's designs on record: the breaker hears of it."""
        if isinstance(stage.proposer, LLMProposer):
            self._breaker.record(round_number, designs)

    def _llm_share(self, round_number: int, tried: Sequence[Tried]) -> int:
        if self._config.llm_share is LlmShare.FIXED:
            return 1
        return llm_designs(tried, round_number, self._config.batch)

    def _initial(self) -> list[Stage]:
        """The best designs of a warm start, all but one of the round, then the method's start."""
        warm = [Stage("prior", PriorProposer(), self._config.initial - 1)]
        return [*(warm if self._config.warm_start else []), *self._start()]

    def _start(self) -> list[Stage]:
        start = self._config.start
        uses_llm = self._config.method in {Method.ADO_LLM, Method.LLM}
        if start is Start.LLM or (start is Start.AUTO and uses_llm and self._names_llm):
            return [*self._llm(0, None), Stage("sobol", SobolProposer())]
        if start is Start.SOBOL:
            return [Stage("sobol", SobolProposer())]
        return [Stage("random", RandomProposer())]

    def _llm(self, round_number: int, share: int | None) -> list[Stage]:
        if not self._names_llm or share == 0:
            return []
        return [Stage("llm", LLMProposer(self._agent, self._breaker, round_number), share)]
