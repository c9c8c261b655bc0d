"""The models of this server, by name: each is loaded when it is first asked for, and kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ado_service.local_llm import LocalModelError, require_extra
from ado_service.local_llm.generation_error import EngineClosed

if TYPE_CHECKING:
    from ado_service.local_llm.engine import Engine

EngineFactory = Callable[[], "Engine"]
"""Loads a model, which takes seconds to minutes, and starts its engine.

Raises:
    LocalModelError: it cannot be loaded.
"""


class UnknownModelError(LookupError):
    """No model of that name; the message says what to do."""


class HostedModels:
    """Engines by the name of their model. Any thread may use it.

    Args:
        factories: of every model. It is looked at anew each time, so that models may come and go;
            an engine that is loaded stays until the end.
    """

    def __init__(self, factories: Mapping[str, EngineFactory] | None = None) -> None:
        self._factories = {} if factories is None else factories
        self._lock = threading.Lock()  # held while a model is loaded: one at a time fits in memory
        self._engines: dict[str, Engine] = {}
        self._closing = threading.Event()
        self.since = int(time.time())

    def names(self) -> list[str]:
        """The models that can be asked for, sorted."""
        return sorted(self._factories)

    def check(self, name: str) -> None:
        """See that there is a model `name`.

        Raises:
            UnknownModelError: there is none.
        """
        if name not in self._factories:
            raise UnknownModelError(f"there is no model {name!r} here; {self._cure()}")

    def engine(self, name: str) -> Engine:
        """The engine of a model, which is loaded if it was not yet.

        Raises:
            UnknownModelError: there is none of that name.
            LocalModelError: it cannot be loaded; the next call tries again.
            EngineClosed: the server shuts down.
        """
        self.check(name)
        found = self._engines.get(name)
        return found if found is not None else self._load(name)

    def stop(self) -> None:
        """Begin to close: every generation fails within a step. Does not wait."""
        self._closing.set()
        for engine in list(self._engines.values()):
            engine.stop()

    def close(self) -> None:
        """End every engine; waits for a model that is being loaded."""
        self.stop()
        with self._lock:
            while self._engines:
                _, engine = self._engines.popitem()
                engine.close()

    def _load(self, name: str) -> Engine:
        with self._lock:
            if self._closing.is_set():
                raise EngineClosed("the server shuts down; send the request again when it is back")
            if name not in self._engines:
                require_extra()
                self._engines[name] = self._factories[name]()
            return self._engines[name]

    def _cure(self) -> str:
        known = ", ".join(self.names())
        if known:
            return f"it has {known}"
        try:
            require_extra()
        except LocalModelError as error:
            return str(error)
        return "it hosts none yet; add one with: ado models add PATH"
