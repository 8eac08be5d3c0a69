"""Leaving (F2): the guide, the completion, and friendly refusals."""

from typing import Literal

from responder.texts.base import REPLY_TO_CONFIRM, Scope, Text, compose, paragraphs

RefusedReason = Literal["not_member", "expired", "already_done"]


def guide(scope: Scope) -> Text:
    """Reply and you have left."""
    japanese = paragraphs(
        f"{scope.unit_name}\n{scope.what}を\nやめるお申し込みを受け付けました。",
        f"■ やめるには\n{REPLY_TO_CONFIRM}\n返信が届くと解除されます。",
        "■ やめないときは\n何もしないでください。\nいままでどおり連絡が届きます。",
        "この案内は7日間有効です。",
    )
    english = paragraphs(
        f"You asked to stop receiving {scope.what_english} of {scope.unit_name}. Reply to this mail as it is to leave.",
        "If you want to stay, or did not ask for this, do nothing. This works for 7 days.",
    )
    return compose(scope, "解除のご案内", japanese, english)


def completed(scope: Scope) -> Text:
    """You have left, and how to come back."""
    again = (
        f"もう一度登録するときは、\n次のアドレスに空メールを送ってください。\n{scope.entry_address}"
        if scope.group
        else f"もう一度登録するときは、\n{scope.unit_name}の登録案内にある\nアドレスに空メールを送ってください。"
    )
    japanese = paragraphs(
        f"{scope.unit_name}\n{scope.what}を解除しました。",
        "これからは、連絡は届きません。\nご利用ありがとうございました。",
        again,
    )
    english = paragraphs(
        f"You no longer receive {scope.what_english} of {scope.unit_name}.",
        f"To come back, send an empty mail to {scope.entry_address}" if scope.group else "",
    )
    return compose(scope, "解除が完了しました", japanese, english)


def complained(scope: Scope) -> Text:
    """You told your carrier that our mail is unwanted, so you have left; and how to come back if it was a mistake."""
    japanese = paragraphs(
        f"{scope.unit_name}の連絡メールが、\nお使いのメールサービスで\n「迷惑メール」として報告されました。",
        f"そのため、{scope.unit_name}の\n{scope.what}を解除しました。\nこれからは、連絡は届きません。",
        "■ まちがって報告したとき\n"
        f"もう一度登録してください。\n{scope.unit_name}の登録案内にある\nアドレスに空メールを送ると、\n案内が届きます。\n"
        "その前に、迷惑メールのフォルダーから\n連絡メールを「迷惑メールではない」に\n戻しておくと、また届くようになります。",
        "■ お心当たりのないとき\n登録案内が見つからないときは、\n学校・園の先生におたずねください。",
    )
    english = paragraphs(
        f"Your mail service told us that a mail of {scope.unit_name} was reported as spam from your mailbox. "
        f"So you no longer receive {scope.what_english} of {scope.unit_name}.",
        "If that was a mistake: mark the mail as 'not spam' in your spam folder, then send an empty mail to the "
        "address on the leaflet of your school to register again. If you can't find it, please ask a teacher.",
    )
    return compose(scope, "配信を停止しました", japanese, english)


def refused(scope: Scope, reason: RefusedReason) -> Text:
    """Why it had no effect, and what to do."""
    match reason:
        case "not_member":
            title = "登録されていません"
            japanese = paragraphs(
                f"このアドレスは、\n{scope.unit_name}\n{scope.what}に登録されていません。",
                "別のアドレスで登録している場合は、\nそのアドレスから送ってください。",
            )
            english = (
                f"This address is not registered for {scope.what_english} of {scope.unit_name}. "
                "If you registered another address, please write from that one."
            )
        case "expired":
            title = "もう一度お申し込みください"
            japanese = paragraphs(
                f"ご返信ありがとうございます。\n{scope.unit_name}\n{scope.what}の\n解除のご案内は、"
                "有効期限が切れていました。",
                f"お手数ですが、次のアドレスに\nもう一度空メールを送り、\n届いたメールに返信してください。\n"
                f"{scope.leave_address}",
            )
            english = (
                f"The mail that you replied to was too old. Please send an empty mail to {scope.leave_address} again "
                "and reply to the new mail."
            )
        case "already_done":
            title = "解除は完了しています"
            japanese = paragraphs(
                f"{scope.unit_name}\n{scope.what}は、\nすでに解除されています。",
                "もう一度返信していただく必要はありません。",
            )
            english = f"You had already left {scope.what_english}. You need not reply again."
    return compose(scope, title, japanese, english)
