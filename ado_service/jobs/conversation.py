"""The conversation of a job with its LLM: who is asked, and what the job says of it."""

from __future__ import annotations

from functools import partial

from ado_service.job_config import JobConfig, Method, Start
from ado_service.jobs.transcript_log import StoreTranscriptLog, recorded_turn
from ado_service.llm.budget import Budget
from ado_service.llm.chat import Chat
from ado_service.llm.endpoints import Endpoints, UnknownProfileError
from ado_service.llm.recorded import RecordedChat
from ado_service.llm.replay import ReplayedChat
from ado_service.proposers.llm_agent import LLMAgent
from ado_service.proposers.models import model_judge
from ado_service.store.job_record import JobRecord
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from ado_service.wording import counted
from prompts.version import PROMPT_VERSION

NO_LLM = "no LLM profile: ado-llm runs as pure GP-BO (see `ado run --help`)"


class Conversation:
    """What a leased job says to its LLM and hears from it, all of it on record.

    Args:
        store: the design database.
        endpoints: who can be asked.
        job: whose conversation it is.
        lease: of the job; every write is fenced by it.
    """

    def __init__(self, store: Store, endpoints: Endpoints, job: JobRecord, lease: Lease) -> None:
        self._store, self._endpoints = store, endpoints
        self._job, self._lease = job, lease

    def agent(self) -> LLMAgent | None:
        """The agent of this job; None, with a note where that may surprise, if it asks nobody."""
        config = self._job.config
        if not _asks_llm(config):
            return None
        chat = self._chat()
        if chat is None:
            if config.llm is None and config.method is Method.ADO_LLM:
                self._note(NO_LLM)
            return None
        judge = model_judge(config.model.value)
        return LLMAgent(
            chat,
            config.demonstrations.value,
            config.top_k,
            candidates=config.candidates,
            judge=judge,
        )

    def _chat(self) -> Chat | None:
        """Another job's conversation again, or one with the job's model, or none."""
        config, log = self._job.config, StoreTranscriptLog(self._store, self._lease)
        if config.replay is not None:
            return ReplayedChat(partial(recorded_turn, self._store, config.replay), log)
        if config.llm is None:
            return None
        try:
            caller = self._endpoints.caller(config.llm)
        except UnknownProfileError as error:
            self._note(f"{error}; the job goes on without an LLM")
            return None
        return RecordedChat(
            caller,
            log,
            Budget.of(caller.profile),
            profile_name=config.llm,
            prompt_version=PROMPT_VERSION,
            seed=config.seed,
        )

    def say_what_failed(self) -> None:
        """Note on the job how many turns gave nothing, and why."""
        turns = self._store.transcripts.of_job(self._job.id)
        failed = [turn for turn in turns if turn.failure is not None]
        useless = [turn for turn in turns if turn.failure is None and not turn.accepted]
        said = []
        if failed:
            last = failed[-1]
            said.append(
                f"{len(failed)} of {len(turns)} turns failed "
                f"(the last: {last.failure}, {last.detail[:200]})"
            )
        if useless and len(failed) + len(useless) == len(turns):
            why = useless[-1].rejected or ("it gave no design",)
            said.append(
                f"no design that could be simulated in {counted(len(useless), 'reply', 'replies')} "
                f"(the last: {why[-1][:200]})"
            )
        if said:
            name = self._job.config.llm or self._job.config.replay
            self._note(f"LLM {name}: {'; '.join(said)}; the GP took their slots")

    def _note(self, message: str) -> None:
        self._store.leases.note(self._lease, message)


def _asks_llm(config: JobConfig) -> bool:
    return config.method in {Method.ADO_LLM, Method.LLM} or config.start is Start.LLM
