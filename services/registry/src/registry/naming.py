"""Names, pure: what a registering person's words say about whom, and how that is shown.

    words of the first mail -> read -> Person -> understood (shown in the guide mail) -> the reply's words -> correct

The words are read by mail.names; here stands what registry believes of it. A single word without class number or
relation may be anything (はい, 間違いありません, OK), so it counts as a name only when it looks like one. A parent
names children; staff and officers name themselves.
"""

import re
import unicodedata
from dataclasses import dataclass, field, replace

from mail import names

_SELF = frozenset({"職員", "教員", "教諭", "先生", "役員", "本人"})
_ASSENT = re.compile(
    r"(?:了解|承知|確認|完了|登録|解除|返信|返答|同意|受信|問題|大丈夫|希望|申込|申請|空メール|本文|件名|無題|テスト|メール|オーケー|オッケー|イエス|承諾|間違|合って|以上|内容).*"
    r"|はい|いいえ|ええ|うん|そう|それ|これ|この|その|まま|よい|いい|どうも|ok|okay|yes|no|re|fwd?|test|hello",
    re.IGNORECASE,
)
_WORD_OF_A_NAME = re.compile(r"[一-龠々〆ヶァ-ヴー\u3400-\u4dbf\uf900-\ufaff\U00020000-\U0003ffff]{3,8}")
_SAME_CHARACTER = str.maketrans("髙﨑邊邉濵齋齊斎澤", "高崎辺辺浜斉斉斉沢")
_WHOLE_NAME = 4
MAX_CHILDREN = 10


@dataclass(frozen=True, slots=True)
class Child:
    """A child as named by a guardian; `relation` is what the guardian is to it."""

    name: str = field(repr=False)
    class_number: str | None = field(default=None, repr=False)
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody says he is: guardian of these children, or with `own_name` himself. Empty when nothing was
    understood."""

    children: tuple[Child, ...] = ()
    own_name: str | None = field(default=None, repr=False)
    own_relation: str | None = None

    def __bool__(self) -> bool:
        return bool(self.children or self.own_name)


def read(words: str) -> Person:
    """Take a registration's words apart; an empty Person when they hold no name."""
    found = [each for each in names.parse_all(words)[:MAX_CHILDREN] if each.child and _believable(each)]
    children = tuple(
        Child(each.child, each.class_number, each.relation)
        for each in found
        if each.child and each.relation not in _SELF
    )
    own = next((each for each in found if each.relation in _SELF), None)
    if own is not None and not children:
        return Person((), own.child, own.relation)
    return Person(tuple({same_child(child, ""): child for child in children}.values()))


def correct(first: Person, reply: str) -> Person:
    """What holds after a reply: its own names if it has any; a class number or relation alone completes the one child
    that the first mail named."""
    said = read(reply)
    if said:
        if len(first.children) == len(said.children) == 1:
            return Person((_completed(first.children[0], said.children[0]),))
        return said
    loose = names.parse(reply)
    if len(first.children) == 1 and not loose.child and (loose.class_number or loose.relation):
        child = first.children[0]
        number, relation = loose.class_number or child.class_number, loose.relation or child.relation
        return Person((replace(child, class_number=number, relation=relation),))
    return first


def understood(person: Person) -> str:
    """`15 山田 太郎（母）` for each child, as the guide and completion mails show it; empty when nothing was."""
    if person.own_name:
        return _with_relation(person.own_name, person.own_relation)
    return "、".join(
        _with_relation(f"{child.class_number} {child.name}" if child.class_number else child.name, child.relation)
        for child in person.children
    )


def label(person: Person) -> str | None:
    """How lists show the person: `山田 太郎（母）`. None when nothing is known."""
    if person.own_name:
        return _with_relation(person.own_name, person.own_relation)
    return "、".join(_with_relation(child.name, child.relation) for child in person.children) or None


def same_child(child: Child, guardian: str) -> str:
    """A text that is equal for the same child, however its name is spaced or its characters are written.

    Two guardians' words mean one child when they give the class number too, or a whole name; a given name alone (ゆい)
    belongs to many, and stays the guardian's own."""
    name = _plain(child.name)
    known = child.class_number or " " in child.name.strip() or len(name) >= _WHOLE_NAME
    return "/".join((_plain(child.class_number or ""), name, "" if known else guardian))


def _completed(before: Child, after: Child) -> Child:
    # The reply that corrects the name may leave out what was right already.
    return Child(after.name, after.class_number or before.class_number, after.relation or before.relation)


def _believable(found: names.PersonName) -> bool:
    name = (found.child or "").strip()
    if not name or any(_ASSENT.fullmatch(word) for word in name.split()):
        return False
    if found.class_number or found.relation or " " in name:
        return True
    return _WORD_OF_A_NAME.fullmatch(name) is not None


def _with_relation(name: str, relation: str | None) -> str:
    return f"{name}（{relation}）" if relation else name


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold().translate(_SAME_CHARACTER)
