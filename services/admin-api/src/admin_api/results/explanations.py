"""Why a copy was not delivered, and what to do about it, in words for administrators. Pure.

    what became of the copy + the static reason (contracts.reasons) -> what happened, why, what helps; in two languages
A reason that is not in the table (an operator may have given one of his own) is explained by the outcome alone.
"""

from collections.abc import Mapping
from typing import Final

from admin_api.kernel.explanation import REGISTER_ANEW, Explanation
from contracts import reasons

_NOTHING = Explanation("", "")

# What helps. {domain} is the unit's mail domain.
_LET_US_IN = Explanation(
    "保護者の方に、携帯電話の受信設定（ドメイン指定受信）で「{domain}」からのメールを受け取れるようにしてもらってください。",
    "Ask the parent to let mail from “{domain}” through in the phone's mail settings (ドメイン指定受信).",
)
_MAKE_ROOM = Explanation(
    "保護者の方に、いらないメールを消してもらってください。",
    "Ask the parent to delete mail that is no longer needed.",
)
_ASK_THE_PARENT = Explanation(
    "保護者の方に、このアドレスでメールを受け取れているか確かめてもらってください。",
    "Ask the parent whether mail still arrives at this address.",
)
_ASK_THE_HOST = Explanation(
    "保護者の方に、アドレスを管理している会社や学校の担当者へ「{domain}」からのメールを受け取れるように頼んでもらうか、"
    "別のアドレスで登録してもらってください。",
    "Ask the parent to have “{domain}” let through by whoever runs that address, or to register another one.",
)
_TELL_THE_OPERATOR = Explanation(
    "保護者の方の設定ではなく、配信する側の問題です。運用会社にお知らせください。",
    "This is not the parent's doing but ours: please tell the operating company.",
)
_SHORTEN = Explanation(
    "文章を短くして、もう一度送ってください。",
    "Shorten the text and send it again.",
)
_SEND_ANEW = Explanation(
    "まだ役に立つ内容であれば、届いていない人に再送してください。",
    "If it is still of use, send it again to those who did not get it.",
)
_OTHERWISE = Explanation(
    "お急ぎのときは、電話など別の方法でお知らせください。",
    "If it is urgent, use another way, such as the telephone.",
)

_BEFORE: Final[Mapping[str, Explanation]] = {
    "deferred": Explanation(
        "まだ届いていません。自動で送り直しています。", "Not delivered yet; it is being tried again by itself."
    ),
    "expired": Explanation("期限までに届けられませんでした。", "It could not be delivered in time."),
}
"""What is said first where the reason alone doesn't tell it."""

_BY_OUTCOME: Final[Mapping[str, tuple[Explanation, Explanation]]] = {
    "deferred": (_NOTHING, _NOTHING),
    "expired": (_NOTHING, _OTHERWISE),
    "dead": (Explanation("このアドレスは存在しません。", "This address does not exist."), REGISTER_ANEW),
    "full": (Explanation("メールボックスがいっぱいです。", "The mailbox is full."), _MAKE_ROOM),
    "filtered": (
        Explanation(
            "受信拒否設定（ドメイン指定受信など）の可能性があります。",
            "The parent's own mail filter has probably refused it.",
        ),
        _LET_US_IN,
    ),
    "policy": (
        Explanation("相手の会社（携帯電話会社など）が受け取りを断りました。", "The mail carrier refused to take it."),
        _TELL_THE_OPERATOR,
    ),
    "failed": (Explanation("相手のサーバーが受け取りを断りました。", "The other server refused it."), _OTHERWISE),
    "superseded": (
        Explanation(
            "配信を止めたか、訂正を送ったので、送っていません。", "It was stopped or corrected, and so not sent."
        ),
        _NOTHING,
    ),
}
"""For whatever reason: cause, and what helps."""

_SAME_AS: Final[Mapping[str, str]] = {
    "no such user": "dead",
    "mailbox full": "full",
    "refused by the recipient's filter": "filtered",
    "refused by policy": "policy",
    "refused": "failed",
}

