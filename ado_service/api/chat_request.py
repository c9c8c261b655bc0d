"""A request for a chat completion, as OpenAI's clients send it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ado_service.api.openai_error import OpenAIError
from ado_service.api.resource import Text
from ado_service.api.strict_json import parse_json
from ado_service.local_llm.generation_request import MOST_ANSWERS, GenerationRequest

_MOST_MESSAGES = 4096
_MOST_STOPS = 16
_INTEGER_64 = 2**63


class TextPart(BaseModel):
    """A part of a message; text is the only kind that these models read."""

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]

    @property
    def text(self) -> str:
        """Its text, in one piece."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class JsonSchema(BaseModel):
    """A named JSON schema."""

    name: str = "answer"
    schema_: dict[str, Any] = Field(alias="schema")


class TextFormat(BaseModel):
    """Free text."""

    type: Literal["text"]


class ObjectFormat(BaseModel):
    """Any JSON object."""

    type: Literal["json_object"]


class SchemaFormat(BaseModel):
    """JSON of a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


class StreamOptions(BaseModel):
    """What a stream tells beside the text."""

    include_usage: bool = False


def _none_as_default(default: Any) -> BeforeValidator:
    """Clients send null for what they leave open."""
    return BeforeValidator(lambda value: default if value is None else value)


def _as_list(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value


MaxTokens = Annotated[int, Field(ge=1, lt=_INTEGER_64)] | None
Stop = Annotated[
    list[Annotated[Text, Field(min_length=1, max_length=1000)]],
    BeforeValidator(_as_list),
    Field(max_length=_MOST_STOPS),
]


class ChatRequest(BaseModel):
    """The fields that mean something here; others are accepted unless they would be missed.

    Attributes:
        max_completion_tokens: goes before `max_tokens`, its older name.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    model: str = Field(min_length=1, max_length=500)
    messages: list[Message] = Field(min_length=1, max_length=_MOST_MESSAGES)
    temperature: Annotated[float, _none_as_default(1.0)] = Field(default=1.0, ge=0, le=2)
    top_p: Annotated[float, _none_as_default(1.0)] = Field(default=1.0, gt=0, le=1)
    n: Annotated[int, _none_as_default(1)] = Field(default=1, ge=1, le=MOST_ANSWERS)
    seed: int | None = Field(default=None, ge=-_INTEGER_64, lt=_INTEGER_64)
    max_tokens: MaxTokens = None
    max_completion_tokens: MaxTokens = None
    stop: Stop = []
    stream: Annotated[bool, _none_as_default(False)] = False
    stream_options: StreamOptions | None = None
    response_format: TextFormat | ObjectFormat | SchemaFormat | None = Field(
        default=None, discriminator="type"
    )

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with what it took."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def json_schema(self) -> dict[str, Any] | None:
        """What every answer must fit; None for free text."""
        match self.response_format:
            case SchemaFormat(json_schema=named):
                return named.schema_
            case ObjectFormat():
                return {"type": "object"}
        return None

    def generation(self, prompt: tuple[int, ...]) -> GenerationRequest:
        """What the engine is asked."""
        return GenerationRequest(
            prompt=prompt,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            n=self.n,
            stop=tuple(self.stop),
            schema=self.json_schema,
        )


_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
}
"""Fields that these models do not have, with the values that ask for nothing."""


def read_chat_request(body: bytes) -> ChatRequest:
    """The request in a body.

    Raises:
        OpenAIError: 400, naming the field at fault.
    """
    try:
        fields = parse_json(body)
    except ValueError as error:
        raise OpenAIError(400, f"the body is no valid JSON: {error}", code="invalid_json") from None
    try:
        request = ChatRequest.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error) from None
    for name, harmless in _WITHOUT_EFFECT.items():
        value = (request.model_extra or {}).get(name)
        if value is not None and value not in harmless:
            raise OpenAIError(
                400,
                f"{name} is not supported by the models of this server; leave it out",
                param=name,
                code="unsupported_parameter",
            )
    return request


def _invalid(error: ValidationError) -> OpenAIError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = ".".join(str(part) for part in first["loc"])[:200] or None
    message = f"{param}: {first['msg']}" if param else first["msg"]
    return OpenAIError(400, message, param=param, code="invalid_value")
