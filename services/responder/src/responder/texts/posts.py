"""Posting from a phone (F3): the confirmation before anything goes out, and what became of it.
Fields: `subject`, `excerpt`."""

from typing import Literal

from responder.texts.base import Scope, Text, compose, paragraphs

Outcome = Literal["sent", "expired", "already_sent", "cancelled"]
_LINE = "──────────"


def confirmation(scope: Scope, recipients: int) -> Text:
    """What will go to how many; only a reply sends it."""
    name = scope.group_name or scope.group
    nobody = "いま登録している人がいないため、\n返信しても誰にも届きません。" if recipients == 0 else ""
    japanese = paragraphs(
        f"次の内容を「{name}」の\n{recipients} 人に送ります。",
        "このメールにそのまま返信すると送信されます。\n返信しなければ送信されません。\n（24時間以内に返信してください）",
        nobody,
        f"件名：{{{{subject}}}}\n{_LINE}\n{{{{excerpt}}}}\n{_LINE}",
        "■ お心当たりのない方へ\n返信しないで、\n学校などの管理者に知らせてください。",
    )
    english = paragraphs(
        f'The mail shown above will go to {recipients} people of "{name}" when you reply to this mail as it is '
        "within 24 hours. Without a reply nothing is sent.",
        "If you did not write it, do not reply, and tell your administrator.",
    )
    return compose(scope, f"配信の確認（{name}・{recipients}人）", japanese, english)


def closed(scope: Scope, outcome: Outcome, recipients: int) -> Text:
    """What became of the post."""
    name = scope.group_name or scope.group
    match outcome:
        case "sent":
            title = f"送信しました（{name}・{recipients}人）"
            japanese = f"「{name}」の {recipients} 人に\n送信しました。"
            english = f'Your mail was sent to {recipients} people of "{name}".'
        case "already_sent":
            title = "すでに送信しています"
            japanese = (
                f"「{name}」へのこのメールは、\nすでに {recipients} 人に送信しています。\n二重には送信していません。"
            )
            english = f'Your mail to "{name}" had already been sent to {recipients} people. It was not sent again.'
        case "expired":
            title = "送信していません（期限切れ）"
            japanese = (
                f"確認の期限が過ぎていたため、\n「{name}」には送信していません。\n\n"
                "送るときは、配信用のアドレスに\nもう一度メールを送ってください。"
            )
            english = (
                f'The confirmation was too old, so nothing was sent to "{name}". To send it, mail it to the post '
                "address again."
            )
        case "cancelled":
            title = "送信を取り消しました"
            japanese = f"「{name}」へのメールは、\n取り消されたため送信していません。"
            english = f'Your mail to "{name}" was cancelled, so it was not sent.'
    return compose(scope, title, japanese, english)
