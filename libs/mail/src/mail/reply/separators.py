"""Separators: drawn rules, and the lines that announce the original mail ("-----Original Message-----")."""

from __future__ import annotations

import re
import unicodedata

from mail.reply import client_phrases

_MAX = 500
_MAX_SEPARATOR = 200
_RULE_CHARACTERS = "/／-－ー―─—–＿_=＝*＊~〜～━═#＃+＋・･…☆★◆◇■□♪｡゜┏┓┗┛┌┐└┘"
_RULE = re.compile(rf"\s*[{re.escape(_RULE_CHARACTERS)}][\s{re.escape(_RULE_CHARACTERS)}]{{3,}}")
_SEPARATOR = re.compile(  # "-----Original Message-----", "【元のメッセージ】", "---- 以下引用"
    r"[\s*>]{0,4}[-―─—–_=*・~#+▼▽■◆<\[【]{1,80}\s{0,4}"
    rf"(?:{client_phrases.ORIGINAL})\s{{0,4}}(?:[^-―─—–_=*<>\]】▲]{{0,40}}(?:[-―─—–_=*・~#+]{{2,80}}|[▼▽▲△■◆>\]】*]{{1,4}}))?\s*:?\s*",
    re.IGNORECASE,
)
_OPENED = re.compile(r"[\s*>]{0,4}(?:[-―─—–_=*・~#+]{2,}|[▼▽■◆<\[【])")
_NAMED_RULE = re.compile(  # "---- 田中 さんは書きました ----"
    r"[\s*]{0,4}[-―─—–_=]{2,80} ?[^-―─—–_=].{0,120}(?:さん)?[がは](?:次のように)?書きました ?:? ?[-―─—–_=]{2,80}\s*"
)
_BEGIN = re.compile(rf"\s*(?:{client_phrases.BEGIN})\s*:?\s*", re.IGNORECASE)  # "Begin forwarded message:"


def is_separator(line: str) -> bool:
    """Whether a line announces the original mail: "-----Original Message-----", "－－－元のメッセージ－－－"."""
    if len(line) > _MAX_SEPARATOR:
        return False
    text = unicodedata.normalize("NFKC", line)
    if _OPENED.match(text):
        return bool(_SEPARATOR.fullmatch(text) or _NAMED_RULE.fullmatch(text))
    return bool(_BEGIN.fullmatch(text))


def is_rule(line: str) -> bool:
    """Whether a line is nothing but a drawn rule."""
    return 4 <= len(line) <= _MAX and bool(_RULE.fullmatch(line)) and len("".join(line.split())) > 3
