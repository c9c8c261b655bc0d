"""Routes for clients of OpenAI's API: their errors have the shape that those read."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from ado_service.api.openai_error import (
    OpenAIError,
    of_generation,
    of_local_model,
    of_store,
    of_unknown_model,
)
from ado_service.api.routing import Handler
from ado_service.local_llm import LocalModelError
from ado_service.local_llm.generation_error import GenerationError
from ado_service.local_llm.hosted_models import UnknownModelError
from ado_service.store.errors import StoreError


class OpenAIRoute(APIRoute):
    """A route whose errors are OpenAI's error objects."""

    def get_route_handler(self) -> Handler:
        """The handler, with its errors answered."""
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                _check_content_type(request)
                return await handler(request)
            except OpenAIError as error:
                return error.response
            except UnknownModelError as error:
                return of_unknown_model(error).response
            except LocalModelError as error:
                return of_local_model(error).response
            except GenerationError as error:
                return of_generation(error).response
            except StoreError as error:
                return of_store(error).response

        return answered


def openai_router(prefix: str) -> APIRouter:
    """A router of such routes; OpenAI's own reference describes them, not our description."""
    return APIRouter(prefix=prefix, route_class=OpenAIRoute, include_in_schema=False)


def _check_content_type(request: Request) -> None:
    # A browser lets any page send other types without asking this server first.
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and sent != "application/json":
        raise OpenAIError(
            415,
            f"the body must be application/json, not {sent or 'of an unnamed type'}; say so in "
            "Content-Type",
            code="unsupported_media_type",
        )
