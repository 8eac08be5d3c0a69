"""Why a command had no effect, in words for administrators. Pure."""

from collections.abc import Mapping
from typing import Final

from admin_api.kernel.explanation import Explanation
from contracts.commands import Refusal

_EXPLANATIONS: Final[Mapping[Refusal, Explanation]] = {
    "already-undone": Explanation("すでに元に戻されています。", "It has been undone already."),
    "bad-address": Explanation(
        "メールを送れるアドレスではありません。", "This is not an address that mail can be sent to."
    ),
    "changed-since": Explanation(
        "その後に変わったため、元に戻せません。今の状態を確かめて、必要なら手で直してください。",
        "It can't be undone, because something has changed since. Look at how things are now and change them by hand.",
    ),
    "given-up": Explanation(
        "処理できなかったため、取りやめました。もう一度お試しください。",
        "It could not be carried out and was given up. Try it anew.",
    ),
    "group-not-empty": Explanation("グループにまだ人がいます。", "The group still has members."),
    "undo-expired": Explanation("元に戻せる期間が過ぎました。", "The time in which it could be undone is over."),
    "unknown-command": Explanation("元に戻せるものがありません。", "There is nothing that could be undone."),
    "unknown-group": Explanation("そのグループはありません。", "The unit has no such group."),
    "unknown-member": Explanation("その登録者はいません。", "The unit has no such member."),
}


def explain_refusal(reason: Refusal | None, count: int = 0) -> Explanation | None:
    """What stood in a command's way; None when nothing did. `count`: how many people stand in it."""
    if reason is None:
        return None
    if reason == "group-not-empty" and count:
        return Explanation(f"グループにまだ{count}人います。", f"The group still has members: {count}.")
    return _EXPLANATIONS[reason]
