"""Where a reply's own words end: the lines with which mail programs introduce, mark and close a quotation.

Each function looks at one place in a list of lines and at a bounded number of characters, so the whole is linear.
Clients in Japanese and English: docomo, au, SoftBank, iPhone, Gmail, Yahoo!メール, Outlook, Thunderbird, Becky! and
others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

_MAX = 500

_QUOTED = re.compile(r"\s{0,3}(?:>|＞|&gt;|≫|》)(?!\s?[_.。ω<＜])")
_BARRED = re.compile(r"\s{0,3}[|｜]")
_DATE = re.compile(
    r"\d{4}\s?[/.年-]\s?\d{1,2}\s?[/.月-]\s?\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}"
    r"|\d{1,2}\.? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{4}"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2},? \d{4}|\d{1,2}:\d{2}",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d{2}\b|\b(?:19|20)\d{2}年")
_TIME = re.compile(r"\d{1,2}[:時]\d{2}")
_ADDRESS = re.compile(r"[<(\[＜]?[^\s<>()@＠]{1,100}[@＠][^\s<>()@]{1,200}[>)\]＞]?")
_WROTE = re.compile(
    r"(?:wrote|writes|a écrit|schrieb|escribió|のメール|のメッセージ|(?:さん)?(?:は|が)?\s?(?:[^:：]{0,80}に)?"
    r"(?:こう)?書きました|書いた|wrote on .{0,60})\s*[:：]?$",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"[\s*>]{0,4}[-ー―─＿_=*・]{2,}\s{0,4}\*?"
    r"(?:original (?:message|mail|appointment)|forwarded message|reply message|message d'origine|original"
    r"|元のメッセージ|元のメール|元メール|転送メッセージ|転送されたメッセージ|受信メール|返信元(?:メッセージ|メール)?"
    r"|引用|原文|ここから引用)[^-]{0,60}\*?\s{0,4}[-ー―─＿_=*・]*\s*",
    re.IGNORECASE,
)
_BEGIN = re.compile(
    r"\s*(?:begin forwarded message|転送された?メッセージ|以下は?元のメッセージ)\s*[:：]?\s*", re.IGNORECASE
)
_FIELD = re.compile(
    r"[\s*>]{0,4}(from|差出人|送信者|送信元|発信者|sent|送信日時|送信日|受信日時|日時|日付|date"
    r"|to|宛先|送信先|cc|subject|件名|題名|reply-to)\s{0,3}\*?\s{0,3}[:：]\*?",
    re.IGNORECASE,
)
_ORIGIN = {"from", "差出人", "送信者", "送信元", "発信者"}
_ABOUT = {"sent", "送信日時", "送信日", "受信日時", "日時", "日付", "date", "subject", "件名", "題名"}
_RULE = re.compile(r"\s*[-ー―─＿_=*━~〜～]{5,}\s*")
_PHONE = re.compile(
    r"\s*[(<「【]{0,2}\s*(?:sent (?:from|via|with|by|using)\b.{0,80}"
    r"|from my (?:iphone|ipad|android|mobile|phone).{0,40}"
    r"|get \[?outlook for .{0,80}|.{0,40}から送信(?:しました|されました)?"
    r"|(?:ios|android) 版 ?outlook.{0,60}"
    r"|outlook for (?:ios|android).{0,60}|iphoneより送信|.{0,30}で送信(?:しました|されました)"
    r"|yahoo!メール(?: for .{0,20}|アプリ).{0,40}|.{0,30}を使用して送信.{0,10}"
    r"|(?:my docomo|ドコモメール).{0,20}送信.{0,10}"
    r"|envoyé depuis .{0,60}|von meinem .{0,60}gesendet.?|diese nachricht wurde von .{0,80}|verzonden met .{0,40}"
    r"|從我的 .{0,20} 傳送|someone from mobile|enviado desde .{0,40})[)>」】]{0,2}\s*",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"tel\b|fax\b|〒|電話|携帯|https?://|e-?mail|[@＠]|\d{2,4}-\d{2,4}-\d{3,4}", re.IGNORECASE)


def is_quoted(line: str) -> bool:
    """Whether a line bears a quotation mark (``>``, ``＞``). ``>_<`` is a face."""
    return bool(_QUOTED.match(line))


def is_barred(line: str) -> bool:
    """Whether a line starts with ``|``, which quotes only in company."""
    return bool(_BARRED.match(line))


def without_marks(line: str) -> str:
    """The line without its quotation marks."""
    return re.sub(r"^(?:\s{0,3}(?:>|＞|&gt;|[|｜]))+\s?", "", line[:_MAX])


def attribution(lines: Sequence[str], at: int) -> int:
    """How many lines from `at` introduce a quotation ("2026年4月8日(水) 9:00 X <a@b>:", "On ... wrote:"); 0 for none.

    An attribution may be wrapped over three lines.
    """
    return _first_that(_introduces, lines, at)


def bare_attribution(lines: Sequence[str], at: int) -> int:
    """The same for "2026年4月8日(水) 9:00 X:", which is one only where a quotation follows."""
    return _first_that(_dates_only, lines, at)


def _first_that(test: Callable[[str], bool], lines: Sequence[str], at: int) -> int:
    joined = ""
    for count in range(1, 4):
        if at + count > len(lines):
            break
        line = lines[at + count - 1]
        if len(line) > _MAX or not line.strip() or (count > 1 and is_quoted(line) != is_quoted(lines[at])):
            break
        joined = f"{joined} {without_marks(line)}".strip()
        if test(unicodedata.normalize("NFKC", joined)[:_MAX]):
            return count
        if count == 1 and not (_DATE.search(joined) or _ADDRESS.search(joined) or joined.startswith("On ")):
            break
    return 0


def _introduces(text: str) -> bool:
    dated, addressed = bool(_DATE.search(text)), bool(_ADDRESS.search(text))
    if _WROTE.search(text[-160:]):
        return dated or addressed or text.lower().startswith("on ")
    return text.endswith((":", ">")) and dated and addressed


def _dates_only(text: str) -> bool:
    return text.endswith(":") and bool(_DATE.search(text) and _YEAR.search(text) and _TIME.search(text))


def separator(line: str) -> bool:
    """Whether a line announces the original: "-----Original Message-----", "－－－元のメッセージ－－－"."""
    if len(line) > 200:
        return False
    line = unicodedata.normalize("NFKC", line)
    return bool(_SEPARATOR.fullmatch(line) or _BEGIN.fullmatch(line))


def header_block(lines: Sequence[str], at: int) -> int:
    """How many lines from `at` are the header fields of an original ("差出人: ...", "件名: ..."); 0 for none.

    At least two different fields, one of them a date or a subject: a parent may well write "From: 10時" and "To: 11時".
    """
    names: list[str] = []
    count = 0
    for line in lines[at : at + 10]:
        found = _FIELD.match(unicodedata.normalize("NFKC", line[:100]))
        if found:
            names.append(found[1].lower())
        elif not names or not line.startswith((" ", "\t")):
            break
        count += 1
    if len(set(names)) < 2 or not _ABOUT & set(names) or not (_ORIGIN & set(names[:3]) or names[0] in _ABOUT):
        return 0
    return count


def is_rule(line: str) -> bool:
    """Whether a line is nothing but a drawn rule."""
    return len(line) <= _MAX and bool(_RULE.fullmatch(unicodedata.normalize("NFKC", line)))


def is_phone_signature(line: str) -> bool:
    """Whether a line is what a phone or its mail program adds by itself ("iPhoneから送信")."""
    return len(line) <= 200 and bool(_PHONE.fullmatch(unicodedata.normalize("NFKC", line)))


def signature(lines: Sequence[str], at: int) -> int:
    """How many lines from `at` are a signature: "-- " and all below, or a rule and a few lines with contact data."""
    if lines[at].rstrip() in ("--", "－－") and at:
        return len(lines) - at
    if not is_rule(lines[at]):
        return 0
    block = 1
    for number in range(at + 1, min(at + 12, len(lines))):
        if is_quoted(lines[number]) or attribution(lines, number) or header_block(lines, number):
            break
        block += 1
    following = lines[at + 1 : at + block]
    return block if any(_CONTACT.search(line[:_MAX]) for line in following) else 0


def has_contact_data(lines: Sequence[str]) -> bool:
    """Whether lines hold a telephone number, an address or a link, as signatures do."""
    return any(_CONTACT.search(line[:_MAX]) for line in lines)
