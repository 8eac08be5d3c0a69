"""Why mail doesn't reach a member, or why he left, in words for administrators. Pure."""

from collections.abc import Mapping
from typing import Final

from admin_api.kernel.explanation import REGISTER_ANEW, Explanation

_OF_MEMBERS: Final[Mapping[str, Explanation]] = {
    "unknown_user": Explanation(
        "このアドレスは存在しないため、配信から外れています。", "This address does not exist, so nothing is sent there."
    )
    + REGISTER_ANEW
    + Explanation(
        "登録用アドレスに空メールを送り、届いた案内に返信すれば、元に戻ります。",
        "An empty mail to the entry address and a reply to the guide mail bring it back.",
    ),
    "complaint": Explanation(
        "このメールが迷惑メールとして報告されたため、登録が解除されました。まちがって押されることもよくあります。",
        "The mail was reported as spam, so the registration has ended. The button is often pressed by mistake.",
    )
    + Explanation(
        "続けて受け取りたい場合は、登録用アドレスに空メールを送り、届いた案内に返信してもらってください。",
        "To receive mail again: an empty mail to the entry address, and a reply to the guide mail.",
    ),
}


def explain_member(reason: str | None) -> Explanation | None:
    """Why mail doesn't reach a member, or why he left where it was not by his own request."""
    return None if reason is None else _OF_MEMBERS.get(reason)
