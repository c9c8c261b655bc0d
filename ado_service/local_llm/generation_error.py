"""What can go wrong with a generation, each as something a caller can act on.

GenerationError
├── QueueFull           too many requests wait: come back in `retry_after` seconds
├── PromptTooLong       the model's context has no room for an answer to this prompt
├── PromptRefused       the model's chat template does not take these messages
├── ConstraintRefused   no grammar can be made of the schema
├── ConstraintBroken    the grammar met its limits in the middle of an answer
├── NonFiniteLogits     the model computed no numbers
├── DecoderFailed       the model's forward pass raised
│   └── MemoryExhausted     for want of memory: come back when less runs, or with less
└── EngineClosed        the engine shuts down or has shut down
"""
# ruff: noqa: N818 - they are named for what happened, as a caller reads them

from __future__ import annotations


class GenerationError(Exception):
    """Any failure of a generation; the message says what happened and what to do."""

    @property
    def public(self) -> str:
        """What may be shown to whoever asks over a network; the message, unless something is in it.

        A message that repeats a library's own may show how this machine is set up.
        """
        return str(self)


class QueueFull(GenerationError):
    """As many requests wait as may.

    Args:
        waiting: requests that wait.
        retry_after: seconds after which one of them will probably have begun.
    """

    def __init__(self, waiting: int, retry_after: float) -> None:
        super().__init__(
            f"{waiting} requests wait for this model already; try again in {retry_after:.0f} s"
        )
        self.retry_after = retry_after


class PromptTooLong(GenerationError):
    """The prompt leaves no room for an answer.

    Args:
        tokens: length of the prompt.
        context: longest prompt plus answer.
    """

    def __init__(self, tokens: int, context: int) -> None:
        super().__init__(
            f"the model's maximum context length is {context} tokens, prompt and answer together, "
            f"and the prompt alone has {tokens}; send a shorter one"
        )
        self.tokens = tokens
        self.context = context


class PromptRefused(GenerationError):
    """The chat template of the model does not take the messages."""


class ConstraintRefused(GenerationError):
    """The JSON schema is none, or has keywords that cannot be enforced."""


class ConstraintBroken(GenerationError):
    """The grammar became too complex on the way, or allows no further token."""


class NonFiniteLogits(GenerationError):
    """The logits of a step hold NaN or infinity: weights or precision are at fault."""


class DecoderFailed(GenerationError):
    """The forward pass raised; the engine goes on with other requests."""

    @property
    def public(self) -> str:
        """That it failed: why is a library's own text, and in the log."""
        return "the model failed; the server's log says more"


class MemoryExhausted(DecoderFailed):
    """There was no memory for a step; the engine goes on with other requests."""

    @property
    def public(self) -> str:
        """The message."""
        return str(self)


class EngineClosed(GenerationError):
    """Nothing is generated any more."""
