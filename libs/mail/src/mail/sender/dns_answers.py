"""The answers of DNS that are known for one mail, so that a pure function can look things up without asking itself.

    answered already  the records, or DnsTrouble when DNS gave none
    not yet           Unanswered leaves the function; whoever called it asks DNS, adds the answer, calls again

One mail may ask a bounded number of questions; what goes beyond has no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

QuestionKind = Literal["TXT", "A", "AAAA", "MX", "PTR"]


@dataclass(frozen=True, slots=True)
class DnsQuestion:
    """`name` is in lower case, in A-labels, without a final dot."""

    kind: QuestionKind
    name: str


DnsAnswer = tuple[str, ...] | None
"""The records: texts, addresses, `preference host`, hosts. Empty: there are none. None: DNS has trouble."""


class NoDnsAnswer(Exception):
    """DNS gives no answer just now, or too much was asked for."""


class QuestionOpen(Exception):
    """This has to be asked first."""

    def __init__(self, question: DnsQuestion) -> None:
        super().__init__("not asked yet")
        self.question = question


class DnsAnswers:
    """The answers known for one mail; at most `most` questions are ever asked for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[DnsQuestion, DnsAnswer] = {}

    def add(self, answers: Mapping[DnsQuestion, DnsAnswer]) -> None:
        self._known.update(answers)

    def unanswered(self, questions: Iterable[DnsQuestion]) -> tuple[DnsQuestion, ...]:
        """Those that may and must still be asked."""
        wanted = [question for question in dict.fromkeys(questions) if question not in self._known]
        return tuple(wanted[: max(0, self._most - len(self._known))])

    def texts(self) -> list[str]:
        """All texts that were found."""
        return [text for question, texts in self._known.items() if question.kind == "TXT" for text in texts or ()]

    def lookup(self, kind: QuestionKind, name: str) -> tuple[str, ...]:
        """The records of a name; none where there are none. Raises Unanswered where this has to be asked first,
        DnsTrouble where DNS gave no answer or too much was asked for."""
        question = DnsQuestion(kind, name)
        if question not in self._known:
            if len(self._known) >= self._most:
                raise NoDnsAnswer
            raise QuestionOpen(question)
        answer = self._known[question]
        if answer is None:
            raise NoDnsAnswer
        return answer
