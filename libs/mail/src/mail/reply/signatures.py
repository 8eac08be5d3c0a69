"""Signatures: what stands below a person's words without being any: phone lines, signatures, footers of scanners.

    strip_block  one stretch of a person's own lines, without them
    is_signature whether lines are nothing but a signature

A sentence is never a signature, and neither is a bare number: losing what somebody wrote is worse than leaving a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from mail.reply import client_phrases
from mail.reply.separators import is_rule

_MAX = 500
_MAX_SIGNATURE = 16  # lines
_LINK = re.compile(r"\[([^\[\]]{1,80})\]\([^()\s]{1,300}\)|\s?[<(](?:https?|mailto):[^<>()]{1,300}[>)]")
_AROUND = " \t\u3000\xa0<>()（）「」【】[]*_·・-–—―.。=☆★♪~〜◆◇"
_DEVICE = re.compile(client_phrases.DEVICES, re.IGNORECASE)
_SENT_FROM = re.compile(client_phrases.SENT_FROM, re.IGNORECASE)
_SENT_FROM_MY = re.compile(r"sent from my ", re.IGNORECASE)
_SENT_BY = re.compile(r"sent (?:by|on) ", re.IGNORECASE)
_GET_APP = re.compile(client_phrases.GET_APP, re.IGNORECASE)
_FOOTER = re.compile(client_phrases.FOOTERS, re.IGNORECASE)
_DISCLAIMER = re.compile(client_phrases.DISCLAIMERS, re.IGNORECASE)
_SENT_JA = re.compile(
    r"(.{1,40}?)\s?(?:から|より|で|経由で|を(?:使用して|使って|利用して))、?送信(?:しました|されました|されたメールです|しています)?"
)
_PROSE = re.compile(
    r"[、。,!?！？「」]|[はがを]|私の|僕の|主人|旦那|父|母|夫|妻|嫁|パパ|ママ|会社|学校|職場|実家|自宅|別の|違う|他の|こども|子供|娘|息子|友"
)
_BRANDS = re.compile(r"yahoo!|y!mobile|^私の(?=i-?(?:phone|pad))", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\[(?:image|画像|cid|inline image|添付画像)\s?[:：]?[^\[\]]{0,200}\]"
    r"|<[^<>\s]{1,80}\.(?:png|jpe?g|gif|heic)>|\ufffc+",
    re.IGNORECASE,
)
_DELIMITER = re.compile(r"(?:--|－－)[ \xa0\u3000]?")
_CONTACT = re.compile(
    r"tel\b|fax\b|〒|電話|携帯|https?://|www\.|e-?mail|[@＠]"
    r"|(?<![\d-])0\d{1,4}[-(（ ]\d{1,4}[-)） ]\d{3,4}(?!\d)|\b0[789]0\d{8}\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"(?:です|ます|ました|ません|ましょう|でした|ください|下さい|願い(?:し|いた)|ない|った|[？?！!]|\w\.)"
    r"[。．.！!\s♪☆^)）]*$|。|(?:[A-Za-z']+ ){4}"
)
_TOLD = re.compile(
    r"です|ます|ました|ません|ください|下さい|お願い|\d(?:番|時|度|日)|(?<![\d:])\d{1,2}:\d{2}(?![\d:])|\d{1,2}/\d{1,2}(?![/\d])|\ufe0f?\u20e3"
    r"|[①-⑳❶-❿?？←→⇒]"
)
_NUMBER = re.compile(
    r"[\s(（【\[]*(?:\d{1,2}|[①-⑳❶-❿㊀-㊉])(?:\ufe0f?\u20e3)?(?:番|です|で|、|\.|:)?[\s)）】\]]*.{0,4}"
)


def is_client_line(line: str) -> bool:
    """Whether a line is surely what a phone or its mail program adds by itself ("iPhoneから送信")."""
    if len(line) > 2 * _MAX:
        return False
    text = _bare(line)
    if not text:
        return False
    if _GET_APP.fullmatch(text) or _FOOTER.fullmatch(text):
        return True
    found = _SENT_JA.fullmatch(text)
    if found:
        return bool(_DEVICE.search(found[1])) and not _PROSE.search(_BRANDS.sub("", found[1]))
    return bool(_SENT_FROM.fullmatch(text)) and bool(_DEVICE.search(text) or _SENT_FROM_MY.match(text))


def strip_block(lines: Sequence[str], *, alone: bool) -> list[str]:
    """The lines that a person wrote of one stretch of unmarked ones; `alone` says that there is no other stretch."""
    own = [line for line in lines if not (is_client_line(line) or _PLACEHOLDER.fullmatch(line.strip()[:_MAX]))]
    own = _without_signature(own, alone=alone)
    own = _without_disclaimer(own)
    _trim(own)
    bottom = len(own)
    while bottom and _says_sent_from(own[bottom - 1]):
        bottom -= 1
    if 0 < bottom < len(own) and (not own[bottom - 1].strip() or len(own) - bottom > 1):
        del own[bottom:]
        _trim(own)
    return own


def is_signature(lines: Sequence[str]) -> bool:
    """Whether lines hold contact data, and neither a sentence nor a number that may be an answer."""
    written = [line for line in lines if line.strip()]
    if not written or len(written) > _MAX_SIGNATURE:
        return False
    texts = [unicodedata.normalize("NFKC", line[:_MAX]) for line in written]
    return any(map(_CONTACT.search, texts)) and not any(map(_is_said, texts))


def _is_said(text: str) -> bool:
    if _NUMBER.fullmatch(text) or _TOLD.search(text):
        return True
    return bool(_SENTENCE.search(text)) and not _CONTACT.search(text)


def _says_sent_from(line: str) -> bool:
    """Whether a line below all others says whence or how the mail was sent, as in "Sent with Pigeon"."""
    if len(line) > _MAX or line.rstrip().endswith((".", "!", "。")):
        return False
    text = _bare(line)
    return bool(_SENT_FROM.fullmatch(text)) and not _SENT_BY.match(text)


def _bare(line: str) -> str:
    text = unicodedata.normalize("NFKC", line)
    if "<" in text or "[" in text or "(" in text:
        text = _LINK.sub(lambda found: found[1] or "", text)
    return text.strip(_AROUND)


def _without_signature(lines: list[str], *, alone: bool) -> list[str]:
    for at in range(max(len(lines) - 2 * _MAX_SIGNATURE, 0), len(lines)):
        line = lines[at]
        if _DELIMITER.fullmatch(line):
            above = any(other.strip() for other in lines[:at])
            if line.startswith("-- ") and (above or not alone):
                return lines[:at]  # RFC 3676: it ends what was written
            if is_signature(lines[at + 1 :]) or ((above or not alone) and _few_words(lines[at + 1 :])):
                return lines[:at]
        elif is_rule(line) and is_signature([other for other in lines[at + 1 :] if not is_rule(other)]):
            return lines[:at]
    return lines


def _few_words(lines: Sequence[str]) -> bool:
    """Whether lines may be a name and no more."""
    written = [unicodedata.normalize("NFKC", line[:_MAX]).strip() for line in lines if line.strip()]
    return len(written) <= 4 and all(len(text) <= 40 and not _is_said(text) for text in written)


def _without_disclaimer(lines: list[str]) -> list[str]:
    for at, line in enumerate(lines):
        above = lines[:at]
        if (
            any(other.strip() for other in above)
            and not above[-1].strip(" -_=*")
            and _DISCLAIMER.match(_bare(line[:_MAX]))
        ):
            end = next((number for number in range(at, len(lines)) if not lines[number].strip()), len(lines))
            return [*above, *lines[end:]]
    return lines


def _trim(lines: list[str]) -> None:
    while lines and (not lines[-1].strip() or is_rule(lines[-1])):
        lines.pop()
