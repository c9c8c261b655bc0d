"""What is the machine's fault ends no tuning: its checkpoints stay, and it goes on from them."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ado_service.store.errors import DatabaseUnavailable
from ado_service.store.tuning_config import TuningConfig
from ado_service.store.tuning_record import TuningRecord, WantedTuning
from ado_service.tunings.process_end import MACHINE_FAULT, death
from ado_service.tunings.runner import TuningRunner
from ado_service.tunings.submit import submit
from ado_service.tunings.worker import TuningWorker
from tests.ado_service.test_kill import children, wait_until
from tests.ado_service.tunings.conftest import Scene
from tests.ado_service.tunings.scene import environment, saved_steps

CONFIG = TuningConfig(
    model="tiny", sources=("divider",), steps=6, batch=1, reduction=4, trials=0, save_every=2,
    method="full",
)  # fmt: skip
RUN = """
import resource, sys
from pathlib import Path
from ado_service.settings import Settings
from ado_service.store.store import Store
from ado_service.tunings import run  # before the limit: its libraries take memory
from ado_service.tunings.runner import TuningRunner
import tests.ado_service.tunings.limits as limits
settings = Settings()
with Store.open(settings.database_url) as store:
    lease = store.tuning_leases.claim("test", 60, sys.argv[1])
    limits.apply(sys.argv[2])
    print(TuningRunner(store, settings).run(lease))
