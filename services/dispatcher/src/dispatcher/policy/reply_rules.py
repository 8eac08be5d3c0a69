"""Dispositions, and the rules that lead to them. Pure.

A rule is one entry of `replies` in deploy/carriers.yaml: what of a reply it looks at, and the disposition when all of
it fits. What a rule leaves open (None) does not matter.
"""

import re
from dataclasses import dataclass
from typing import Literal

from contracts.events.delivery import Outcome
from dispatcher.smtp.smtp_replies import SmtpReply, Stage

RetryHint = Literal["soon", "planned", "later"]
"""How the retry plan goes on: `soon` with some quick attempts first (greylisting), `planned` as the plan says, `later`
not before the carrier's slow step."""

READ_MOST = 500
"""So many characters of a server's words are looked at. With the limits on patterns (carriers_file.py) it keeps the
longest search short, whatever a server says."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """What becomes of a copy: an outcome, and its reason in static words.

    `retry_hint` counts only for `deferred`. `asks_to_slow_down`: we are too fast or too many for this server. `sure`:
    the address is gone beyond doubt (only for `dead`)."""

    outcome: Outcome
    reason: str
    retry_hint: RetryHint = "planned"
    asks_to_slow_down: bool = False
    sure: bool = False


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """When a reply leads to a disposition. `codes`: first digits of the code, one of them must fit; `enhanced` must
    match the whole enhanced status; one of `words` must be found in the text."""

    disposition: Disposition
    codes: tuple[str, ...]
    stages: frozenset[Stage] | None = None
    enhanced: re.Pattern[str] | None = None
    words: tuple[re.Pattern[str], ...] | None = None

    def fits(self, reply: SmtpReply) -> bool:
        return (
            f"{reply.code:03}".startswith(self.codes)
            and (self.stages is None or reply.stage in self.stages)
            and (self.enhanced is None or self.enhanced.fullmatch(reply.enhanced or "") is not None)
            and (self.words is None or any(words.search(reply.text, 0, READ_MOST) for words in self.words))
        )
