"""A sentence for administrators, in both languages. Pure; what is said stands with the feature that says it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, why, or what helps: the same in Japanese and English."""

    ja: str
    en: str

    def __add__(self, other: "Explanation") -> "Explanation":
        return Explanation(f"{self.ja}{other.ja}", f"{self.en} {other.en}".strip())


REGISTER_ANEW = Explanation(
    "保護者の方に、今お使いのアドレスから登録し直してもらってください。",
    "Ask the parent to register again from the address in use now.",
)
"""What helps when an address is dead, whether a copy or a member is looked at."""