"""


def begun(scene: Scene, config: TuningConfig = CONFIG) -> str:
    """A tuning with a checkpoint of its second step, handed back to the queue."""
    tuning, _ = submit(scene.store, config)
    handed_back = run(scene, tuning.id, drain=lambda: saved_steps(scene, tuning.id) == [2])
    assert handed_back.state == "queued", handed_back.message
    return tuning.id


def run(scene: Scene, tuning_id: str, drain: Callable[[], bool] = lambda: False) -> TuningRecord:
    lease = scene.store.tuning_leases.claim("test", 60, tuning_id)
    assert lease is not None
    TuningRunner(scene.store, scene.settings, drain).run(lease)
    return scene.store.tunings.get(tuning_id)


def limited(scene: Scene, tuning_id: str, limit: str) -> TuningRecord:
    """Run it in a process that gets so much of something and no more."""
    subprocess.run(
        [sys.executable, "-c", RUN, tuning_id, limit], env=environment(scene), check=True
    )
    return scene.store.tunings.get(tuning_id)


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A file system of `size` bytes."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine mounts no file system for us")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(file: Path) -> None:
    """Take all the room that there is."""
    with file.open("wb", buffering=0) as opened:
        while True:
            opened.write(b"\0" * 4096)


def test_a_full_disk_hands_it_back_and_loses_nothing(scene: Scene) -> None:
    tunings = scene.folder / "tunings"
    with small_disk(tunings, 40 * 2**20):
        tuning = begun(scene)
        assert saved_steps(scene, tuning) == [2]
        filler = tunings / "filler"
        with pytest.raises(OSError, match="No space"):
            fill(filler)
        handed_back = run(scene, tuning)
        assert handed_back.state == "queued", handed_back.message
        assert "No space left on device" in handed_back.message
        assert saved_steps(scene, tuning) == [2], "what was there stays, and no draft beside it"
        filler.unlink()
        ended = run(scene, tuning)
        assert (ended.state, ended.step) == ("completed", 6), ended.message


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["file", "memory"])
def test_what_a_process_may_not_have_is_no_reason_to_begin_anew(scene: Scene, limit: str) -> None:
    tuning = begun(scene, CONFIG.model_copy(update={"batch": 16 if limit == "memory" else 1}))
    handed_back = limited(scene, tuning, limit)
    assert handed_back.state == "queued", handed_back.message
    said = {"file": os.strerror(errno.EFBIG), "memory": "memory ran out"}
    assert said[limit] in handed_back.message
    assert saved_steps(scene, tuning) == [2]
    told = scene.store.tunings.events_after(tuning)[-1].id
    ended = run(scene, tuning)
    assert (ended.state, ended.step) == ("completed", 6), ended.message
    steps = [one.data["step"] for one in scene.store.tunings.events_after(tuning, told)
             if one.kind == "progress"]  # fmt: skip
    assert steps[0] == 3, "it went on, and did not begin anew"


def test_a_database_that_goes_away_costs_no_step(scene: Scene) -> None:
    tuning, _ = submit(scene.store, CONFIG.model_copy(update={"steps": 400, "save_every": 1000}))
    lease = scene.store.tuning_leases.claim("test", 0.1, tuning.id)
    assert lease is not None
    place = scene.folder / "designs.db"
    files = [place.with_name(place.name + end) for end in ("", "-wal", "-shm")]

    def go_away() -> None:
        if scene.store.tunings.get(tuning.id).step:
            scene.store._database.engine.dispose()
            for file in [one for one in files if one.exists()]:
                file.rename(file.with_name(f"away-{file.name}"))
            place.mkdir()

    fault = TuningRunner(scene.store, scene.settings).run(lease, go_away)
    assert fault is not None
    assert "does not answer" in fault
    [saved] = saved_steps(scene, tuning.id)
    assert saved > 1
    with pytest.raises(DatabaseUnavailable):
        scene.store.tunings.get(tuning.id)
    place.rmdir()
    for file in [one for one in files if one.with_name(f"away-{one.name}").exists()]:
        file.with_name(f"away-{file.name}").rename(file)
    told = scene.store.tunings.events_after(tuning.id)[-1].id
    run(scene, tuning.id, drain=lambda: scene.store.tunings.get(tuning.id).step > saved)
    steps = [one.data["step"] for one in scene.store.tunings.events_after(tuning.id, told)
             if one.kind == "progress"]  # fmt: skip
    assert steps[0] == saved + 1


def test_what_fails_late_keeps_its_checkpoints_and_can_be_taken_up_again(scene: Scene) -> None:
    tuning = begun(scene)
    worker = TuningWorker(scene.store, scene.settings)
    worker.start()
    try:
        for _ in range(2):
            wait_until(lambda: children(os.getpid()), 180)
            [child] = children(os.getpid())
            os.kill(child, signal.SIGKILL)
            wait_until(lambda gone=child: gone not in children(os.getpid()), 180)
        wait_until(lambda: scene.store.tunings.get(tuning).state.ended, 180)
    finally:
        assert worker.stop(180)
    failed = scene.store.tunings.get(tuning)
    assert failed.state == "failed"
    assert "killed (SIGKILL), for the second time since step 2" in failed.message
    assert "memory ran out: take a smaller batch" in failed.message
    assert saved_steps(scene, tuning) == [2]
    taken_up = scene.store.tunings.set_wanted_state(tuning, WantedTuning.RUN)
    assert (taken_up.state, taken_up.finished_at) == ("queued", None)
    ended = run(scene, tuning)
    assert (ended.state, ended.step) == ("completed", 6), ended.message
    assert saved_steps(scene, tuning) == []


def test_a_model_that_is_gone_for_a_while_costs_no_step(scene: Scene) -> None:
    tuning = begun(scene)
    weights = scene.folder / "tiny" / "model.safetensors"
    weights.rename(weights.with_name("away"))
    failed = run(scene, tuning)
    assert failed.state == "failed"
    assert str(scene.folder) not in failed.message
    assert str(scene.folder / "tiny") in failed.detail
    assert saved_steps(scene, tuning) == [2]
    weights.with_name("away").rename(weights)
    scene.store.tunings.set_wanted_state(tuning, WantedTuning.RUN)
    assert run(scene, tuning).state == "completed"


ENDS = {
    "sys.exit(0)": None,
    f"sys.exit({MACHINE_FAULT})": None,
    "sys.exit(3)": "ended by itself with exit status 3",
    "os.kill(os.getpid(), 9)": r"was killed \(SIGKILL\)",
    "os.kill(os.getpid(), signal.SIGSEGV)": r"crashed \(SIGSEGV\)",
    "os.abort()": r"crashed \(SIGABRT\)",
    "os.kill(os.getpid(), signal.SIGHUP)": "was ended by SIGHUP",
    "os.kill(os.getpid(), signal.SIGRTMIN + 1)": "was ended by signal 35",
}


@pytest.mark.parametrize("last_words", ENDS)
def test_deaths_are_told_apart_by_the_exit_status(last_words: str) -> None:
    no_core = "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
    program = f"import os, resource, signal, sys; {no_core}; {last_words}"
    status = subprocess.run([sys.executable, "-c", program], check=False).returncode
    found, expected = death(status), ENDS[last_words]
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(expected, found.what)


def test_a_process_without_its_database_has_not_died(scene: Scene) -> None:
    order = {
        "lease": ["tuning_a", "owner", 1],
        "settings": {"database_url": f"sqlite:///{scene.folder}", "data_dir": str(scene.folder)},
    }
    done = subprocess.run(
        [sys.executable, "-m", "ado_service.tunings"], input=json.dumps(order), text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == MACHINE_FAULT
