"""A crowd of parents, the same for the same seed: names in the shapes that schools really receive, addresses that
break RFC 5321, two children in one school, two guardians of one child, every mail program, every habit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from .client_styles import Style
from .people import AnswerForm, Child, Habits, Parent, Relation, full_width

DOMAINS: Mapping[str, Sequence[str]] = {
    "docomo": ("docomo.ne.jp",),
    "au": ("ezweb.ne.jp", "au.com"),
    "softbank": ("softbank.ne.jp", "i.softbank.jp"),
    "gmail": ("gmail.com",),
}

STYLES_OF_CARRIER: Mapping[str, Sequence[Style]] = {
    "docomo": (Style.DOCOMO, Style.FEATURE_PHONE, Style.IPHONE),
    "au": (Style.AU, Style.FROM_REPLIER, Style.IPHONE),
    "softbank": (Style.SOFTBANK, Style.YAHOO, Style.IPHONE),
    "gmail": (Style.GMAIL_ANDROID, Style.OUTLOOK, Style.THUNDERBIRD, Style.RAKUTEN),
}

SURNAMES = (
    ("山田", "Yamada", "ヤマダ"),
    ("佐藤", "Sato", "サトウ"),
    ("髙橋", "Takahashi", "タカハシ"),
    ("鈴木", "Suzuki", "スズキ"),
    ("山﨑", "Yamazaki", "ヤマザキ"),
    ("渡邊", "Watanabe", "ワタナベ"),
    ("小林", "Kobayashi", "コバヤシ"),
    ("長谷川", "Hasegawa", "ハセガワ"),
    ("林", "Hayashi", "ハヤシ"),
    ("五十嵐", "Igarashi", "イガラシ"),
    ("東", "Higashi", "ヒガシ"),
    ("中村", "Nakamura", "ナカムラ"),
)
GIVENS = (
    ("太郎", "Taro", "タロウ"),
    ("花子", "Hanako", "ハナコ"),
    ("陽菜", "Hina", "ヒナ"),
    ("蓮", "Ren", "レン"),
    ("さくら", "Sakura", "サクラ"),
    ("大翔", "Hiroto", "ヒロト"),
    ("一二三", "Hifumi", "ヒフミ"),
    ("結愛", "Yua", "ユア"),
    ("翼", "Tsubasa", "ツバサ"),
    ("美咲", "Misaki", "ミサキ"),
    ("健", "Ken", "ケン"),
)
RELATION_ENGLISH = {
    Relation.MOTHER: "mother",
    Relation.FATHER: "father",
    Relation.GRANDMOTHER: "grandmother",
    Relation.GRANDFATHER: "grandfather",
}

NAME_SHAPES: Mapping[str, Callable[[Child, Relation], str]] = {
    "plain": lambda c, r: f"{c.class_number} {c.surname} {c.given} {r}",
    "reversed": lambda c, r: f"{r} {c.surname}{c.given} {c.class_number}",
    "full-width": lambda c, r: full_width(f"{c.class_number} {c.surname} {c.given} {r}"),
    "grade-and-room": lambda c, r: f"{c.grade}年{c.room}組{c.class_number}番 {c.surname}{c.given} {r}",
    "latin": lambda c, r: f"{c.class_number} {c.surname_romaji} {c.given_romaji} {RELATION_ENGLISH[r]}",
    "child-only": lambda c, r: f"{c.surname} {c.given}",
    "brackets": lambda c, r: f"{c.class_number}番 {c.surname}{c.given}（{r}）",
    "no-mother": lambda c, r: f"{c.surname} {c.given} の {r} {c.class_number}",
    "commas": lambda c, r: f"{c.class_number}、{c.surname} {c.given}、{r}",
    "katakana": lambda c, r: f"{c.class_number} {c.surname_kana} {c.given_kana} {r}",
    "lines": lambda c, r: f"{c.class_number}\n{c.surname} {c.given}\n{r}",
}

CONFIRMATIONS = ("", "", "はい", "登録します", "よろしくお願いします。")


def make_crowd(
    seed: int = 1,
    n: int = 200,
    domains: Mapping[str, Sequence[str]] = DOMAINS,
    *,
    two_children: float = 0.15,
    second_guardians: float = 0.06,
    silent: float = 0.05,
    vacation: float = 0.03,
    late_answers: float = 0.15,
    posters: int = 2,
) -> list[Parent]:
    """`n` parents at the carriers of `domains` (carrier -> its domains), in turn. Shares are 0..1 of all parents.

    The first `posters` parents may post and have ordinary addresses and habits.
    """
    rng = random.Random(seed)
    carriers = list(domains)
    forms = list(AnswerForm)
    shapes = list(NAME_SHAPES)
    parents: list[Parent] = []
    for number in range(1, n + 1):
        turn, place = divmod(number - 1, len(carriers))
        carrier = carriers[place]
        styles = STYLES_OF_CARRIER.get(carrier, tuple(Style))
        poster = number <= posters
        shared = bool(parents) and not poster and rng.random() < second_guardians and len(parents[-1].children) == 1
        if shared:
            children = parents[-1].children
            relation = Relation.FATHER if parents[-1].relation is not Relation.FATHER else Relation.GRANDMOTHER
        else:
            children = _children(rng, number, 2 if rng.random() < two_children else 1)
            relation = rng.choices(list(Relation), (70, 24, 4, 2))[0]
        shape = NAME_SHAPES[shapes[(number - 1) % len(shapes)]]
        draw = rng.random()
        habits = Habits(
            answer_form=forms[turn % len(forms)],
            confirmation_text=rng.choice(CONFIRMATIONS),
            silent=not poster and draw < silent,
            vacation=not poster and silent <= draw < silent + vacation,
            vacation_to_reply_to=number % 2 == 0,
            answers_on_copy=2 if silent + vacation <= draw < silent + vacation + late_answers else 1,
            poster=poster,
        )
        parents.append(
            Parent(
                number=number,
                address=_address(number, carrier, domains[carrier][turn % len(domains[carrier])], children[0], poster),
                carrier=carrier,
                children=children,
                relation=relation,
                style=styles[turn % len(styles)],
                display_name=rng.choice(("", f"{children[0].surname} 家", children[0].surname_romaji)),
                name_lines=tuple(shape(child, relation) for child in children),
                habits=habits,
            )
        )
    return parents


def _children(rng: random.Random, number: int, how_many: int) -> tuple[Child, ...]:
    surname = rng.choice(SURNAMES)
    givens = rng.sample(GIVENS, how_many)
    return tuple(
        Child(
            class_number=(number - 1) % 40 + 1 if i == 0 else rng.randint(1, 40),
            surname=surname[0],
            given=given[0],
            surname_romaji=surname[1],
            given_romaji=given[1],
            surname_kana=surname[2],
            given_kana=given[2],
            grade=rng.randint(1, 6),
            room=rng.randint(1, 3),
        )
        for i, given in enumerate(givens)
    )


def _address(number: int, carrier: str, domain: str, child: Child, ordinary: bool) -> str:
    """Unique by its number; docomo and au get their living addresses that no RFC allows, some come in upper case."""
    name = child.given_romaji.lower()
    plain = f"p{number:04}.{name}@{domain}"
    odd = -1 if ordinary or carrier not in ("docomo", "au") else number % 15
    if odd == 0:
        return f"p{number:04}..{name}@{domain}"
    if odd == 1:
        return f".p{number:04}-{name}@{domain}"
    if odd == 2:
        return f"p{number:04}-{name}.@{domain}"
    if not ordinary and number % 11 == 0:
        return plain.upper()
    if not ordinary and number % 13 == 0:
        return f"p{number:04}_{name}+school@{domain}"
    return plain
