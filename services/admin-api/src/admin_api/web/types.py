"""Building blocks of requests and answers: numbers as decimal strings, codes, plain texts, explanations."""

from typing import Annotated, Any, Literal

from fastapi import Header, Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from admin_api.kernel.authentication_results import explain_authentication
from admin_api.kernel.explanation import Explanation
from admin_api.kernel.text import plain_line, plain_text
from contracts.base import GROUP_PATTERN, UNIT_PATTERN
from contracts.events.inbound import Authentication, AuthenticationResult


def _number(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19 and value[0] != "0":
        number = int(value)
        if number < 2**63:
            return number
    elif isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        return value
    raise ValueError("must be a decimal number, written as a string")


Number = Annotated[
    int,
    BeforeValidator(_number),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,18}$", "examples": ["7530867474440882994"]}),
]
"""An opaque 63-bit number. JSON numbers would lose digits in JavaScript, so it travels as a decimal string."""

UnitText = Annotated[str, Field(pattern=UNIT_PATTERN, examples=["sakura"])]
GroupText = Annotated[str, Field(pattern=GROUP_PATTERN, examples=["xx1"])]
UnitPath = Annotated[str, Path(pattern=UNIT_PATTERN, description="Code of the unit.", examples=["sakura"])]
GroupPath = Annotated[str, Path(pattern=GROUP_PATTERN, description="Code of the group.", examples=["xx1"])]
NumberPath = Annotated[Number, Path(description="Number, as a decimal string.")]

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern="^[!-~]{1,64}$",
        description="A name of your own for this request, 1 to 64 visible ASCII characters, best a random UUID. The "
        "same request again under the same name is not carried out twice, but answered with what came of the first; "
        "another request under it is refused with `idempotency-key-reused` (409). Remembered for two days.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]


def _line(value: str) -> str:
    line = plain_line(value)
    if not line:
        raise ValueError("must not be empty")
    return line


def _text(value: str) -> str:
    text = plain_text(value)
    if not text:
        raise ValueError("must not be empty")
    return text


Line = Annotated[str, AfterValidator(_line)]
"""One line of text without control characters, not empty."""

PlainText = Annotated[str, AfterValidator(_text)]
"""Text with LF line ends, without control characters, not empty."""

Timestamp = Annotated[AwareDatetime, Field(examples=["2026-04-08T07:30:00+09:00"])]


class Body(BaseModel):
    """What comes in: unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class View(BaseModel):
    """What goes out. `model_validate` takes an object of the features' models, too: its fields by their names."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ExplanationView(View):
    """What happened, why, and what to do about it, for administrators to read; the same in both languages."""

    ja: Annotated[
        str, Field(examples=["メールボックスがいっぱいです。保護者の方に、いらないメールを消してもらってください。"])
    ]
    en: Annotated[str, Field(examples=["The mailbox is full. Ask the parent to delete mail that is no longer needed."])]

    @classmethod
    def of(cls, explanation: Explanation | None) -> "ExplanationView | None":
        """The explanation as an answer holds it; None where there is nothing to explain."""
        return None if explanation is None else cls(ja=explanation.ja, en=explanation.en)


class AuthenticationView(View):
    """What a mail's origin could be shown to be (RFC 8601), and the same in words. `policy` is what the sender's domain
    asks to be done with mail that fails DMARC; `sender_proven`: the sender's domain did send it."""

    spf: AuthenticationResult
    dkim: AuthenticationResult
    dmarc: AuthenticationResult
    arc: AuthenticationResult
    policy: Literal["", "none", "quarantine", "reject"]
    sender_proven: bool
    explanation: ExplanationView

    @classmethod
    def of(cls, shown: Authentication | None) -> "AuthenticationView | None":
        """The authentication results with their explanation; None where a mail's were not looked at."""
        if shown is None:
            return None
        words = explain_authentication(shown)
        return cls(**shown.model_dump(), explanation=ExplanationView(ja=words.ja, en=words.en))


def _with_explanation(value: Any) -> Any:
    return AuthenticationView.of(value) if isinstance(value, Authentication) else value


AuthenticationField = Annotated[AuthenticationView | None, BeforeValidator(_with_explanation)]
"""A mail's authentication results, explained as they are put into an answer."""
