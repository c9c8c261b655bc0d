"""Tunings in processes of their own: killed, stopped, short of memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from ado_service.settings import Settings
from ado_service.store.store import Store
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningRecord
from ado_service.tunings.runner import TuningRunner
from ado_service.tunings.submit import submit
from ado_service.tunings.worker import TuningWorker
from tests.ado_service.test_kill import children, wait_until
from tests.ado_service.tunings.conftest import Scene
from tests.ado_service.tunings.scene import environment, settings

CONFIG = TuningConfig(
    model="tiny", sources=("divider",), steps=60, batch=2, reduction=4, trials=0, save_every=5
)


def reaches(store: Store, tuning_id: str, step: int) -> Callable[[], bool]:
    return lambda: store.tunings.get(tuning_id).step >= step


def finish(scene: Scene, tuning_id: str) -> TuningRecord:
    """Run it here, as soon as nobody else does."""
    runner, leases = TuningRunner(scene.store, scene.settings), scene.store.tuning_leases
    while not scene.store.tunings.get(tuning_id).state.ended:
        lease = leases.claim("test", 60, tuning_id)
        if lease is not None:
            runner.run(lease)
        time.sleep(0.05)
    return scene.store.tunings.get(tuning_id)


def weights(scene: Scene, name: str) -> dict[str, Any]:
    return load_file(scene.store.models.get(name).path / "adapter.safetensors")


@pytest.mark.slow
def test_a_killed_tuning_ends_with_the_weights_of_an_undisturbed_one(scene: Scene) -> None:
    command = [sys.executable, "-m", "ado_service.cli", "tune", "tiny", "--from", "divider"]
    command += ["--steps", "60", "--batch", "2", "--r", "4", "--trials", "0", "--save-every", "5"]
    process = subprocess.Popen(
        [*command, "--name", "killed", "--json"], env=environment(scene), stdout=subprocess.DEVNULL
    )
    wait_until(lambda: scene.store.tunings.page().items, 180)
    [tuning] = scene.store.tunings.page().items
    wait_until(reaches(scene.store, tuning.id, 12), 180)
    process.kill()
    process.wait()
    assert scene.store.tunings.get(tuning.id).state == "running"
    assert finish(scene, tuning.id).state == "completed"
    told = [one.data["step"] for one in scene.store.tunings.events_after(tuning.id)
            if one.kind == "progress"]  # fmt: skip
    states = [one.data["state"] for one in scene.store.tunings.events_after(tuning.id)
              if one.kind == "state"]  # fmt: skip
    assert states == ["running", "running", "completed"]
    assert told[-1] == 60
    whole, _ = submit(scene.store, CONFIG, "whole")
    assert finish(scene, whole.id).state == "completed"
    killed, undisturbed = weights(scene, "killed"), weights(scene, "whole")
    assert killed.keys() == undisturbed.keys()
    assert all(killed[name].equal(undisturbed[name]) for name in killed)


@contextmanager
def working(store: Store, chosen: Settings) -> Iterator[TuningWorker]:
    worker = TuningWorker(store, chosen)
    worker.start()
    try:
        yield worker
    finally:
        assert worker.stop(180)


@pytest.mark.slow
def test_a_worker_hands_back_when_it_is_stopped_and_the_next_goes_on(scene: Scene) -> None:
    # The lease is shorter than it takes the process to import torch.
    chosen = settings(scene.folder, lease_seconds=3)
    tuning, _ = submit(scene.store, CONFIG.model_copy(update={"steps": 80}))
    with working(scene.store, chosen):
        wait_until(reaches(scene.store, tuning.id, 10), 180)
        [child] = children(os.getpid())
        assert os.getpriority(os.PRIO_PROCESS, child) >= 10
    assert not Path(f"/proc/{child}").exists()
    handed_back = scene.store.tunings.get(tuning.id)
    assert handed_back.state == "queued"
    with working(scene.store, chosen):
        wait_until(lambda: scene.store.tunings.get(tuning.id).state.ended, 180)
    ended = scene.store.tunings.get(tuning.id)
    assert (ended.state, ended.step) == ("completed", 80), ended.message
    told = [one.data["step"] for one in scene.store.tunings.events_after(tuning.id)
            if one.kind == "progress"]  # fmt: skip
    assert told == sorted(told), "it goes on where it stopped"


def test_a_process_that_is_killed_twice_at_the_same_step_has_no_bad_luck(scene: Scene) -> None:
    tuning, _ = submit(scene.store, CONFIG)
    with working(scene.store, scene.settings):
        for _ in range(2):
            wait_until(lambda: children(os.getpid()), 180)
            [child] = children(os.getpid())
            os.kill(child, signal.SIGKILL)
            wait_until(lambda gone=child: gone not in children(os.getpid()), 180)
        wait_until(lambda: scene.store.tunings.get(tuning.id).state.ended, 180)
    failed = scene.store.tunings.get(tuning.id)
    assert failed.state == "failed"
    assert "killed (SIGKILL), for the second time since step 0; probably memory" in failed.message
    assert not (scene.folder / "tunings" / tuning.id).exists(), "there is nothing to go on from"


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from ado_service.settings import Settings
from ado_service.store.store import Store
from ado_service.tunings import run
from ado_service.tunings.runner import TuningRunner
status = Path("/proc/self/status").read_text()
data = 1024 * int(status.split("VmData:")[1].split()[0])
settings = Settings()
with Store.open(settings.database_url) as store:
    lease = store.tuning_leases.claim("test", 60, sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (data + 150 * 2**20,) * 2)
    TuningRunner(store, settings).run(lease)
"""


@pytest.mark.parametrize("method", ["qst", "full"])
def test_memory_that_runs_out_is_said(scene: Scene, method: str) -> None:
    config = TuningConfig.model_validate(CONFIG.model_dump() | {"batch": 200, "method": method})
    tuning, _ = submit(scene.store, config)
    subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, tuning.id], env=environment(scene), check=True
    )
    failed = scene.store.tunings.get(tuning.id)
    assert failed.state == "failed"
    assert failed.message.startswith("memory ran out; take a smaller batch")
    assert [one.name for one in scene.store.models.list()] == ["tiny"]
    assert not (scene.folder / "tunings" / tuning.id).exists()
