"""Settings: where they come from, and what is said when they are wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ado_service.settings import Settings, SettingsError, config_file, load_settings

PROFILE = """
[llm_profiles.fast]
base_url = "http://127.0.0.1:9/v1"
model = "m"
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("ADO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def write_own(text: str) -> Path:
    """The user's own file."""
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "ado" / "config.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(text)
    return own


def refused(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_the_defaults_need_nothing(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.data_dir == tmp_path / "data" / "ado"
    assert settings.database_url == f"sqlite:///{tmp_path}/data/ado/ado.db"
    assert (settings.host, settings.port, settings.lease_seconds) == ("127.0.0.1", 8765, 30)
    assert settings.processes >= 1
    assert settings.llm_profiles == {}
    assert settings.default_llm is None
    assert settings.api_key is None


def test_kept_results_can_be_switched_off_and_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_settings().cache, load_settings().cache_limit) == (True, 1 << 30)
    monkeypatch.setenv("ADO_CACHE", "false")
    monkeypatch.setenv("ADO_CACHE_LIMIT", "5000000")
    assert (load_settings().cache, load_settings().cache_limit) == (False, 5_000_000)
    assert "cache_limit: " in refused(cache_limit=10)


def test_the_database_follows_the_data_folder(tmp_path: Path) -> None:
    assert load_settings(data_dir=tmp_path).database_url == f"sqlite:///{tmp_path}/ado.db"


def test_arguments_win_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_own(f"port = 1\nlease_seconds = 40\nprocesses = 2\n{PROFILE}")
    monkeypatch.setenv("ADO_PORT", "2")
    monkeypatch.setenv("ADO_PROCESSES", "3")
    monkeypatch.setenv("ADO_LLM_PROFILES__fast__TEMPERATURE", "0.9")
    settings = load_settings(processes=4)
    assert (settings.lease_seconds, settings.port, settings.processes) == (40, 2, 4)
    assert settings.llm_profiles["fast"].model == "m"
    assert settings.llm_profiles["fast"].temperature == 0.9


def test_profiles_can_be_json_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_LLM_PROFILES", '{"a": {"base_url": "http://h/v1", "model": "m"}}')
    monkeypatch.setenv("ADO_DEFAULT_LLM", "a")
    assert load_settings().llm_profiles["a"].base_url == "http://h/v1"


def test_the_file_is_found_where_it_is_said_or_with_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert config_file() is None
    own = write_own("port = 1")
    assert config_file() == own
    assert load_settings().port == 1
    (tmp_path / "other.toml").write_text("port = 3")
    monkeypatch.setenv("ADO_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().port == 3
    monkeypatch.setenv("ADO_CONFIG", "nowhere.toml")
    assert "ADO_CONFIG names nowhere.toml" in refused()


@pytest.mark.parametrize("name", ["ado.toml", "config.toml", ".env"])
def test_no_file_of_the_working_directory_is_read(name: str) -> None:
    Path(name).write_text("ADO_PORT=1\n" if name == ".env" else f"port = 1\n{PROFILE}")
    assert config_file() is None
    assert (load_settings().port, load_settings().llm_profiles) == (8765, {})


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_PORT", "high")
    assert "port: " in refused()
    assert "[environment variable ADO_PORT]" in refused()


def test_a_wrong_file_is_named() -> None:
    own = write_own("prot = 1")
    assert refused() == f"prot: there is no such setting; remove it or correct its name [{own}]"
    write_own("port = = 1")
    assert f"{own}: " in refused()
    assert "correct the TOML file" in refused()


def test_a_wrong_argument_is_named() -> None:
    assert "[given by the caller]" in refused(port=-1)


def test_broken_json_in_a_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_LLM_PROFILES", "{fast")
    assert "llm_profiles" in refused()


def test_a_default_without_profile_is_refused() -> None:
    write_own(f'default_llm = "best"\n{PROFILE}')
    assert "'best', which is no profile; known are: fast, local, none" in refused()


def test_a_key_in_a_profile_is_refused_and_not_repeated() -> None:
    write_own(f'{PROFILE}api_key = "sk-secret-1"\n')
    message = refused()
    assert "llm_profiles.fast.api_key" in message
    assert "api_key_env" in message
    assert "sk-secret-1" not in message


def test_a_profile_without_its_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_LLM_PROFILES__FAST__BASE_URL", "http://127.0.0.1:9/v1")
    assert "llm_profiles.fast.model: is missing; set it" in refused()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADO_API_KEY", "very-secret")
    monkeypatch.setenv("ADO_DATABASE_URL", "postgresql://me:very-secret@db/ado")
    settings = load_settings()
    assert "very-secret" not in f"{settings!r} {settings}"
    assert isinstance(settings, Settings)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "very-secret"
