"""Why a post by mail was refused, in words for administrators. Pure."""

from collections.abc import Mapping
from typing import Final

from admin_api.kernel.explanation import Explanation
from admin_api.posts.model import SECRET_PROBE

_ATTEMPTS: Final[Mapping[str, Explanation]] = {
    "not_authentic": Explanation(
        "差出人を名のる偽のメールでした（DMARC: fail、ポリシー: reject）。確認メールも含めて、だれにも送っていません。"
        "投稿用アドレスが外に知られているかもしれないので、作り直すことをお勧めします。",
        "It was a forged mail (DMARC: fail, policy: reject). Nobody was asked, and nothing was sent. The post "
        "address may be known to others: better make a new one.",
    ),
    "not_enrolled": Explanation(
        "投稿者として登録されていないアドレスからのメールでした。だれにも送っていません。",
        "It came from an address that is not enrolled as a poster. Nothing was sent to anybody.",
    ),
    "automatic": Explanation(
        "自動返信など、機械が送ったメールでした。だれにも送っていません。",
        "A machine sent it (an automatic reply, for example). Nothing was sent to anybody.",
    ),
    "empty": Explanation(
        "件名も本文もないメールでした。だれにも送っていません。",
        "It had neither subject nor text. Nothing was sent to anybody.",
    ),
    SECRET_PROBE: Explanation(
        "投稿用アドレスを当てようとしたメールがありました。受け取っていません。続くようなら、アドレスを作り直してください。",
        "Somebody tried to guess the post address. Nothing was taken in. If it goes on, make a new address.",
    ),
}


def explain_post_attempt(reason: str) -> Explanation | None:
    """Why a post by mail was refused."""
    return _ATTEMPTS.get(reason)
