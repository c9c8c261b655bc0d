"""The models that this server hosts, for clients of OpenAI's API."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ado_service.api.openai_route import openai_router
from ado_service.api.service import ServiceHere
from ado_service.local_llm import LocalModelError
from ado_service.local_llm.hosted_models import HostedModels, UnknownModelError

routes = openai_router("/v1/models")


@routes.get("")
def list_models(service: ServiceHere) -> dict[str, Any]:
    """Every model that a chat completion can be asked of."""
    models = service.models
    found = []
    for name in models.names():
        with suppress(UnknownModelError, LocalModelError):  # removed just now, or broken
            found.append(_model(models, name))
    return {"object": "list", "data": found}


@routes.get("/{name:path}")
def get_model(service: ServiceHere, name: str) -> dict[str, Any]:
    """One of them."""
    return _model(service.models, name)


def _model(models: HostedModels, name: str) -> dict[str, Any]:
    """OpenAI's object; of a model on record also what it is."""
    source = models.source(name)
    shown = {"id": name, "object": "model", "created": models.since, "owned_by": "ado-service"}
    if source is None:
        return shown
    # Where its files lie is nobody's business.
    return {
        **shown,
        "created": int(source.created.timestamp()),
        "base": None if source.base is None else source.base.name,
        "method": source.method,
        "quantization": source.quantization.value,
        "family": source.family,
        "parameters": source.parameters,
        "context": source.context,
    }
