"""A chat completion, as far as we read it, and the reply that it means."""

from __future__ import annotations

from pydantic import BaseModel, Field, ValidationError, field_validator

from ado_service.llm.chat import ChatFailure, Reply, Usage

_MOST_TOKENS = 10**9


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _parts_are_text(cls, content: object) -> object:
        """Some endpoints give the text as a list of parts."""
        if not isinstance(content, list):
            return content
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Tokens(BaseModel):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Tokens | None = None

    @field_validator("usage", mode="before")
    @classmethod
    def _is_a_courtesy(cls, value: object) -> _Tokens | None:
        try:
            return None if value is None else _Tokens.model_validate(value)
        except ValidationError:
            return None


def read_completion(body: bytes) -> Reply:
    """The reply that a response body of status 200 holds; its usage has the tokens only.

    HTML, broken JSON, another encoding than UTF-8 and JSON nested beyond reason are all
    SERVER_ERROR.
    """
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        begins = " ".join(body[:120].decode("utf-8", "replace").split())
        detail = f"the body is no chat completion ({problem[:200]}); it begins with {begins!r}"
        return Reply(failure=ChatFailure.SERVER_ERROR, detail=detail)
    usage = _usage(completion.usage)
    choice = completion.choices[0]
    text = _storable(choice.message.content or "")
    if choice.finish_reason == "length":
        detail = "the reply reached max_tokens and was cut off; raise max_tokens in the profile"
        return Reply(failure=ChatFailure.TRUNCATED, detail=detail, usage=usage)
    if not text.strip():
        said = choice.message.refusal or f"finish_reason {choice.finish_reason}"
        detail = f"the reply has no text ({_storable(said)[:200]})"
        return Reply(failure=ChatFailure.EMPTY, detail=detail, usage=usage)
    return Reply(text=text, usage=usage)


def _usage(tokens: _Tokens | None) -> Usage:
    """Tokens as the endpoint counts them; 0 where it does not, or counts nonsense."""
    if tokens is None:
        return Usage()
    return Usage(
        prompt_tokens=_sane(tokens.prompt_tokens), completion_tokens=_sane(tokens.completion_tokens)
    )


def _sane(count: int | None) -> int:
    return count if count is not None and 0 <= count <= _MOST_TOKENS else 0


def _storable(text: str) -> str:
    """The text as UTF-8 and every database can hold it: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")
