"""The models of this process: one caller a profile, made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ado_service.llm.client import OpenAIChat
from ado_service.llm.profile import LLMProfile


class UnknownProfileError(LookupError):
    """A profile name that the server's settings do not have."""


class Endpoints:
    """Callers by profile name, shared by all jobs so that limits hold over all of them."""

    def __init__(self, profiles: Mapping[str, LLMProfile]) -> None:
        self._profiles = dict(profiles)
        self._callers: dict[str, OpenAIChat] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the profiles, sorted."""
        return sorted(self._profiles)

    def caller(self, name: str) -> OpenAIChat:
        """The caller of the profile `name`, the same one each time.

        Raises:
            UnknownProfileError: there is no such profile.
        """
        with self._lock:
            if name not in self._profiles:
                known = ", ".join(self.names) or "none is configured"
                raise UnknownProfileError(f"no LLM profile {name!r}; known are: {known}")
            if name not in self._callers:
                self._callers[name] = OpenAIChat(self._profiles[name])
            return self._callers[name]
