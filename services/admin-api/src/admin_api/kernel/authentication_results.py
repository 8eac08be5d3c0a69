"""Whether a mail came from where it says, in words for administrators to read. Pure.

what SPF, DKIM, DMARC and ARC showed (contracts) -> a sentence of marks, and what follows from them
"""

from collections.abc import Mapping
from typing import Final

from admin_api.kernel.explanation import Explanation
from contracts.events.inbound import Authentication, AuthenticationResult

_MARKS: Final[Mapping[AuthenticationResult, Explanation]] = {
    "pass": Explanation("合格", "pass"),
    "fail": Explanation("不合格", "fail"),
    "softfail": Explanation("おそらく不合格", "softfail"),
    "neutral": Explanation("判定なし", "neutral"),
    "none": Explanation("なし", "none"),
    "policy": Explanation("不採用", "not counted"),
    "temperror": Explanation("確認できず", "could not be checked"),
    "permerror": Explanation("設定の誤り", "set up wrongly"),
}
_METHODS: Final = ("spf", "dkim", "dmarc", "arc")

_PROVEN = Explanation(
    "差出人のドメインから送られたことが確かめられました。", "It is shown that the sender's domain did send it."
)
_UNPROVEN = Explanation(
    "差出人のドメインから送られたことは確かめられていません（携帯電話会社や学校のサーバーによっては、よくあることです）。",
    "It is not shown that the sender's domain sent it (with some carriers and school servers that is common).",
)
_FORGED = Explanation(
    "差出人を名のる偽のメールと考えられます（DMARC: fail、ポリシー: reject）。",
    "This is taken for a forged mail (DMARC: fail, policy: reject).",
)
_VOUCHED = Explanation(
    "転送されたメールで、信頼している転送元が差出人を確かめています。",
    "It was forwarded, and a forwarder that is trusted has checked the sender.",
)
_UNCHECKED = Explanation(
    "差出人の証明を一時的に調べられませんでした。", "The proof of the sender could not be looked up for the moment."
)


def explain_authentication(shown: Authentication) -> Explanation:
    """The marks of a mail, and what they mean."""
    marks = [(method.upper(), _MARKS[getattr(shown, method)]) for method in _METHODS if _matters(shown, method)]
    summary = Explanation(
        "差出人の証明：" + "、".join(f"{name} {mark.ja}" for name, mark in marks) + "。",
        "Proof of the sender: " + ", ".join(f"{name} {mark.en}" for name, mark in marks) + ".",
    )
    return summary + _meaning(shown)


def _matters(shown: Authentication, method: str) -> bool:
    return method != "arc" or shown.arc != "none"


def _meaning(shown: Authentication) -> Explanation:
    if shown.refused:
        return _FORGED
    if shown.dmarc == "policy":
        return _VOUCHED
    if shown.sender_proven:
        return _PROVEN
    if shown.dmarc == "temperror" or (shown.dmarc != "pass" and "temperror" in (shown.spf, shown.dkim)):
        return _UNCHECKED
    return _UNPROVEN
