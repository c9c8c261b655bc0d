"""The models of this process, by name: each is loaded when it is first asked for, and kept."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ado_service.local_llm import LocalModelError, require_extra
from ado_service.local_llm.generation_error import EngineClosed

if TYPE_CHECKING:
    from ado_service.local_llm.engine import Engine
    from ado_service.local_llm.model_source import ModelSource

_GLANCE_SECONDS = 0.1
EngineFactory = Callable[[], "Engine"]
"""Loads a model, which takes seconds to minutes, and starts its engine.

Raises:
    LocalModelError: it cannot be loaded.
"""


class UnknownModelError(LookupError):
    """No model of that name; the message says what to do."""


class _Loaded(NamedTuple):
    factory: EngineFactory
    engine: Engine


class HostedModels:
    """Engines by the name of their model. Any thread may use it.

    Args:
        factories: of every model. It is looked at anew each time, so that models may come and go.
            An engine stays loaded for as long as the factory of its name equals the one that made
            it, and is closed at the next call of `engine` otherwise.
    """

    def __init__(self, factories: Mapping[str, EngineFactory] | None = None) -> None:
        self._factories = {} if factories is None else factories
        self._lock = threading.Lock()  # held while a model is loaded: one at a time fits in memory
        self._loaded: dict[str, _Loaded] = {}
        self._closing = threading.Event()
        self.since = int(time.time())

    def names(self) -> list[str]:
        """The models that can be asked for, sorted."""
        return sorted(self._factories)

    def source(self, name: str) -> ModelSource | None:
        """Where a model comes from, as far as its factory says so.

        Raises:
            UnknownModelError: there is none of that name.
        """
        source: ModelSource | None = getattr(self._factory(name), "source", None)
        return source

    def engine(self, name: str) -> Engine:
        """The engine of a model, which is loaded if it was not yet.

        Raises:
            UnknownModelError: there is none of that name.
            LocalModelError: it cannot be loaded; the next call tries again.
            EngineClosed: the server shuts down.
        """
        try:
            factory = self._factory(name)
        except UnknownModelError:
            if name in self._loaded:
                with self._lock:
                    self._retire()
            raise
        found = self._loaded.get(name)
        if found is not None and found.factory == factory:
            return found.engine
        return self._load(name)

    def rest(self, seconds: float) -> None:
        """Wait so long, or until the models begin to close.

        Without a lock: the handler of a signal may call `stop` in the thread that waits here.
        """
        until = time.monotonic() + seconds
        while not self._closing.is_set() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _GLANCE_SECONDS))

    def stop(self) -> None:
        """Begin to close: every generation fails within a step. Does not wait."""
        self._closing.set()
        for _, engine in list(self._loaded.values()):
            engine.stop()

    def close(self) -> None:
        """End every engine; waits for a model that is being loaded."""
        self.stop()
        with self._lock:
            while self._loaded:
                _, (_, engine) = self._loaded.popitem()
                engine.close()

    def _factory(self, name: str) -> EngineFactory:
        try:
            return self._factories[name]
        except KeyError:
            raise UnknownModelError(f"there is no model {name!r} here; {self._cure()}") from None

    def _load(self, name: str) -> Engine:
        with self._lock:
            if self._closing.is_set():
                raise EngineClosed("the server shuts down; send the request again when it is back")
            self._retire()
            if name not in self._loaded:
                require_extra()
                factory = self._factory(name)
                self._loaded[name] = _Loaded(factory, _made(name, factory))
            return self._loaded[name].engine

    def _retire(self) -> None:
        """Close the engines whose models are gone or replaced, so that their memory is free."""
        stale = [name for name, one in self._loaded.items() if not self._is_current(name, one)]
        for name in stale:
            self._loaded.pop(name).engine.close()
        if stale:
            gc.collect()

    def _is_current(self, name: str, loaded: _Loaded) -> bool:
        try:
            return self._factories[name] == loaded.factory
        except (KeyError, LocalModelError):  # gone, or its folder is broken
            return False

    def _cure(self) -> str:
        known = ", ".join(self.names())
        if known:
            return f"it has {known}"
        try:
            require_extra()
        except LocalModelError as error:
            return str(error)
        return "it hosts none yet; add one with: ado models add PATH"


def _made(name: str, factory: EngineFactory) -> Engine:
    """The engine; whatever goes wrong is a `LocalModelError`."""
    try:
        return factory()
    except LocalModelError:
        raise
    except Exception as error:
        # A disk that cannot be read, a library that fails: no fault of who asked, and of this
        # model alone.
        raise LocalModelError(
            f"model {name!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
