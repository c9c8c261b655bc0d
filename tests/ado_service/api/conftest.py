"""Fixtures of the API's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ado_service.api.live import Live, serving, settings


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server without a key that runs no jobs, one for each file of tests."""
    with serving(settings(tmp_path_factory.mktemp("api"))) as server:
        yield server


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that runs jobs, one for each file of tests."""
    with serving(settings(tmp_path_factory.mktemp("api")), run_jobs=True) as server:
        yield server
