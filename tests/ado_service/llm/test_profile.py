"""Profiles and the callers made from them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ado_service.llm.endpoints import Endpoints, UnknownProfileError
from ado_service.llm.profile import LLMProfile, MissingKeyError

FAST = LLMProfile(base_url="https://example.com/v1/", model="m")
SECRET = "sk-proj-1234567890"


def test_an_address_is_kept_without_its_last_slash() -> None:
    assert FAST.base_url == "https://example.com/v1"


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "example.com/v1"},
        {"base_url": "file:///etc/passwd"},
        {"base_url": "http://127.0.0.1:99999/v1"},
        {"base_url": f"https://me:{SECRET}@example.com/v1"},
        {"base_url": f"https://example.com/v1?key={SECRET}"},
        {"api_key_env": SECRET},
        {"api_key": SECRET},
        {"model": ""},
        {"timeout": 0},
        {"turn_timeout": 1.0},
        {"retries": -1},
        {"concurrency": 0},
        {"base_url": "local", "api_key_env": "TEST_LLM_KEY"},
    ],
)
def test_a_wrong_profile_is_refused_without_repeating_a_secret(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        LLMProfile.model_validate(FAST.model_dump() | change)
    assert SECRET not in str(caught.value)


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = FAST.model_copy(update={"api_key_env": "TEST_LLM_KEY"})
    with pytest.raises(MissingKeyError, match="set the environment variable TEST_LLM_KEY"):
        profile.key()
    monkeypatch.setenv("TEST_LLM_KEY", f"{SECRET}\n")
    assert profile.key() == SECRET
    assert FAST.key() is None
    monkeypatch.setenv("TEST_LLM_KEY", "two\nlines")
    with pytest.raises(MissingKeyError, match="TEST_LLM_KEY holds no key"):
        profile.key()


def test_a_turn_is_two_requests_long_unless_said() -> None:
    assert FAST.turn_seconds == 120
    assert LLMProfile(base_url=FAST.base_url, model="m", turn_timeout=70).turn_seconds == 70


def test_one_caller_a_profile() -> None:
    endpoints = Endpoints({"fast": FAST, "best": FAST})
    assert endpoints.caller("fast") is endpoints.caller("fast")
    assert endpoints.caller("fast") is not endpoints.caller("best")
    with pytest.raises(UnknownProfileError, match="'slow'; known are: best, fast"):
        endpoints.caller("slow")
