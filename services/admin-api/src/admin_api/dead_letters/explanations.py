"""Why a service gave a message up, and what the operator can do, in words. Pure.

    the static code with which a service gave up -> what happened + what helps; in two languages
A code that is not in the table is a surprise in a program, named by its class.
"""

from collections.abc import Mapping
from typing import Final

from admin_api.kernel.explanation import Explanation

BY_ANYBODY: Final = frozenset(
    {
        "token_not_ours",
        "token_of_another_kind",
        "report_without_token",
        "feedback_without_token",
        "feedback_of_another_kind",
        "feedback_not_understood",
    }
)
"""Reasons that anybody outside can cause, as often as he likes."""

# What helps.
_DROP = Explanation("通常は、破棄してかまいません。", "As a rule it can be dropped.")
_DROP_OLD_KEY = Explanation(
    "トークンの鍵を替えた直後に増えたときは、古い鍵を設定に戻してから再試行してください。そうでなければ破棄してかまいません。",
    "If there are many since token keys were changed, put the old key back and retry; otherwise drop it.",
)
_KEYS = Explanation(
    "サービスの鍵の設定に古い鍵が抜けていないか確かめ、戻してから再試行してください。",
    "See whether an older key is missing in the service's settings; put it back, then retry.",
)
_RETRY = Explanation(
    "原因を直してから、または少し待ってから再試行してください。",
    "Retry when the cause is mended, or after a while.",
)
_UPDATE = Explanation(
    "ログで原因を調べ、プログラムを直したあとで再試行してください。",
    "Look for the cause in the log, and retry when the program is mended.",
)
_SAME_RELEASE = Explanation(
    "すべてのサービスが同じ版かどうか確かめ、更新が終わってから再試行してください。",
    "See whether all services are of one release; retry when the update is done.",
)
_SEND_ANEW = Explanation(
    "再試行できないときは破棄し、学校にもう一度送るよう伝えてください。破棄すると、届いていない人が一覧に出ます。",
    "Where a retry does not help, drop it and tell the school to send again: dropped copies show as not delivered.",
)
_RESTORED = Explanation(
    "バックアップから戻した直後でないか確かめてください。データが戻る見込みがなければ破棄してください。",
    "Was a database restored just before? If the data will not come back, drop it.",
)

