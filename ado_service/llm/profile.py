"""An LLM profile: a model at an OpenAI-compatible endpoint or in this process, and its limits."""

from __future__ import annotations

import os
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

JsonMode = Literal["schema", "object", "none"]
"""How JSON is asked for: by a JSON schema, as any JSON object, or in the prompt's words alone."""

HERE = "local"
"""In place of an address: the model is one of this process (docs/local_llm.md)."""

_PER_MILLION = 1e-6


class MissingKeyError(RuntimeError):
    """The environment variable that should hold an endpoint's key is not set."""


class LLMProfile(BaseModel):
    """Where a model is, how it is called, what it costs and how much of it a job may use.

    It holds the *name* of the environment variable with the key, never the key: a profile can be
    printed, logged and stored.

    Attributes:
        base_url: the endpoint, such as `https://api.openai.com/v1`, or `local` for a model that
            this process loads.
        model: the model's name there.
        api_key_env: environment variable that holds the key; None when no key is needed.
        temperature: of the sampling.
        timeout: seconds that one request may take, from connect to the last byte.
        turn_timeout: seconds that a turn may take, retries and waits included; None for twice
            the timeout.
        max_tokens: longest completion.
        retries: how often a request is sent again after 429, 5xx or a lost connection.
        price_prompt, price_completion: per million tokens, in `currency`.
        concurrency: requests at one time, over all jobs of this process.
        json_mode: the strongest way of asking for JSON that the endpoint knows.
        max_calls, max_tokens_per_job, max_cost: what a job may use; None for no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str
    model: str = Field(min_length=1)
    api_key_env: str | None = None
    temperature: float = Field(default=0.5, ge=0, le=2)
    timeout: float = Field(default=60.0, gt=0, le=3600)
    turn_timeout: float | None = Field(default=None, gt=0, le=7200)
    max_tokens: int = Field(default=4096, ge=16)
    retries: int = Field(default=3, ge=0, le=10)
    price_prompt: float = Field(default=0.0, ge=0)
    price_completion: float = Field(default=0.0, ge=0)
    currency: str = Field(default="USD", min_length=1, max_length=8)
    concurrency: int = Field(default=4, ge=1, le=256)
    json_mode: JsonMode = "schema"
    max_calls: int | None = Field(default=None, ge=0)
    max_tokens_per_job: int | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0)

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url == HERE:
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError(
                "write an http(s) address such as http://127.0.0.1:8000/v1, or local for a model "
                "of `ado models list`"
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "write the bare address; a key goes into the variable that api_key_env names"
            )
        return url.rstrip("/")

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not (name.isascii() and name.isidentifier() and len(name) <= 64):
            # The value is not repeated: it may be the key itself, put here by mistake.
            raise ValueError(
                "write the name of the environment variable that holds the key, "
                "such as OPENAI_API_KEY, not the key"
            )
        return name

    @model_validator(mode="after")
    def _turn_covers_a_request(self) -> Self:
        if self.turn_timeout is not None and self.turn_timeout < self.timeout:
            raise ValueError(
                f"turn_timeout {self.turn_timeout:g} s is less than timeout {self.timeout:g} s; "
                "a turn is one request or more"
            )
        return self

    @model_validator(mode="after")
    def _nobody_here_wants_a_key(self) -> Self:
        if self.is_here and self.api_key_env is not None:
            raise ValueError(
                "a model of this process asks for no key; leave api_key_env out, or write the "
                "address of the endpoint that wants it as base_url"
            )
        return self

    @property
    def is_here(self) -> bool:
        """Whether this process loads the model, and asks no server."""
        return self.base_url == HERE

    @property
    def turn_seconds(self) -> float:
        """Seconds that a turn may take, retries and waits included."""
        return 2 * self.timeout if self.turn_timeout is None else self.turn_timeout

    def key(self) -> str | None:
        """The key, read from the environment now; None when none is needed.

        Raises:
            MissingKeyError: the variable is not set, empty, or holds what cannot be a key.
        """
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise MissingKeyError(
                f"the key of model {self.model} is missing: "
                f"set the environment variable {self.api_key_env}"
            )
        if not (key.isascii() and key.isprintable()):
            raise MissingKeyError(
                f"the environment variable {self.api_key_env} holds no key: "
                "a key is one line of ASCII characters"
            )
        return key

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost, in `currency`."""
        return _PER_MILLION * (
            prompt_tokens * self.price_prompt + completion_tokens * self.price_completion
        )
