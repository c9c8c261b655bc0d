"""A farm of two workers for all tests of a module that leave it whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.farm.own_farm import OwnFarm


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[OwnFarm]:
    """A farm of one test's own, without workers."""
    with OwnFarm(tmp_path) as own:
        yield own


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnFarm]:
    with OwnFarm(tmp_path_factory.mktemp("farm")) as own:
        own.add_worker()
        own.add_worker()
        own.wait_for(2)
        yield own
