"""Verdicts: what a refusal means for the address, from the words, the codes and the carrier that said it.

Only ``dead`` may ever take an address off, so everything that could mean something else is looked for first: a full
mailbox, a suspended account, the parent's own filter, our reputation, bad weather on the way. The same words mean
different things at different carriers: docomo says ``550 Unknown user`` at RCPT for a dead address and after DATA for
one that filters us; au writes the address into the first and leaves it out of the second (`550 : User unknown`).
"""

from __future__ import annotations

import re
from enum import StrEnum

from mail.addresses import carrier_of


class Verdict(StrEnum):
    """What became of a mail, as far as a report tells."""

    DEAD = "dead"
    FULL = "full"
    SUSPENDED = "suspended"
    FILTERED = "filtered"
    POLICY = "policy"
    DEFERRED = "deferred"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"


_FULL = re.compile(
    r"(?:mail ?box|account|inbox|folder|user|recipient|disk|storage|maildir)[^.\n]{0,60}(?:is |are )?"
    r"(?:full|over ?quota|over the (?:maximum|allowed|limit)|out of space|exceeds?d? )"
    r"|over ?quota|quota (?:is )?(?:exceeded|full|violation)|exceed\w* [^.\n]{0,40}(?:quota|storage|mailbox|disk)"
    r"|insufficient (?:disk|storage|system storage|space)|out of (?:storage )?space|not enough (?:storage|space)"
    r"|too many messages (?:on|in) |mailbox ?full|no space left|storage (?:space|limit)|full mailbox"
    r"|larger than the space"
    r"|一杯|いっぱい|容量(?:を|が)?(?:超|オーバー|制限)",
    re.IGNORECASE,
)
_SUSPENDED = re.compile(
    r"(?:account|mailbox|mail box|user|recipient|address|domain)[^.\n]{0,60}\b(?:disabled|suspended"
    r"|inactive|deactivated"
    r"|locked|discontinued|not active|temporarily limited|on hold|expired|blocked|restricted"
    r"|unavailable at this time)"
    r"|(?:disabled|inactive|suspended|deactivated|locked|expired) (?:user|account|mailbox|recipient)|not activated"
    r"|利用停止|一時停止",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"rejected by (?:a |the )?(?:remote mail server|user|recipient|filter|domain filter)|user (?:refused|reject)|"
    r"(?:recipient(?! address rejected)|user|member|subscriber)\b[^.\n]{0,40}"
    r"(?:refused|rejects?|reject(?:ed|ing)|not accept|blocked|is not receiving)"
    r"|refused due to"
    r"|does not (?:want|accept) (?:mail|messages?) from|sender (?:is )?(?:not|rejected)"
    r"|you are not (?:allowed|permitted)"
    r"|not (?:allowed|permitted|authorized|authorised) to (?:send|post|receive)|refused by"
    r"|due to (?:extended )?inactivity|recipient's filter"
    r"|due to user'?s? (?:request|preference)|whitelist|approved senders|not in (?:the )?(?:address book|allow)"
    r"|受信拒否|拒否され|迷惑メール|フィルタ",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"\bspam|spamhaus|black ?list|block ?list|\bblocked\b|\bdnsbl|\brbl\b|\bspf\b|\bdkim\b|\bdmarc\b"
    r"|reputation|policy|\bpolicies"
    r"|authenticat|unsolicited|bulk mail|virus|malware|phish|reverse dns|\bptr\b|\brdns\b|relay"
    r"|message (?:is )?too (?:large|big)"
    r"|(?:message|size)[^.\n]{0,30}(?:exceeds?|too (?:large|big)|limit)|access denied|permission|prohibited"
    r"|banned|not accepted from"
    r"|sender (?:address )?(?:rejected|denied|verif|domain)|domain of sender|sender domain|unable to verify"
    r"|bad (?:helo|reverse)"
    r"|content (?:rejected|filter|denied)|rejected (?:for|due|as|because)|security|tls|encrypt|forbidden"
    r"|not rfc|rfc ?5322|header"
    r"|syntax error|\bloop|too many hops|hop count|\bsuspicious|helo|ehlo|administrative|\bcname\b"
    r"|blacklisted|badmailfrom",
    re.IGNORECASE,
)
_DEFERRED = re.compile(
    r"timed? ?out|connection (?:refused|reset|closed|failed|lost)|try (?:again|later)|temporar|grey-?list"
    r"|gr[ae]y ?listed"
    r"|too many (?:connections|concurrent|recipients|sessions|errors|messages)|rate limit|throttl|retry time(?:out)?"
    r"|(?:delivery|message|queue|retry)[^.\n]{0,30}expired|could not be delivered (?:for|in|within)"
    r"|network (?:error|unreachable)"
    r"|service (?:unavailable|not available)|no route to host|server (?:busy|error)|lost connection"
    r"|unreachable|internal error"
    r"|system (?:error|problem|not)|resources? |deferred|overload|can't create|i/o error|cannot open"
    r"|configuration|command died"
    r"|undeliverable for \d|days?\b.{0,20}(?:gave|giving) up|exceeded (?:the )?(?:maximum|max|rate|limit)"
    r"|out of memory|unexpected",
    re.IGNORECASE,
)
_NO_USER = re.compile(
    r"(?:user|recipient|account|mailbox|mail box|address|local ?part|addressee|member|alias)[^.\n]{0,50}?"
    r"(?:\bunknown|not (?:be )?found|does(?:n.?t| not) exist|doesn't exist|not exist|is (?:invalid"
    r"|not valid)|not a valid|not known"
    r"|is not listed|not recogni[sz]ed|no longer (?:exist|valid|available|in use)|undefined|isn't here|not here)"
    r"|(?:unknown|invalid|no such|non-?existent|not a valid|bad destination|no valid|undefined) "
    r"(?:or illegal )?(?:\w+ ){0,2}?(?:user|recipient|mailbox|mail box|address|account|local|person"
    r"|addressee|alias|destination)"
    r"|no (?:mailbox|account) (?:here )?(?:by|with|for)|recipnotfound|recipientnotfound|resolver\.adr\.[\w.]*notfound"
    r"|doesn't have an? \S+ account|not our customer|email address could not be found|not listed in (?:the )?"
    r"(?:directory|domino|public)|user[_ ]?unknown|has moved|user not found|no such mail ?box|there is no one"
    r"|宛先(?:不明|が見つ)|存在(?:しません|しないため|しないアドレス)|見つかりません",
    re.IGNORECASE,
)
_NO_HOST = re.compile(
    r"host (?:or domain name )?(?:unknown|not found)|unknown (?:host|domain)|no such (?:host|domain)"
    r"|domain (?:name )?not found"
    r"|name or service not known|unrouteable mail domain|nxdomain|does not accept (?:e?mail|any mail)|null ?mx"
    r"|domain does(?:n't| not) exist|couldn't find any host named|name service error[^.\n]{0,80}not found"
    r"|all relevant mx records point to non-existent|domain (?:is )?invalid|invalid domain"
    r"|couldn.?t find a mail exchanger|bad destination system",
    re.IGNORECASE,
)
_AFTER_DATA = re.compile(
    r"end of data|after (?:end of )?data\b|in reply to (?:end of )?data|message content", re.IGNORECASE
)
_AT_RCPT = re.compile(r"rcpt to", re.IGNORECASE)
_TEMPORARY_CODE = re.compile(r"(?<![\d.])4[0-5]\d[ -](?:#?4\.\d|\D)")
DEAD_STATUS = ("5.1.1", "5.1.10", "5.1.6")
"""No such mailbox, no such recipient, moved away (RFC 3463 3.2, RFC 7505)."""
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_AU_WITH_ADDRESS = re.compile(r"550[ -](?:\d\.\d\.\d )?<[^<>\s]+>: user unknown", re.IGNORECASE)


