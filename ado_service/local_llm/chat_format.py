"""Messages as the tokens of a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import TemplateError
from tokenizers import Tokenizer

from ado_service.local_llm.chat_message import ChatMessage
from ado_service.local_llm.generation_error import PromptRefused

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class ChatFormat:
    """Turns messages into tokens: by the model's own chat template, or plainly without one.

    It may be used by several threads.

    Attributes:
        plain: the tokenizer, see `plain_tokenizer`.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self.plain = plain_tokenizer(tokenizer)

    def tokens(self, messages: Sequence[ChatMessage]) -> tuple[int, ...]:
        """The prompt that an answer to `messages` follows.

        Raises:
            PromptRefused: the model's template does not take them, for example because it knows
                no system message.
        """
        if self._tokenizer.chat_template is None:
            return self._encoded(_plainly(messages))
        try:
            text = self._tokenizer.apply_chat_template(
                [message._asdict() for message in messages],
                tokenize=False,
                add_generation_prompt=True,
            )
        except TemplateError as error:
            raise PromptRefused(
                f"the chat template of this model does not take the messages: {error}; change "
                "their roles or order"
            ) from error
        # A template writes the special tokens itself.
        return self._encoded(str(text), add_special_tokens=False)

    def _encoded(self, text: str, *, add_special_tokens: bool = True) -> tuple[int, ...]:
        # `encode` would keep the interpreter for as long as it takes, seconds for a megabyte: no
        # other thread of the server could answer. This one lets go of it, and is quicker.
        (found,) = self.plain.encode_batch_fast([text], add_special_tokens=add_special_tokens)
        return tuple(found.ids)


def plain_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A copy of the tokenizer that neither pads nor cuts, and that threads may share.

    The wrapper sets padding and truncation on each call, which two threads cannot do at once.
    """
    plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    plain.no_padding()
    plain.no_truncation()
    return plain


def _plainly(messages: Sequence[ChatMessage]) -> str:
    """Messages as a transcript that breaks off where the assistant is to speak."""
    said = "".join(f"{message.role}: {message.content}\n\n" for message in messages)
    return f"{said}assistant:"
