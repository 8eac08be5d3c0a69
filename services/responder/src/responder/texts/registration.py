"""Registering (F1): the guide, the completion, and friendly refusals. Field: `understood`."""

from typing import Literal

from responder.texts.base import REPLY_TO_CONFIRM, Scope, Text, compose, paragraphs

RefusedReason = Literal["already_member", "expired", "already_done", "closed"]

_HOW_TO_CORRECT = """\
返信のいちばん上に
番号・お子さんの名前・続柄を
書いてください。
（例）15 山田 太郎 母"""


def guide(scope: Scope, *, named: bool) -> Text:
    """Reply and you are registered. `named`: a name was understood from the mail and is shown."""
    named_part = f"■ お名前の確認\n{{{{understood}}}}\n\nまちがいがあれば、\n{_HOW_TO_CORRECT}" if named else ""
    unnamed_part = f"■ お名前をお知らせください\n{_HOW_TO_CORRECT}" if scope.receipts and not named else ""
    japanese = paragraphs(
        f"{scope.unit_name}\n{scope.what}への\nお申し込みを受け付けました。",
        f"■ 登録のしかた\n{REPLY_TO_CONFIRM}\n返信が届くと登録が完了します。",
        named_part,
        unnamed_part,
        "この案内は7日間有効です。",
        "■ お心当たりのない方へ\n何もしなければ登録されません。\nこのメールは削除してください。",
    )
    english = paragraphs(
        f"You asked to receive {scope.what_english} of {scope.unit_name}. "
        "Reply to this mail as it is to register; you need not write anything.",
        "We understood: {{understood}}\nTo correct it, write number, child's name and relation "
        "(for example: 15 山田 太郎 母) at the top of your reply."
        if named
        else "",
        "Please write your child's number, name and your relation at the top of your reply." if unnamed_part else "",
        "This works for 7 days. If you did not ask for this, do nothing: nobody will be registered.",
    )
    return compose(scope, "登録のご案内", japanese, english)


def completed(scope: Scope, *, named: bool) -> Text:
    """What comes next, and how to leave."""
    japanese = paragraphs(
        f"{scope.unit_name}\n{scope.what}への\n登録が完了しました。",
        "■ ご登録のお名前\n{{understood}}" if named else "",
        "■ これから\n連絡がこのアドレスにメールで届きます。\n回答をお願いするメールが来たら、\n"
        "そのまま返信して答えてください。",
        f"■ 最新のお知らせを見たいとき\n次のアドレスに空メールを送ってください。\n{scope.info_address}",
        f"■ やめたいとき\n次のアドレスに空メールを送り、\n届いたメールに返信してください。\n{scope.leave_address}",
        "■ アドレスが変わったとき\n新しいアドレスから、次のアドレスに\n空メールを送ってください。\n"
        f"{scope.entry_address}",
    )
    english = paragraphs(
        f"You are registered for {scope.what_english} of {scope.unit_name}.",
        "Name: {{understood}}" if named else "",
        "News will come to this address by mail. When a mail asks for an answer, just reply to it.",
        f"Latest news at any time: an empty mail to {scope.info_address}\n"
        f"To leave: an empty mail to {scope.leave_address}, then reply to the mail you get.",
    )
    return compose(scope, "登録が完了しました", japanese, english)


def refused(scope: Scope, reason: RefusedReason) -> Text:
    """Why it had no effect, and what to do."""
    match reason:
        case "already_member":
            title = "すでに登録されています"
            japanese = paragraphs(
                f"このアドレスは、\n{scope.unit_name}\n{scope.what}に\nすでに登録されています。",
                "何もしていただく必要はありません。\nこれからも連絡が届きます。",
                f"やめたいときは、次のアドレスに\n空メールを送ってください。\n{scope.leave_address}",
            )
            english = (
                f"This address is already registered for {scope.what_english}. You need not do anything.\n"
                f"To leave, send an empty mail to {scope.leave_address}"
            )
        case "already_done":
            title = "登録は完了しています"
            japanese = paragraphs(
                f"{scope.unit_name}\n{scope.what}への\n登録は、すでに完了しています。",
                "もう一度返信していただく必要はありません。",
            )
            english = f"Your registration for {scope.what_english} was completed before. You need not reply again."
        case "expired":
            title = "もう一度お申し込みください"
            japanese = paragraphs(
                f"ご返信ありがとうございます。\n{scope.unit_name}\n{scope.what}への\n登録のご案内は、"
                "有効期限が切れていました。",
                f"お手数ですが、次のアドレスに\nもう一度空メールを送ってください。\n{scope.entry_address}",
                "新しいご案内が届きますので、\nそのメールに返信してください。",
            )
            english = (
                f"The guide mail that you replied to was too old. Please send an empty mail to {scope.entry_address} "
                "again and reply to the new guide mail."
            )
        case "closed":
            title = "登録を受け付けていません"
            japanese = paragraphs(
                f"{scope.unit_name}\n{scope.what}は、\nいま新しい登録を受け付けていません。",
                f"くわしくは、{scope.unit_name}に\n直接お問い合わせください。",
            )
            english = f"{scope.unit_name} does not take registrations for {scope.what_english} now. Please ask them."
    return compose(scope, title, japanese, english)
