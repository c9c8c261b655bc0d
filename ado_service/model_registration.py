"""Takes a model in: a folder that is added is tried before it goes on record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ado_service.local_llm import LocalModelError, require_extra
from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.errors import UnsupportedModelError
from ado_service.local_llm.generation_error import GenerationError
from ado_service.local_llm.generation_event import answers
from ado_service.local_llm.generation_request import GenerationRequest
from ado_service.local_llm.hosting import Hosting
from ado_service.local_llm.model_folder import ModelFolder
from ado_service.local_llm.model_source import ModelSource, stamp_of
from ado_service.local_llm.quantization import Quantization
from ado_service.store.model_record import ModelRecord, checked_name, name_of_folder
from ado_service.store.store import Store

_GREETING = ChatMessage("user", "Hello")


def register_model(
    store: Store,
    folder: Path,
    *,
    name: str | None = None,
    quantization: Quantization = Quantization.NF4,
    device: str | None = None,
) -> ModelRecord:
    """Put the model in a folder on record, after it has given a token.

    Args:
        store: the design database.
        folder: of a Hugging Face decoder with safetensors weights.
        name: that it is asked for by; None for one made of the folder's.
        quantization: how its weights are to be held.
        device: see `Hosting`.

    Raises:
        LocalModelError: it cannot be loaded, cannot generate, or cannot have this name.
        AlreadyExists: another one has.
    """
    chosen = _free_name(store, folder, name)
    found = ModelFolder.open(folder)
    require_extra()
    source = ModelSource(
        name=chosen,
        folder=folder.resolve(),
        quantization=quantization,
        fingerprint=found.fingerprint(),
        family=found.model_type,
        parameters=found.parameters,
        context=1,  # found out by loading it
        created=datetime.now(UTC),
        stamp=stamp_of(folder),
    )
    record = ModelRecord(
        name=chosen,
        path=source.folder,
        quantization=quantization,
        fingerprint=source.fingerprint,
        family=source.family,
        parameters=source.parameters,
        context=try_model(source, device),
        created_at=source.created,
    )
    store.models.add(record)
    return record


def try_model(source: ModelSource, device: str | None = None) -> int:
    """Load a model and have it give a token; nothing stays loaded.

    Returns:
        Its context, tokens.

    Raises:
        LocalModelError: it cannot be loaded, or cannot generate.
    """
    engine = Hosting(device).engine(source)
    try:
        prompt = engine.chat.tokens([_GREETING])
        answers(engine.generate(GenerationRequest(prompt, max_tokens=1)))
    except GenerationError as error:
        raise UnsupportedModelError(
            f"the model in {source.folder} was loaded and gives no token: {error}"
        ) from error
    finally:
        engine.close()
    return engine.context


def _free_name(store: Store, folder: Path, name: str | None) -> str:
    """The name, while loading has cost nothing yet."""
    try:
        chosen = checked_name(name_of_folder(folder) if name is None else name)
    except ValueError as error:
        hint = "" if name is not None else "; give one with --name"
        raise LocalModelError(f"{error}{hint}") from error
    store.models.check_free(chosen)
    return chosen
