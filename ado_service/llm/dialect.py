"""What an endpoint understands: "OpenAI-compatible" servers differ in a few request fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ado_service.llm.profile import JsonMode, LLMProfile

_WEAKER: dict[JsonMode, JsonMode] = {"schema": "object", "object": "none"}
_HOPELESS = ("context_length", "context length", "maximum context", "too many tokens")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The request fields in which endpoints differ.

    Attributes:
        json_mode: how JSON is asked for.
        completion_limit: name of the field with the longest completion.
        temperature: whether a temperature may be given.
    """

    json_mode: JsonMode = "schema"
    completion_limit: str = "max_tokens"
    temperature: bool = True

    def fields(self, profile: LLMProfile, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The request fields beside model and messages."""
        fields: dict[str, Any] = {self.completion_limit: profile.max_tokens}
        if self.temperature:
            fields["temperature"] = profile.temperature
        if self.json_mode == "schema":
            answer = {"name": "answer", "strict": True, "schema": schema}
            fields["response_format"] = {"type": "json_schema", "json_schema": answer}
        elif self.json_mode == "object":
            fields["response_format"] = {"type": "json_object"}
        return fields

    def after_refusal(self, detail: str) -> Dialect | None:
        """What to try next when the endpoint answers 400 with `detail`; None when nothing is left.

        Servers word such a refusal in many ways, so that anything but a plain "too long" is
        taken to be about the way JSON is asked for.
        """
        said = detail.lower()
        if any(words in said for words in _HOPELESS):
            return None
        if "max_completion_tokens" in said and self.completion_limit == "max_tokens":
            return replace(self, completion_limit="max_completion_tokens")
        if "temperature" in said and self.temperature:
            return replace(self, temperature=False)
        if self.json_mode in _WEAKER:
            return replace(self, json_mode=_WEAKER[self.json_mode])
        return None