_SLOW = Explanation("相手のサーバーが混み合っています。", "The other side's servers are busy.")
_UNREACHABLE = Explanation("相手のサーバーにつながりません。", "The other side's servers cannot be reached.")
_BROKEN = Explanation("相手のサーバーとの通信が途中で切れました。", "The talk with the other server broke off.")
_NO_TLS = Explanation(
    "相手のサーバーと暗号化した通信ができません。", "No encrypted connection with the other server is possible."
)
_NO_DOMAIN = Explanation(
    "アドレスの＠より後ろが存在しません。", "What stands after the @ of the address does not exist."
)
_NO_MAIL_THERE = Explanation(
    "アドレスの＠より後ろでは、メールを受け取っていません。", "What stands after the @ of the address takes no mail."
)
_BAD_ADDRESS = Explanation("アドレスの書き方に誤りがあります。", "The address is not written correctly.")
_NOT_US = Explanation(
    "相手のサーバーが、こちらからの接続を断っています。", "The other server refuses connections from ours."
)
_OUR_TROUBLE = Explanation("配信する側で問題が起きました。", "Something went wrong on our side.")
_DNS = Explanation("相手のサーバーの名前を調べられません。", "The other server's name cannot be looked up.")

_BY_REASON: Final[Mapping[str, tuple[Explanation, Explanation]]] = {
    **{reason: _BY_OUTCOME[outcome] for reason, outcome in _SAME_AS.items()},
    "mailbox unavailable": (
        Explanation("このアドレスは使われていない可能性があります。", "This address is perhaps no longer in use."),
        _ASK_THE_PARENT,
    ),
    "no such domain": (_NO_DOMAIN, REGISTER_ANEW),
    "domain has no mail server": (_NO_MAIL_THERE, REGISTER_ANEW),
    "domain takes no mail": (_NO_MAIL_THERE, REGISTER_ANEW),
    "address literal": (_BAD_ADDRESS, REGISTER_ANEW),
    "our own domain": (
        Explanation("配信用のアドレスが登録されています。", "An address of this service itself is registered."),
        REGISTER_ANEW,
    ),
    "mail would come back to us": (
        Explanation("宛先をたどると、こちらに戻ってきます。", "Mail to this address would come back to us."),
        REGISTER_ANEW,
    ),
    "address not understood": (_BAD_ADDRESS, REGISTER_ANEW),
    "address cannot be written": (_BAD_ADDRESS, REGISTER_ANEW),
    "not a sendable address": (_BAD_ADDRESS, REGISTER_ANEW),
    "mailbox suspended": (
        Explanation("このアドレスは利用が停止されています。", "This mailbox is suspended."),
        _ASK_THE_PARENT,
    ),
    "refused by the recipient's organisation": (
        Explanation(
            "アドレスを管理している会社や学校の決まりで、受け取りを断られました。",
            "Whoever runs that address (a company, a school) refuses mail from us.",
        ),
        _ASK_THE_HOST,
    ),
    "recipient gets too much at once": (
        Explanation("この方へのメールが一度に集中しています。", "Too much mail reaches this mailbox at once."),
        _OTHERWISE,
    ),
    "sender not authenticated": (
        Explanation(
            "送信元の確認（SPF・DKIM・DMARC）に通りませんでした。",
            "The proof of who we are (SPF, DKIM, DMARC) was not accepted.",
        ),
        _TELL_THE_OPERATOR,
    ),
    "on a block list": (
        Explanation(
            "送信元が迷惑メールのブロックリストに載っているか、評判が下がっています。",
            "Our servers are on a block list, or have a bad reputation there.",
        ),
        _TELL_THE_OPERATOR,
    ),
    "refused by policy for now": (
        Explanation("相手の会社が、今は受け取りを断っています。", "The mail carrier does not take it for now."),
        _TELL_THE_OPERATOR,
    ),
    "sender refused": (
        Explanation("送信元のアドレスが断られました。", "Our sender address was refused."),
        _TELL_THE_OPERATOR,
    ),
    "host refuses us": (_NOT_US, _TELL_THE_OPERATOR),
    "relay refuses our login": (_OUR_TROUBLE, _TELL_THE_OPERATOR),
    "login failed": (_OUR_TROUBLE, _TELL_THE_OPERATOR),
    "too large": (Explanation("メールが大きすぎます。", "The mail is too large."), _SHORTEN),
    "too large for this server": (Explanation("メールが大きすぎます。", "The mail is too large."), _SHORTEN),
    "asked to slow down": (
        Explanation(
            "相手の会社から、ゆっくり送るように求められています。", "The mail carrier asks us to send more slowly."
        ),
        _OTHERWISE,
    ),
    "host is busy": (_SLOW, _OTHERWISE),
    "greylisted": (
        Explanation(
            "相手のサーバーが、はじめての送信元を少し待たせています（迷惑メール対策）。",
            "The other server makes new senders wait for a few minutes, against spam.",
        ),
        _OTHERWISE,
    ),
    "session was used up": (_SLOW, _OTHERWISE),
    "temporary refusal": (
        Explanation("相手のサーバーが、一時的に受け取れません。", "The other server cannot take it just now."),
        _OTHERWISE,
    ),
    **dict.fromkeys(
        (
            "encryption required",
            "no starttls offered",
            "starttls refused",
            "starttls failed",
            "certificate not trusted",
            "no server that its mta-sts policy allows",
        ),
        (_NO_TLS, _TELL_THE_OPERATOR),
    ),
    **dict.fromkeys(
        (
            "no server",
            "no connection",
            "no connection in time",
            "no usable mail server named",
            "no mail server has an address that we may use",
        ),
        (_UNREACHABLE, _OTHERWISE),
    ),
    **dict.fromkeys(
        (
            "no reply in time",
            "connection lost",
            "session ended",
            "session dropped",
            "reset refused",
            "another copy was announced",
            "reply not understood",
            "reply out of step",
            "reply too long",
            "malformed reply",
        ),
        (_BROKEN, _OTHERWISE),
    ),
    "dns gives no answer": (_DNS, _OTHERWISE),
    "dns does not know the carriers either": (_DNS, _TELL_THE_OPERATOR),
    "too late to be of use": (
        Explanation("役に立つ時刻を過ぎたので、送っていません。", "It was too late to be of use, and so not sent."),
        _OTHERWISE,
    ),
    "stopped by its sender": (
        Explanation("配信を止めたので、送っていません。", "It was stopped, and so not sent."),
        _NOTHING,
    ),
    "superseded by a correction": (
        Explanation("訂正を送ったので、送っていません。", "A correction was sent in its place."),
        _NOTHING,
    ),
    "content missing": (_OUR_TROUBLE, _TELL_THE_OPERATOR),
    "cannot be rendered": (_OUR_TROUBLE, _TELL_THE_OPERATOR),
    reasons.DROPPED: (_OUR_TROUBLE, _SEND_ANEW),
}

KNOWN: Final = frozenset(_BY_REASON)
"""Reasons that have words of their own."""


def explain_copy(outcome: str, reason: str, *, domain: str) -> Explanation | None:
    """What became of a copy and what to do; `domain` is the unit's mail domain. None for what needs no explanation: it
    was delivered, or has not been tried yet."""
    if outcome not in _BY_OUTCOME:
        return None
    last = reason.removeprefix(reasons.GIVEN_UP)
    cause, advice = _BY_REASON.get(last) or _BY_OUTCOME[outcome]
    before = _BEFORE.get(outcome, _NOTHING)
    if outcome == "deferred":
        # It may well arrive by itself: nobody need do anything yet.
        advice = _NOTHING
    elif last == "too late to be of use":
        before = _NOTHING
    whole = before + cause + advice
    return Explanation(whole.ja.replace("{domain}", domain), whole.en.replace("{domain}", domain).strip())
