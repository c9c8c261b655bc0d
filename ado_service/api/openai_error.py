"""The shape of the errors that clients of OpenAI's API read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.responses import JSONResponse

from ado_service.local_llm import generation_error as generation
from ado_service.local_llm.errors import (
    AdapterError,
    LocalModelError,
    MissingExtraError,
    ModelMemoryError,
    UnsupportedModelError,
    WeightsError,
)
from ado_service.local_llm.hosted_models import UnknownModelError
from ado_service.store.column_types import storable
from ado_service.store.errors import StoreError

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = 5


_NOT_LOADED = {
    ModelMemoryError: "out_of_memory",
    WeightsError: "model_broken",
    UnsupportedModelError: "model_unsupported",
    AdapterError: "tuning_mismatch",
    LocalModelError: "model_not_loaded",
}
"""The code of a model that cannot be loaded; the first kind that fits."""


class OpenAIError(Exception):
    """An error of a request, as OpenAI's API answers it.

    Args:
        status: HTTP status.
        message: what happened and what to do.
        param: the field at fault.
        code: short name of the kind of error.
        headers: to send along.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self._headers = dict(headers or {})
        self.document: dict[str, Any] = {
            "error": {
                "message": storable(message),
                "type": _type(status),
                "param": None if param is None else storable(param),
                "code": code,
            }
        }

    @property
    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.document, status_code=self.status, headers=self._headers)


def of_unknown_model(error: UnknownModelError) -> OpenAIError:
    """The answer to a model that is not here."""
    return OpenAIError(404, str(error), param="model", code="model_not_found")


def of_local_model(error: LocalModelError) -> OpenAIError:
    """The answer where a model cannot be loaded."""
    if isinstance(error, MissingExtraError):
        return OpenAIError(404, str(error), param="model", code="model_not_found")
    _log.error("model_not_loaded", detail=str(error))
    code = next(code for kind, code in _NOT_LOADED.items() if isinstance(error, kind))
    headers = {"Retry-After": str(_RETRY_SECONDS)}
    return OpenAIError(503, error.public, param="model", code=code, headers=headers)


def of_store(error: StoreError) -> OpenAIError:
    """The answer where the design database, which knows the models, cannot be asked."""
    _log.error("models_not_known", detail=str(error))
    message = "the server cannot look its models up now; its log says why"
    headers = {"Retry-After": str(_RETRY_SECONDS)}
    return OpenAIError(503, message, code="unavailable", headers=headers)


def of_generation(error: generation.GenerationError) -> OpenAIError:
    """The answer to a generation that failed."""
    match error:
        case generation.QueueFull():
            seconds = str(math.ceil(error.retry_after))
            headers = {"Retry-After": seconds}
            return OpenAIError(429, str(error), code="rate_limit_exceeded", headers=headers)
        case generation.PromptTooLong():
            code = "context_length_exceeded"
            return OpenAIError(400, str(error), param="messages", code=code)
        case generation.PromptRefused():
            return OpenAIError(400, str(error), param="messages", code="invalid_messages")
        case generation.ConstraintRefused() | generation.ConstraintBroken():
            code = "invalid_json_schema"
            return OpenAIError(400, str(error), param="response_format", code=code)
        case generation.EngineClosed():
            headers = {"Retry-After": str(_RETRY_SECONDS)}
            return OpenAIError(503, str(error), code="unavailable", headers=headers)
        case generation.MemoryExhausted():
            headers = {"Retry-After": str(_RETRY_SECONDS)}
            return OpenAIError(503, str(error), code="out_of_memory", headers=headers)
        case generation.NonFiniteLogits():
            return OpenAIError(500, str(error), code="non_finite_logits")
    return OpenAIError(500, error.public, code="model_failed")


def _type(status: int) -> str:
    """OpenAI's name for a kind of status."""
    names = {429: "rate_limit_error"}
    return names.get(status) or ("invalid_request_error" if status < 500 else "server_error")
