"""A job in this process: worked on here, or watched while another runner has it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from ado_service.commands.console import FAILED, err, fail
from ado_service.commands.job_watch import JobWatch, watched
from ado_service.commands.signals import at_first_signal
from ado_service.jobs.runner_name import runner_name
from ado_service.local_llm.hosted_models import HostedModels
from ado_service.model_registry import ModelRegistry
from ado_service.settings import Settings
from ado_service.store.job_record import JobRecord, JobState, WantedState
from ado_service.store.store import Store

_WATCH_SECONDS = 0.5
_UNDER_WAY = {JobState.QUEUED, JobState.RUNNING}


def work_here(store: Store, settings: Settings, job: JobRecord, *, quiet: bool) -> None:
    """Run the job here; while another runner has it, watch that one and stand by."""
    drain, owner = threading.Event(), runner_name()
    models = HostedModels(ModelRegistry(store))
    with (
        closing(models),
        _paused_by_signals(store, job.id, drain, models),
        watched(store, job, quiet=quiet) as watch,
    ):
        # torch and the client take seconds to import: not for --help
        from ado_service.jobs.runner import Runner
        from ado_service.llm.endpoints import Endpoints

        runner = Runner(store, settings, Endpoints(settings.llm_profiles, models), drain.is_set)
        while not drain.is_set() and store.jobs.get(job.id).state in _UNDER_WAY:
            watch()
            lease = store.leases.claim(owner, settings.lease_seconds, job.id)
            if lease is None:
                _say_who_is_waited_for(store, job.id, watch)
                drain.wait(_WATCH_SECONDS)
            elif (fault := runner.run(lease, watch)) is not None:
                store.jobs.set_wanted_state(job.id, WantedState.PAUSE)
                fail(f"{fault}; go on with: ado run --resume {job.id}", FAILED)
        watch()


def _say_who_is_waited_for(store: Store, job_id: str, watch: JobWatch) -> None:
    seconds = store.leases.seconds_left(job_id)
    if seconds is not None:
        watch.say_once(
            "waiting",
            "another runner has this job: its progress is shown here; should it have died, this "
            f"one takes over when its lease runs out, in {max(1, round(seconds))} s",
        )


@contextmanager
def _paused_by_signals(
    store: Store, job_id: str, drain: threading.Event, models: HostedModels
) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM pauses the job, a second one ends the process."""

    def pause() -> None:
        drain.set()
        models.stop()  # an answer under way is asked for again when the job goes on
        err.print(f"pausing; go on with: ado run --resume {job_id}")

    try:
        with at_first_signal(pause):
            yield
    finally:
        if drain.is_set() and not store.jobs.get(job_id).state.ended:
            store.jobs.set_wanted_state(job_id, WantedState.PAUSE)
