"""The models that jobs of this process can ask, by the names that jobs use."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ado_service.llm.client import OpenAIChat
from ado_service.llm.local_chat import LocalChat, local_profile
from ado_service.llm.profile import LLMProfile
from ado_service.llm.recorded import Caller
from ado_service.local_llm.hosted_models import HostedModels


class UnknownProfileError(LookupError):
    """A name that neither the settings nor the models of this process have."""


class Endpoints:
    """Callers by name, shared by all jobs so that limits hold over all of them.

    Args:
        profiles: of the settings; they go before models of the same name.
        models: of this process, each of which can be asked without a profile.
    """

    def __init__(
        self, profiles: Mapping[str, LLMProfile], models: HostedModels | None = None
    ) -> None:
        self._profiles = dict(profiles)
        self._models = HostedModels() if models is None else models
        self._callers: dict[str, Caller] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the profiles and models, sorted."""
        return sorted({*self._profiles, *self._models.names()})

    def caller(self, name: str) -> Caller:
        """The caller of this name, the same one each time.

        Raises:
            UnknownProfileError: there is neither profile nor model.
        """
        with self._lock:
            profile = self._profile(name)
            if name not in self._callers:
                self._callers[name] = (
                    LocalChat(profile, self._models) if profile.is_here else OpenAIChat(profile)
                )
            return self._callers[name]

    def _profile(self, name: str) -> LLMProfile:
        """That of the settings, or one for the model of this name, which may be gone by now."""
        profile = self._profiles.get(name)
        if profile is not None:
            return profile
        if name in self._models.names():
            return local_profile(name)
        known = ", ".join(self.names) or "none is configured"
        raise UnknownProfileError(f"no LLM profile {name!r}; known are: {known}")
