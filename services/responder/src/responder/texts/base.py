"""What all texts share: where they speak from, and how a mail is laid out."""

from dataclasses import dataclass

_RULE = "－－－－－－－－－－"


@dataclass(frozen=True, slots=True)
class Text:
    """Subject and text of a mail; the text has LF line ends."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Scope:
    """The unit, and perhaps the group of it, that a mail is about. Without a group it speaks of the whole unit."""

    unit: str
    unit_name: str
    base_domain: str
    group: str | None = None
    group_name: str | None = None
    receipts: bool = False

    @property
    def what(self) -> str:
        """What one registers for, in Japanese."""
        return f"「{self.group_name or self.group}」の連絡メール" if self.group else "すべての連絡メール"

    @property
    def what_english(self) -> str:
        return f'the mails of "{self.group_name or self.group}"' if self.group else "all mails"

    @property
    def entry_address(self) -> str:
        return f"{self.group}-entry@{self._domain}"

    @property
    def leave_address(self) -> str:
        return f"{self.group}-leave@{self._domain}" if self.group else f"leave@{self._domain}"

    @property
    def info_address(self) -> str:
        return f"info@{self._domain}"

    @property
    def _domain(self) -> str:
        return f"{self.unit}.{self.base_domain}"


REPLY_TO_CONFIRM = "このメールに、このまま返信してください。\n何も書かなくてかまいません。"


def compose(scope: Scope, title: str, japanese: str, english: str) -> Text:
    """A mail of a unit: title in the subject behind the unit's name, Japanese, English, signature."""
    text = f"{japanese.strip()}\n\n{_RULE}\n[English]\n{english.strip()}\n\n{_RULE}\n{scope.unit_name}\n連絡メール\n"
    return Text(f"【{scope.unit_name}】{title}", text)


def paragraphs(*parts: str) -> str:
    """Parts that are not empty, with a blank line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())
