"""Whether a mail is a delivery report, and what of it is the report's own rather than the mail's that it returns. Pure.

A report that a person forwards is a person's mail. Sender, subject and the null return path tell; each of them alone
is forged or forgotten often enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mail.mime import headers, plaintext
from mail.mime.parts import Part

TEXT = 20_000
STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
RETURNED_TYPES = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "text/rfc822-header",
    "message/rfc822-headers",
    "message/global-headers",
    "message/partial",
)
_DAEMON = re.compile(
    r"mailer[-_.]?daemon|post[-_]?master|mail[-_.]?(?:deliver|system|admin|er\b)|daemon|mdaemon|bounce|<>"
    r"|delivery|mmdf"
    r"|no-?reply@sns\.amazonaws",
    re.IGNORECASE,
)
_SURE_SENDER = re.compile(r"mailer[-_.]?daemon|mail deliver(?:y)? (?:sub-?)?system", re.IGNORECASE)
_SUBJECT = re.compile(
    r"fail|undeliver|un-?delivered|return(?:ed|ing)? (?:mail|to sender|message)|delivery (?:status|error"
    r"|problem|report|notif|delay)"
    r"|(?:mail|message|delivery) (?:is )?delayed|delayed (?:mail|message)|mail(?: system)? error"
    r"|could ?n.?t be (?:sent|delivered)|not (?:be )?delivered|bounce|error sending"
    r"|warning: (?:could not|message)|nondeliver|non-?delivery|rejected|mail delivery|unable to deliver"
    r"|message frozen|\bndn:|postmaster notify|message status|unzustellbar"
    r"|non remis|non recapitabile"
    r"|no se puede entregar|n[aã]o .{0,12}entregue|[eé]chec|fehlgeschlagen|不达|退信|エラー"
    r"|配信(?:不能|できません|失敗)|届きません|返送"
    r"|配信に失敗|配送でき|送達でき|送信できません|メール.{0,6}戻|戻りました|戻されました|blocked by our",
    re.IGNORECASE,
)
_SURE_SUBJECT = re.compile(
    r"failure notice|mail(?: system)? error|メールエラー|undeliver|delivery (?:status )?notif|delivery failure"
    r"|returned mail",
    re.IGNORECASE,
)
_REPLY = re.compile(r"re:", re.IGNORECASE)
_ABSENT = re.compile(
    r"out of (?:the )?office|vacation|\baway\b|auto(?:matic)?[- ]?(?:reply|response)|abwesen|absence|ausente"
    r"|不在|休暇|自動返信|自動応答"
    r"|応答|fuori sede",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^(?:-{2,} ?(?:Below this line|This is a copy|Original [Mm]essage|The header|Copy of|Returned|Unsent"
    r"|Included|Message header|"
    r"Transcript of header)|[ \t]{0,20}-{3,} ?(?:original|returned|unsent) ?(?:message|mail)|Original message follows"
    r"|(?:Original )?Message headers? follows?|Received: ?from|[ \t]{0,8}Below is a copy of the original"
    r"|Original message headers:"
    r"|The (?:following|original) message (?:text|header)|Return-Path:|--- Original|\|?-{10,} ?Message header"
    r"|En-t.tes de message"
    r"|Intestazioni originali|This is a copy of the headers)",
    re.IGNORECASE | re.MULTILINE,
)
_TO = re.compile(r"^To:[ \t]*([^\n]{3,300})", re.IGNORECASE | re.MULTILINE)
_ONLY_A_WARNING = re.compile(
    r"only a temporary failure report|this is a warning (?:message )?only|do not need to re-?send your message"
    r"|you do not need to re-?send the message|will be retried (?:until|for)|still being retried"
    r"|delivery attempts will continue|delivery to the following recipients? has been delayed"
    r"|no action is required on your part",
    re.IGNORECASE,
)


def own_parts(part: Part) -> Iterable[Part]:
    """The parts of the report itself, without what lies in the mail that it returns."""
    yield part
    if not part.content_type.startswith("message/"):
        for child in part.children:
            yield from own_parts(child)


def own_text(own: Iterable[Part]) -> str:
    """What the report itself says, as text of at most TEXT characters, up to where it begins to quote."""
    pieces: list[str] = []
    plain = False
    for part in own:
        # A multipart whose boundary is nowhere to be found is read as the text that it is.
        readable = part.content_type.startswith(("text/", "multipart/")) and not part.children
        if not readable or part.content_type in RETURNED_TYPES or (plain and part.content_type == "text/html"):
            continue
        text = part.text(TEXT * 2)[0]
        if part.content_type == "text/html":
            text = plaintext.from_html(text)
        plain = plain or bool(part.content_type == "text/plain" and text.strip())
        pieces.append(_before_the_original(text))
    return "\n".join(pieces)[:TEXT]


def _before_the_original(text: str) -> str:
    """A header field may stand above the report's own words, too; a line that announces the original can't."""
    original = _ORIGINAL.search(text)
    while original and original[0][:1] in "Rr" and original.start() <= 40:
        original = _ORIGINAL.search(text, original.end())
    return text[: original.start()] if original and text[: original.start()].strip() else text


def looks_like_report(top: Part) -> bool:
    """Whether a mail without delivery status fields comes from a mail system and says that something failed."""
    if top.raw("x-failed-recipients"):
        return True
    sender = headers.decode_words(top.raw("from"))[:300]
    subject = headers.decode_words(top.raw("subject"))[:300]
    return_path = headers.decode_words(top.raw("return-path"))[:300]
    from_daemon = bool(_DAEMON.search(sender))
    if top.raw("auto-submitted").lower().startswith(b"auto-replied") and not from_daemon:
        return False  # a vacation note; some mail systems mark their reports so too
    if not from_daemon and _ABSENT.search(subject):
        return False
    sure = _SURE_SENDER.search(sender) or return_path == "<>" or _REPLY.match(subject)
    if from_daemon and (sure or not subject):
        return True
    if return_path == "<>" and any(child.content_type == "message/rfc822" for child in top.children):
        return True
    daemon = from_daemon or return_path == "<>" or bool(_DAEMON.search(return_path))
    return bool(_SUBJECT.search(subject) if daemon else _SURE_SUBJECT.match(subject))


def says_it_is_one(top: Part) -> bool:
    """Whether a mail calls itself a delivery report (RFC 3462), though the part that makes it one may be lost."""
    kind = top.parameters.get("report-type", "").strip().lower()
    return top.content_type == "multipart/report" and kind == "delivery-status"


def only_a_warning(text: str) -> bool:
    """Whether a report without fields says that it is still being tried."""
    return bool(_ONLY_A_WARNING.search(re.sub(r"[ \t\n#*]+", " ", text)))


def returned_recipient(top: Part) -> bytes:
    """The To field of the mail that a report returns: as a part, or else amid its text."""
    for part in top.walk():
        if part is not top and part.content_type in RETURNED_TYPES:
            inner = part.children[0] if part.children else part
            fields = headers.split(inner.body, 64_000, 200)[0] if not part.children else inner.fields
            return next((value for name, value in fields if name == "to"), b"").strip()
    for part in own_parts(top):
        if part.content_type == "text/plain" and (to := _TO.search(part.text(TEXT * 2)[0])):
            return to[1].encode("utf-8", "replace").strip()
    return b""
