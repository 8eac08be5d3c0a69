"""Leaving (F2): the guide, the completion, and friendly refusals."""

from typing import Literal

from responder.texts.base import REPLY_TO_CONFIRM, Place, Text, compose, paragraphs

RefusedReason = Literal["not_member", "expired", "already_done"]


def guide(place: Place) -> Text:
    """Reply and you have left."""
    japanese = paragraphs(
        f"{place.unit_name}\n{place.what}を\nやめるお申し込みを受け付けました。",
        f"■ やめるには\n{REPLY_TO_CONFIRM}\n返信が届くと解除されます。",
        "■ やめないときは\n何もしないでください。\nいままでどおり連絡が届きます。",
        "この案内は7日間有効です。",
    )
    english = paragraphs(
        f"You asked to stop receiving {place.what_english} of {place.unit_name}. Reply to this mail as it is to leave.",
        "If you want to stay, or did not ask for this, do nothing. This works for 7 days.",
    )
    return compose(place, "解除のご案内", japanese, english)


def completed(place: Place) -> Text:
    """You have left, and how to come back."""
    again = (
        f"もう一度登録するときは、\n次のアドレスに空メールを送ってください。\n{place.entry_address}"
        if place.group
        else f"もう一度登録するときは、\n{place.unit_name}の登録案内にある\nアドレスに空メールを送ってください。"
    )
    japanese = paragraphs(
        f"{place.unit_name}\n{place.what}を解除しました。",
        "これからは、連絡は届きません。\nご利用ありがとうございました。",
        again,
    )
    english = paragraphs(
        f"You no longer receive {place.what_english} of {place.unit_name}.",
        f"To come back, send an empty mail to {place.entry_address}" if place.group else "",
    )
    return compose(place, "解除が完了しました", japanese, english)


def refused(place: Place, reason: RefusedReason) -> Text:
    """Why it had no effect, and what to do."""
    match reason:
        case "not_member":
            title = "登録されていません"
            japanese = paragraphs(
                f"このアドレスは、\n{place.unit_name}\n{place.what}に登録されていません。",
                "別のアドレスで登録している場合は、\nそのアドレスから送ってください。",
            )
            english = (
                f"This address is not registered for {place.what_english} of {place.unit_name}. "
                "If you registered another address, please write from that one."
            )
        case "expired":
            title = "もう一度お申し込みください"
            japanese = paragraphs(
                f"ご返信ありがとうございます。\n{place.unit_name}\n{place.what}の\n解除のご案内は、"
                "有効期限が切れていました。",
                f"お手数ですが、次のアドレスに\nもう一度空メールを送り、\n届いたメールに返信してください。\n"
                f"{place.leave_address}",
            )
            english = (
                f"The mail that you replied to was too old. Please send an empty mail to {place.leave_address} again "
                "and reply to the new mail."
            )
        case "already_done":
            title = "解除は完了しています"
            japanese = paragraphs(
                f"{place.unit_name}\n{place.what}は、\nすでに解除されています。",
                "もう一度返信していただく必要はありません。",
            )
            english = f"You had already left {place.what_english}. You need not reply again."
    return compose(place, title, japanese, english)
