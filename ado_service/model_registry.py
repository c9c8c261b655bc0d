"""The models that can be asked: those on record, and the embedded one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ado_service.local_llm import embedded
from ado_service.local_llm.embedded import embedded_source
from ado_service.local_llm.hosted_models import EngineFactory
from ado_service.local_llm.hosting import HostedModel, Hosting
from ado_service.local_llm.model_source import ModelSource, stamp_of
from ado_service.store.errors import NotFound
from ado_service.store.model_record import ModelRecord
from ado_service.store.store import Store


class ModelRegistry(Mapping[str, EngineFactory]):
    """What `HostedModels` is given: each look asks the database anew.

    Args:
        store: the design database.
        embedded_folder: of the embedded model, None for the installation's; without weights in
            it there is no `local`.
        device: see `Hosting`.
    """

    def __init__(
        self, store: Store, embedded_folder: Path | None = None, device: str | None = None
    ) -> None:
        self._store = store
        self._embedded = embedded_folder
        self._hosting = Hosting(device)

    def __getitem__(self, name: str) -> HostedModel:
        return HostedModel(self.source(name), self._hosting)

    def __iter__(self) -> Iterator[str]:
        yield from (record.name for record in self._store.models.list())
        if embedded.is_there(self._embedded):
            yield embedded.NAME

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def source(self, name: str) -> ModelSource:
        """Where the model of this name comes from.

        Raises:
            KeyError: there is none.
            ModelFolderError: the embedded model's folder does not hold a whole model.
        """
        if name == embedded.NAME:
            if not embedded.is_there(self._embedded):
                raise KeyError(name)
            return embedded_source(self._embedded)
        try:
            return self._source(self._store.models.get(name))
        except NotFound:
            raise KeyError(name) from None

    def _source(self, record: ModelRecord) -> ModelSource:
        return ModelSource(
            name=record.name,
            folder=record.path,
            quantization=record.quantization,
            fingerprint=record.fingerprint,
            family=record.family,
            parameters=record.parameters,
            context=record.context,
            created=record.created_at,
            method=None if record.method is None else record.method.value,
            base=None if record.base is None else self._base(record.base),
            stamp=stamp_of(record.path),
        )

    def _base(self, name: str) -> ModelSource | None:
        """None where it is gone, as the embedded model may be: a whole model needs none."""
        try:
            return self.source(name)
        except KeyError:
            return None
