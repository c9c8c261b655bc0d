"""The models that this server hosts, for clients of OpenAI's API."""

from __future__ import annotations

from typing import Any

from ado_service.api.openai_route import openai_router
from ado_service.api.service import ServiceHere
from ado_service.local_llm.hosted_models import HostedModels

routes = openai_router("/v1/models")


@routes.get("")
def list_models(service: ServiceHere) -> dict[str, Any]:
    """Every model that a chat completion can be asked of."""
    models = service.models
    return {"object": "list", "data": [_model(models, name) for name in models.names()]}


@routes.get("/{name:path}")
def get_model(service: ServiceHere, name: str) -> dict[str, Any]:
    """One of them."""
    service.models.check(name)
    return _model(service.models, name)


def _model(models: HostedModels, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": models.since, "owned_by": "ado-service"}
