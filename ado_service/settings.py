"""Settings: from the environment (`ADO_...`) and one TOML file; the environment wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from ado_service.llm.profile import LLMProfile
from ado_service.local_llm.embedded import NAME as EMBEDDED
from simulators.host_count import host_count

NO_LLM = "none"
"""What `default_llm` and `--llm` say for no LLM at all."""
_PREFIX = "ADO_"
_KEY_HINT = "a key is never written here: put it into an environment variable, name that variable"


class SettingsError(ValueError):
    """Settings that cannot be used; the text names the place and the cure, never a secret."""


class Settings(BaseSettings):
    """What a person who runs the service can set.

    Attributes:
        data_dir: folder of everything that the service keeps.
        database_url: SQLAlchemy address of the design database; a SQLite file in `data_dir` when
            nothing else is said.
        processes: simulator hosts on this machine.
        dask_address: of the scheduler of a Dask farm that simulates instead, such as
            `tcp://host:8786`; None for this machine.
        cache: whether results of simulations are kept in the database and used again.
        cache_limit: bytes that they may take there; those not used for longest go first.
        lease_seconds: how long a runner may be silent before another takes its job.
        host, port: where the server listens.
        api_key: a key that the server accepts beside those in the database; None for none.
        llm_profiles: models by profile name; jobs refer to them by name only, and to the models of
            `ado models list` likewise.
        default_llm: the profile of a job that names none, `local` for the embedded model, or `none`
            for no LLM; None leaves it to who asks: `ado run` takes `local`, a server no LLM.
        tuning_device: where models are tuned, `cpu`, `cuda` or `cuda:N`; None for the GPU, or the
            CPU where there is none.
        tuning_threads: of the CPU that a tuning uses; the last digits of its weights depend on it.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("ado")))
    database_url: str = Field(
        default_factory=lambda fields: f"sqlite:///{Path(fields['data_dir']).as_posix()}/ado.db",
        min_length=1,
        repr=False,  # may hold a password
    )
    processes: int = Field(default_factory=host_count, ge=1, le=1024)
    dask_address: str | None = Field(default=None, max_length=500)
    cache: bool = True
    cache_limit: int = Field(default=1 << 30, ge=1 << 20)
    lease_seconds: float = Field(default=30.0, ge=1, le=3600)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8765, ge=0, le=65535)
    api_key: SecretStr | None = None
    llm_profiles: dict[str, LLMProfile] = Field(default_factory=dict)
    default_llm: str | None = None
    tuning_device: str | None = Field(default=None, max_length=50)
    tuning_threads: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, le=1024)

    @model_validator(mode="after")
    def _default_is_known(self) -> Self:
        if self.default_llm not in {None, NO_LLM, EMBEDDED, *self.llm_profiles}:
            known = ", ".join(sorted({NO_LLM, EMBEDDED, *self.llm_profiles}))
            raise ValueError(
                f"default_llm names {self.default_llm!r}, which is no profile; known are: {known}"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic-settings names it)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the TOML file."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, file


def config_file() -> Path | None:
    """The TOML file that is read: `ADO_CONFIG`, else the user's own.

    No file of the working directory: one that came with somebody's circuit could name an address
    and a variable, and have that variable's value sent there as a key.

    Raises:
        SettingsError: `ADO_CONFIG` names no file.
    """
    named = os.environ.get(f"{_PREFIX}CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(
                f"{_PREFIX}CONFIG names {named}, which is no file; correct or unset it"
            )
        return Path(named)
    own = _own_file()
    return own if own.is_file() else None


def _own_file() -> Path:
    return Path(platformdirs.user_config_dir("ado")) / "config.toml"


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process.

    Args:
        overrides: fields that win over the environment and the file (command-line options).

    Raises:
        SettingsError: something is invalid; the text names the field, where it was set, the cure.
    """
    file = config_file()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_explain(detail, file, overrides) for detail in error.errors(include_input=False)]
        raise SettingsError("\n".join(lines)) from None
    except SourceError as error:
        raise SettingsError(f"{error}; a nested setting in a variable is JSON") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{file}: {error}; correct the TOML file") from None


def _explain(detail: Mapping[str, Any], file: Path | None, overrides: Mapping[str, Any]) -> str:
    """One line on one invalid setting. Values are left out: they may be secrets."""
    path = [str(part) for part in detail["loc"]]
    field = ".".join(path) or "settings"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "there is no such setting; remove it or correct its name"
        if "key" in path[-1]:
            message += f" ({_KEY_HINT} in api_key_env)"
    if detail["type"] == "missing":
        message = "is missing; set it"
    return f"{field}: {message} [{_origin(path, file, overrides)}]"


def _origin(path: list[str], file: Path | None, overrides: Mapping[str, Any]) -> str:
    """Where a setting was written, or where it can be."""
    if not path:
        return f"{_PREFIX}... variables or {file or _own_file()}"
    if path[0] in overrides:
        return "given by the caller"
    environment = {name.upper() for name in os.environ}
    for depth in range(len(path), 0, -1):
        name = (_PREFIX + "__".join(path[:depth])).upper()
        if name in environment:
            return f"environment variable {name}"
    return str(file) if file else f"environment variable {_PREFIX}{path[0].upper()}"