_WORDS: Final[Mapping[str, tuple[Explanation, Explanation]]] = {
    "token_not_ours": (
        Explanation(
            "返信先アドレスの印（トークン）が、このシステムのものではありません。偽造か、途中で壊れたものです。",
            "The token in the address that it was sent to is not ours: forged, or damaged on its way.",
        ),
        _DROP_OLD_KEY,
    ),
    "token_of_another_kind": (
        Explanation(
            "返信先アドレスの印（トークン）は本物ですが、別の用途のものです。",
            "The token in the address is ours, but was made for another purpose.",
        ),
        _DROP,
    ),
    "report_without_token": (
        Explanation(
            "どの配信についてのものか分からない不達通知です。アドレスの状態は変えていません。",
            "A report of non-delivery that does not show which copy it is about. No address was changed.",
        ),
        _DROP,
    ),
    "feedback_without_token": (
        Explanation(
            "迷惑メール報告ですが、どの配信についてのものか分かりません。誰も退会させていません。",
            "A complaint of spam that does not show which copy it is about. Nobody was unsubscribed.",
        ),
        Explanation(
            "続くときは、携帯電話会社などへの報告（フィードバックループ）の登録内容を確かめてください。",
            "If there are more, look at what the feedback loop is registered for.",
        ),
    ),
    "feedback_of_another_kind": (
        Explanation(
            "迷惑メール以外の報告（詐欺、ウイルス、認証失敗など）です。",
            "A report of something else than spam: fraud, a virus, failed authentication and the like.",
        ),
        Explanation(
            "同じ報告が続くときは、なりすましや設定（SPF・DKIM・DMARC）を調べてください。確かめたら破棄してください。",
            "If there are more, look for forgery, and at SPF, DKIM and DMARC. Drop it when you have.",
        ),
    ),
    "feedback_not_understood": (
        Explanation("報告の形式を読み取れません。", "A report whose form could not be read."),
        _DROP,
    ),
    "answer_to_an_unknown_message": (
        Explanation("回答の元になった連絡が見つかりません。", "The message that this is an answer to is not known."),
        _RESTORED,
    ),
    "mail_is_not_base64": (
        Explanation("受信したメールの控えが壊れています。", "What was kept of the mail is damaged."),
        _UPDATE,
    ),
    "unknown_registration": (
        Explanation("確認された登録の申し込みが見つかりません。", "The registration that was confirmed is not known."),
        _RESTORED,
    ),
    "unknown_leave_request": (
        Explanation(
            "確認された退会の申し込みが見つかりません。", "The request to leave that was confirmed is not known."
        ),
        _RESTORED,
    ),
    "unknown_copy": (
        Explanation(
            "配信の記録が見つからないため、誰の退会か分かりません。", "The copy is not known, so nor is who leaves."
        ),
        _RESTORED,
    ),
    "confirmation_of_an_unknown_post": (
        Explanation("確認された携帯からの投稿が見つかりません。", "The phone post that was confirmed is not known."),
        _RESTORED,
    ),
    "unknown_unit": (
        Explanation("この施設（学校など）は登録されていません。", "There is no such unit."),
        _RESTORED,
    ),
    "unknown_group": (
        Explanation(
            "このグループは登録されていません。削除された可能性があります。",
            "There is no such group; it may have been deleted.",
        ),
        _DROP,
    ),
    "lane_not_for_messages": (
        Explanation("連絡の優先度の指定が正しくありません。", "The message asks for a lane that is not for messages."),
        _UPDATE,
    ),
    "batch_without_content": (
        Explanation("配信の束に本文がありません。", "A delivery batch without content."),
        _SEND_ANEW,
    ),
    "content_missing": (
        Explanation("配信する本文が見つかりません。", "The content to be delivered is missing."),
        _SEND_ANEW,
    ),
    "content_not_understood": (
        Explanation("配信する本文を読み取れません。", "The content to be delivered could not be read."),
        _SEND_ANEW,
    ),
    "content_cannot_be_rendered": (
        Explanation("本文からメールを作れません。", "No mail could be made of the content."),
        _SEND_ANEW,
    ),
    "progress_not_understood": (
        Explanation("配信の途中経過を読み取れません。", "What was noted of the batch's progress could not be read."),
        _SAME_RELEASE,
    ),
    "message_not_understood": (
        Explanation("メッセージの形式を読み取れません。", "The message is not of the form that this release knows."),
        _SAME_RELEASE,
    ),
    "dead_letter_not_understood": (
        Explanation("保留の記録そのものを読み取れません。", "The dead letter itself could not be read."),
        _SAME_RELEASE,
    ),
    "unexpected_subject": (
        Explanation(
            "このサービスの知らない種類のメッセージです。", "A kind of message that this service does not know."
        ),
        _SAME_RELEASE,
    ),
    "consumer_is_no_more": (
        Explanation(
            "処理を担当していた部分が、今の版にはありません。", "What had given it up does not exist in this release."
        ),
        _DROP,
    ),
    "message_not_kept": (
        Explanation("大きすぎて、控えが残っていません。", "It was too large to be kept."),
        _DROP,
    ),
    "sealed_for_another_service": (
        Explanation("別のサービスあてに封印されています。", "It is sealed for another service."),
        _UPDATE,
    ),
    "sealed_with_unknown_key": (
        Explanation(
            "封印に使われた鍵が、サービスにありません。", "The service does not have the key that it was sealed with."
        ),
        _KEYS,
    ),
    "sealed_box_does_not_open": (
        Explanation(
            "封印が開きません。鍵が違うか、途中で壊れています。",
            "The seal does not open: a wrong key, or it is damaged.",
        ),
        _KEYS,
    ),
    "sealed_content_not_understood": (
        Explanation(
            "封印の中身を読み取れません。", "What is inside the seal is not of the form that this release knows."
        ),
        _SAME_RELEASE,
    ),
    "no_public_key_for_recipient": (
        Explanation("封印に使う公開鍵が設定されていません。", "The public key to seal with is not set."),
        _KEYS,
    ),
    "encrypted_with_unknown_key": (
        Explanation(
            "暗号化に使われた鍵が、サービスにありません。", "The service does not have the key of an encrypted field."
        ),
        _KEYS,
    ),
    "encrypted_field_does_not_open": (
        Explanation("暗号化された項目が開きません。", "An encrypted field does not open."),
        _KEYS,
    ),
    "message_too_large": (
        Explanation("大きすぎて、次の処理に渡せません。", "What follows from it is too large for the bus."),
        _UPDATE,
    ),
    "bad_subject_or_header": (
        Explanation(
            "次の処理に渡すための宛名が正しくありません。", "What follows from it has no valid subject or header."
        ),
        _UPDATE,
    ),
}

KNOWN: Final = frozenset(_WORDS)
"""Codes that have words of their own."""

_SURPRISE = Explanation(
    "プログラムの予期しない誤りで処理できませんでした（{reason}）。", "A program met with the unexpected ({reason})."
)
_REFUSED = Explanation(
    "名簿の側が処理を断りました（{reason}）。", "Registry refused what had to be asked for it ({reason})."
)


def explain_dead_letter(reason: str, detail: str) -> Explanation:
    """What happened and what helps. `detail`: class and code as the service told them."""
    if reason in _WORDS:
        cause, cure = _WORDS[reason]
        return cause + cure
    name, _, code = detail.partition(": ")
    if "RequestRefused" in (reason, name):
        return _named(_REFUSED, code or reason) + _RETRY
    return _named(_SURPRISE, reason) + _UPDATE


def _named(words: Explanation, reason: str) -> Explanation:
    return Explanation(words.ja.format(reason=reason), words.en.format(reason=reason))