def status_in(words: str) -> str | None:
    """The first enhanced status code (RFC 3463) in a text."""
    found = _ENHANCED.search(words)
    return found[1] if found else None


def judge(words: str, status: str | None, domain: str) -> tuple[Verdict, str]:
    """Return the verdict on a refusal and a static reason for it.

    `words` is what the refusing server (or the one that reports it) said, `status` the RFC 3463 code, `domain` the
    recipient's where known.
    """
    status = status or status_in(words) or ""
    if status.startswith("2."):
        return Verdict.DELIVERED, "status of success"
    if status in ("5.2.2", "4.2.2") or _FULL.search(words):
        return Verdict.FULL, "mailbox full"
    carrier = carrier_of(domain) if domain else "other"
    unknown_user = bool(_NO_USER.search(words))
    if unknown_user and (_AFTER_DATA.search(words) and not _AT_RCPT.search(words)):
        return Verdict.FILTERED, "refused only after the content was sent"
    if unknown_user and carrier == "au" and not _AU_WITH_ADDRESS.search(words):
        return Verdict.FILTERED, "au names no address: the recipient's own filter"
    if unknown_user and carrier == "docomo" and not _AT_RCPT.search(words):
        return Verdict.FILTERED, "docomo: not certain that it was said at RCPT"
    if unknown_user and status.startswith("5.2."):
        return Verdict.FILTERED, "the words say unknown, the status says that the mailbox exists"
    if _SUSPENDED.search(words):
        return Verdict.SUSPENDED, "account suspended"
    temporary = status.startswith("4.") or bool(_TEMPORARY_CODE.search(words))
    if temporary:
        return Verdict.DEFERRED, "temporary refusal"
    if status.startswith("5.7") or (_POLICY.search(words) and not (unknown_user and status in DEAD_STATUS)):
        return (Verdict.FILTERED, "recipient's filter") if _FILTERED.search(words) else (Verdict.POLICY, "policy")
    if _FILTERED.search(words) and not unknown_user:
        return Verdict.FILTERED, "recipient's filter"
    if unknown_user:
        return Verdict.DEAD, "no such user"
    if _NO_HOST.search(words) and not _DEFERRED.search(words):
        return Verdict.DEAD, "no such domain"
    if status in DEAD_STATUS and not _DEFERRED.search(words) and not _FILTERED.search(words):
        return Verdict.DEAD, "status says no such user"
    if _DEFERRED.search(words):
        return Verdict.DEFERRED, "trouble on the way"
    return Verdict.UNKNOWN, "no rule fits"
