"""Who the parents are: children, phones, habits; and the many ways of writing one answer.

Everything is a frozen value; `parents.py` lets them act, `crowd.py` makes two hundred of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .client_styles import Style
from .incoming import Incoming


class Relation(StrEnum):
    """What the parent is to the child, as written on the school's form."""

    MOTHER = "母"
    FATHER = "父"
    GRANDMOTHER = "祖母"
    GRANDFATHER = "祖父"


@dataclass(frozen=True, slots=True)
class Child:
    """A child as the school knows it. `grade` and `room` are those of '3年2組'."""

    class_number: int
    surname: str
    given: str
    surname_romaji: str
    given_romaji: str
    surname_kana: str
    given_kana: str
    grade: int
    room: int

    @property
    def name(self) -> str:
        """Surname and given name with one space, the form a list shows."""
        return f"{self.surname} {self.given}"


class AnswerForm(StrEnum):
    """How a parent writes the choice with number n."""

    DIGIT = "digit"
    FULL_WIDTH = "full-width"
    CIRCLED = "circled"
    KEYCAP = "keycap"
    DIGIT_DESU = "digit-desu"
    WORD = "word"
    SENTENCE = "sentence"


ANSWER_FORMS: Mapping[AnswerForm, Callable[[int, str], str]] = {
    AnswerForm.DIGIT: lambda number, word: str(number),
    AnswerForm.FULL_WIDTH: lambda number, word: full_width(str(number)),
    AnswerForm.CIRCLED: lambda number, word: chr(ord("①") + number - 1),
    AnswerForm.KEYCAP: lambda number, word: f"{number}\ufe0f\u20e3",
    AnswerForm.DIGIT_DESU: lambda number, word: full_width(str(number)) + "です",
    AnswerForm.WORD: lambda number, word: word,
    AnswerForm.SENTENCE: lambda number, word: (
        f"いつもお世話になっております。今日は{word}です。よろしくお願いいたします。"
    ),
}


def full_width(text: str) -> str:
    """ASCII to its full-width twins, the space to the ideographic one."""
    return "".join("\u3000" if c == " " else chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@dataclass(frozen=True, slots=True)
class Habits:
    """What a parent does with mail.

    `answers_on_copy`: the first copy of a survey that is answered at all (2 = only after the resend, 0 = never).
    `vacation`: an absence robot answers every broadcast, once per mail; it writes to the envelope sender, or, if
    `vacation_to_reply_to`, wrongly to Reply-To. `silent`: reads, never answers anything but the guide mail.
    """

    answer_form: AnswerForm = AnswerForm.DIGIT
    confirmation_text: str = ""
    confirms: bool = True
    answers_on_copy: int = 1
    silent: bool = False
    vacation: bool = False
    vacation_to_reply_to: bool = False
    poster: bool = False
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Parent:
    """One address and the person behind it. `name_lines`: one per child, as typed into the entry mail."""

    number: int
    address: str
    carrier: str
    children: tuple[Child, ...]
    relation: Relation
    style: Style
    display_name: str = ""
    name_lines: tuple[str, ...] = ()
    habits: Habits = field(default_factory=Habits)

    def child_named_in(self, mail: Incoming) -> Child | None:
        """The child whose name stands in a mail; spaces don't matter."""
        text = "".join((mail.subject + mail.text).split())
        return next((child for child in self.children if child.surname + child.given in text), None)


@dataclass(frozen=True, slots=True)
class Survey:
    """A question parents will be asked, and what each will say: decided by hash, known beforehand.

    A mail belongs to it when `subject` is contained in the mail's subject. `shares` weigh the choices (default equal).
    `per_child`: the answer depends on the child named in the mail.
    """

    subject: str
    choices: tuple[str, ...]
    shares: tuple[float, ...] = ()
    per_child: bool = False
    seed: str = ""

    def choice_for(self, parent: Parent, child: Child | None = None) -> int:
        """The number (from 1) this parent will choose."""
        key = child.name + str(child.class_number) if child is not None and self.per_child else str(parent.number)
        digest = hashlib.sha256(f"{self.seed}\0{self.subject}\0{key}".encode()).digest()
        point = int.from_bytes(digest[:8]) / 2.0**64
        weights: Sequence[float] = self.shares or [1.0] * len(self.choices)
        total = sum(weights)
        reached = 0.0
        for number, weight in enumerate(weights, 1):
            reached += weight / total
            if point < reached:
                return number
        return len(self.choices)

    def words_of(self, parent: Parent, child: Child | None = None) -> str:
        """What the parent types."""
        number = self.choice_for(parent, child)
        return ANSWER_FORMS[parent.habits.answer_form](number, self.choices[number - 1])
