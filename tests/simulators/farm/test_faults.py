"""Farms that are not as they should be: who is told what, and what is done about it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import distributed
import pytest

from simulators.farm.errors import FarmLostError, FarmUnreachableError, FarmVersionError
from simulators.farm.fingerprint import fingerprint
from simulators.farm.pool import DaskPool
from simulators.ngspice.errors import LibraryMissingError
from simulators.open import open_pool
from tests.simulators.farm.own_farm import ROOT, OwnFarm
from tests.simulators.small import DIVIDER, circuit

FAST = circuit(DIVIDER)
DESIGNS = [{"r": 1e3 + 10 * place} for place in range(30)]
NOWHERE = "/nonexistent/libngspice.so"


def test_a_worker_without_ngspice_is_left_out(farm: OwnFarm) -> None:
    farm.add_worker(ADO_LIBNGSPICE=NOWHERE)
    farm.add_worker()
    farm.wait_for(2)
    with DaskPool(FAST, address=farm.address) as pool:
        for _ in range(2):
            assert [one.failure for one in pool.run(DESIGNS)] == [None] * len(DESIGNS)


def test_no_worker_with_ngspice(farm: OwnFarm) -> None:
    farm.add_worker(ADO_LIBNGSPICE=NOWHERE)
    farm.wait_for(1)
    with DaskPool(FAST, address=farm.address) as pool:
        with pytest.raises(LibraryMissingError, match=r"worker tcp://.*install libngspice0"):
            pool.run(DESIGNS)
        farm.add_worker()
        farm.wait_for(2)
        assert pool.run([{"r": 1e3}])[0].failure is None, "the machine that can is found"


def test_a_worker_of_another_version_is_left_out(farm: OwnFarm, tmp_path: Path) -> None:
    other = other_sources(tmp_path)
    farm.add_worker(sources=other, PYTHONPATH=str(other))
    farm.wait_for(1)
    with DaskPool(FAST, address=farm.address) as pool:
        with pytest.raises(FarmVersionError) as raised:
            pool.run(DESIGNS)
        assert fingerprint() in str(raised.value)
        assert "install the same version on both (docs/farm.md)" in str(raised.value)
        farm.add_worker()
        farm.wait_for(2)
        assert [one.failure for one in pool.run(DESIGNS)] == [None] * len(DESIGNS)


def other_sources(folder: Path) -> Path:
    """This package with one more comment."""
    other = folder / "other"
    for package in ("circuits", "simulators"):
        shutil.copytree(ROOT / package, other / package)
    with (other / "simulators" / "regions.py").open("a", encoding="utf-8") as file:
        file.write("# another version\n")
    return other


def test_workers_that_have_not_the_package(
    farm: OwnFarm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bare Dask worker ends over a task that it cannot load; the batch is done all the same."""
    bare = tmp_path / "bare" / "simulators"
    bare.mkdir(parents=True)
    (bare / "__init__.py").write_text("raise ImportError('no ado-service here')\n")
    farm.add_worker(sources=bare.parent, PYTHONPATH=str(bare.parent))
    farm.wait_for(1)
    with DaskPool(FAST, address=farm.address, patience=1.0, processes=1) as pool:
        assert pool.run([{"r": 1e3}])[0].failure is None
    assert "have they this version of ado-service?" in caplog.text


def test_a_farm_without_workers_is_told_of_when_nobody_is_to_fall_back(farm: OwnFarm) -> None:
    with (
        DaskPool(FAST, address=farm.address, patience=1.0, fall_back=False) as pool,
        pytest.raises(FarmLostError, match="the farm has no workers"),
    ):
        pool.run([{"r": 1e3}])


def test_ado_doctor_asks_the_farm(farm: OwnFarm, tmp_path: Path) -> None:
    def farm_line() -> dict[str, object]:
        said = subprocess.run(
            [sys.executable, "-m", "ado_service.cli", "doctor", "--json"],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=200,
            env={**os.environ, "ADO_DASK_ADDRESS": farm.address, "ADO_DATA_DIR": str(tmp_path)},
        ).stdout  # fmt: skip
        [line] = [one for one in json.loads(said) if one["name"] == "farm"]
        return dict(line)

    assert farm_line()["ok"] is False
    farm.add_worker()
    farm.wait_for(1)
    line = farm_line()
    assert line["ok"] is True
    assert str(line["found"]).startswith(f"{farm.address}, ngspice-")


def test_nobody_is_at_the_address() -> None:
    with (
        DaskPool(FAST, address="tcp://127.0.0.1:9") as pool,
        pytest.raises(FarmUnreachableError, match=r"tcp://127.0.0.1:9 .* unset ADO_DASK_ADDRESS"),
    ):
        pool.run([{"r": 1e3}])


def test_no_address_at_all() -> None:
    with (
        DaskPool(FAST, address="nonsense://x") as pool,
        pytest.raises(FarmUnreachableError, match="no Dask address: 'nonsense://x'"),
    ):
        pool.run([{"r": 1e3}])


WITHOUT_DASK = """
import sys
sys.modules["distributed"] = None  # as if it were not installed
from simulators.farm.pool import DaskPool
from tests.simulators.small import DIVIDER, circuit
try:
    DaskPool(circuit(DIVIDER), address="tcp://127.0.0.1:9").run([{"r": 1e3}])
except Exception as error:
    print(type(error).__name__, error)
"""


def test_dask_is_not_installed() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_DASK], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("FarmExtraMissingError ")
    assert "pip install 'ado-service[farm]'" in said


def test_the_address_decides_between_machine_and_farm(farm: OwnFarm) -> None:
    farm.add_worker()
    farm.wait_for(1)
    with open_pool(FAST, processes=1) as here, open_pool(FAST, farm=farm.address) as there:
        one, two = here.run([{"r": 1e3}])[0], there.run([{"r": 1e3}])[0]
        assert isinstance(there, DaskPool)
        assert len(farm.host_pids()) == 1
    assert not isinstance(here, DaskPool)
    assert one.corners == two.corners


def test_a_client_that_does_not_start_is_tried_again(
    farm: OwnFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that stalls, Dask's own loop may not be up in time, which it asserts."""
    real, tries = distributed.Client, list[str]()

    def client(address: str, **options: Any) -> distributed.Client:
        tries.append(address)
        assert len(tries) > 1
        return real(address, **options)

    monkeypatch.setattr(distributed, "Client", client)
    farm.add_worker()
    farm.wait_for(1)
    with open_pool(FAST, farm=farm.address) as pool:
        assert pool.run([{"r": 1e3}])[0].failure is None
    assert len(tries) == 2


def test_without_a_farm_nothing_of_dask_is_imported() -> None:
    text = "import sys, simulators.open; print('distributed' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said == "False\n"
