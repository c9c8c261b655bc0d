"""One job from submission to its end, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ado_service.job_config import JobConfig
from circuits.definition import Circuit

if TYPE_CHECKING:
    from ado_service.settings import Settings
    from ado_service.store.job_record import JobRecord
    from ado_service.store.store import Store


class JobFailedError(RuntimeError):
    """A job that did not come to its end; the text says why."""


def sized(
    store: Store, settings: Settings, circuit: Circuit, config: JobConfig, key: str | None = None
) -> JobRecord:
    """The finished job.

    Args:
        store: where it is put on record.
        settings: of this process.
        circuit: what is sized.
        config: how.
        key: a job that was begun under it goes on, and one that finished is taken as it is.

    Raises:
        JobFailedError: it failed, or this machine cannot run it.
    """
    from ado_service.jobs.runner import Runner  # torch takes seconds to import: not for --help
    from ado_service.jobs.submit import submit
    from ado_service.llm.endpoints import Endpoints
    from ado_service.local_llm.hosted_models import HostedModels
    from ado_service.model_registry import ModelRegistry
    from ado_service.store.job_record import JobState
    from ado_service.store.jobs import Idempotency

    asked = None if key is None else Idempotency(key, config.model_dump_json())
    job, _ = submit(store, settings, circuit, config, asked)
    if job.state is JobState.FINISHED:
        return job
    lease = store.leases.claim("benchmark", settings.lease_seconds, job.id)
    if lease is None:
        raise JobFailedError(f"{job.id} could not be claimed")
    models = HostedModels(ModelRegistry(store))
    try:
        fault = Runner(store, settings, Endpoints(settings.llm_profiles, models)).run(lease)
    finally:
        models.close()
    if fault is not None:
        raise JobFailedError(f"{job.id}: {fault}")
    ended = store.jobs.get(job.id)
    if ended.state is not JobState.FINISHED:
        raise JobFailedError(f"{job.id} {ended.state.value}: {ended.message}")
    return ended
