"""Runs one claimed job to its end, or hands it back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import structlog

from ado_service.job_config import Gating
from ado_service.jobs.asked import SubmissionError, job_objective, job_specs
from ado_service.jobs.conversation import NO_LLM, Conversation
from ado_service.jobs.lease import LeaseKeeper
from ado_service.jobs.prior_designs import read_prior
from ado_service.jobs.simulator import open_simulator
from ado_service.jobs.stop_watch import StopWatch
from ado_service.jobs.store_ledger import StoreLedger
from ado_service.ledger import Stopped
from ado_service.llm.chat import ChatClosed
from ado_service.llm.endpoints import Endpoints
from ado_service.local_llm.hosted_models import HostedModels
from ado_service.loop import Loop
from ado_service.model_registry import ModelRegistry
from ado_service.proposers.models import model_proposer
from ado_service.settings import Settings
from ado_service.stages import Stages
from ado_service.store.errors import DatabaseUnavailable, LeaseLost
from ado_service.store.job_record import JobRecord, JobState
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.errors import CircuitError
from simulators.check import try_circuit
from simulators.gating import Gate
from simulators.ngspice.errors import SimulatorClosedError, SimulatorError
from simulators.protocol import Simulator

__all__ = ["NO_LLM", "Runner"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a run ended: the state to leave the job in, why, and whether this machine is to blame."""

    state: JobState
    message: str = ""
    machine_fault: bool = False


class Runner:
    """Runs claimed jobs, one at a time.

    Args:
        store: the design database.
        settings: simulator hosts, lease time, LLM profiles.
        endpoints: LLM callers, shared by all runners of the process; by default those of the
            settings, and the models on record, loaded for this runner.
        drain: says whether jobs are to be handed back.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        endpoints: Endpoints | None = None,
        drain: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._settings = settings
        self._endpoints = endpoints or Endpoints(
            settings.llm_profiles, HostedModels(ModelRegistry(store))
        )
        self._drain = drain

    def run(self, lease: Lease, watch: Callable[[], None] = lambda: None) -> str | None:
        """Run the leased job and give it back: finished, failed, or as the user wants it.

        Whatever goes wrong inside the job ends as its `failed` state with a message. What is this
        machine's fault does not: the job is handed back for another. A lost lease or database
        leaves the job to whoever claims it next.

        Args:
            lease: of the job; it ends here.
            watch: called whenever something was written, for progress bars.

        Returns:
            What is wrong with this machine or the database; None when nothing is.
        """
        log = _log.bind(job=lease.job_id)
        try:
            with LeaseKeeper(self._store.leases, lease, self._settings.lease_seconds) as keeper:
                ending = self._ending(lease, keeper, watch)
            self._store.leases.release(lease, ending.state, ending.message)
        except LeaseLost:
            log.warning("lease_lost")
            return None
        except DatabaseUnavailable as error:
            log.warning("database_unavailable", detail=str(error))
            return str(error)
        log.info("job_released", state=ending.state.value, message=ending.message)
        return ending.message if ending.machine_fault else None

    def _ending(self, lease: Lease, keeper: LeaseKeeper, watch: Callable[[], None]) -> _Ending:
        try:
            self._size(lease, keeper, watch)
        except (Stopped, SimulatorClosedError, ChatClosed):  # the watch closes the simulator
            return _Ending(JobState.QUEUED)
        except (CircuitError, SubmissionError) as error:
            return _Ending(JobState.FAILED, str(error))
        except (SimulatorError, OSError) as error:
            return _Ending(JobState.QUEUED, f"this machine cannot run it: {error}", True)
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception as error:
            # The last resort: a job must end in a true state even over a mistake of ours.
            _log.exception("job_failed", job=lease.job_id)
            kind = type(error).__name__
            return _Ending(JobState.FAILED, f"internal error ({kind}); see the runner's log")
        return _Ending(JobState.FINISHED)

    def _size(self, lease: Lease, keeper: LeaseKeeper, watch: Callable[[], None]) -> None:
        job = self._store.jobs.get(lease.job_id)
        circuit = self._store.circuits.get(job.circuit_hash).definition
        specs = job_specs(circuit, job.config)
        conversation = Conversation(self._store, self._endpoints, job, lease)
        agent = conversation.agent()
        objective = job_objective(circuit, job.config)
        ledger = StoreLedger(
            self._store, lease, keeper, specs, objective, drain=self._drain, watch=watch
        )
        stages = Stages(job.config, model_proposer(objective, job.config.model.value), agent)
        if job.simulations == 0:
            self._try(circuit, job, ledger)
        gate = Gate(specs) if job.config.gating is Gating.SPECS else None
        with (
            open_simulator(
                circuit,
                self._settings,
                self._store,
                time_limit=job.config.time_limit,
                gate=gate,
                fast=job.config.fast,
            ) as simulator,
            self._verifier(circuit, job, gate) as verifier,
            StopWatch(ledger.check, partial(_close, simulator, verifier)),
        ):
            prior = read_prior(self._store, circuit, specs, job.id)
            Loop(circuit, job.config, specs, stages, simulator, ledger, verifier, prior).run()
        if agent is not None:
            conversation.say_what_failed()

    def _try(self, circuit: Circuit, job: JobRecord, ledger: StoreLedger) -> None:
        """Simulate the circuit's own sizes, all of it, whatever the job's gate would skip."""
        with (
            open_simulator(
                circuit, self._settings, self._store, time_limit=job.config.time_limit, processes=1
            ) as simulator,
            StopWatch(ledger.check, simulator.close),
        ):
            try_circuit(circuit, simulator)

    def _verifier(
        self, circuit: Circuit, job: JobRecord, gate: Gate | None
    ) -> AbstractContextManager[Simulator | None]:
        """A simulator that reloads, for the best designs of a fast job; None for other jobs."""
        if not job.config.fast:
            return nullcontext()
        return open_simulator(
            circuit,
            self._settings,
            self._store,
            time_limit=job.config.time_limit,
            processes=1,
            gate=gate,
        )


def _close(*simulators: Simulator | None) -> None:
    for simulator in simulators:
        if simulator is not None:
            simulator.close()
