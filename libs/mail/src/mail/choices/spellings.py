"""Spellings: the ways in which people write one and the same word of a choice.

A phrase is widened step by step: kanji and kana of the school words, polite and plain endings of verbs, honorifics.
What comes out are texts that mean the same and nothing more; meanings are for the administrator's synonyms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Final

_MOST = 60
"""So many spellings of one phrase are enough."""

# Each line: one word, as it is written. All in the normal form (hiragana, lower case).
_WORDS: Final = """
良好 りょうこう | 元気 げんき | 咳 せき | 発熱 はつねつ | 熱 ねつ | 平熱 へいねつ | 微熱 びねつ | 鼻水 はなみず
| 下痢 げり | 嘔吐 おうと | 腹痛 ふくつう | 頭痛 ずつう | 風邪 かぜ | 体調 たいちょう | 不良 ふりょう | 健康 けんこう
| 異常 いじょう | 症状 しょうじょう | 怪我 けが | 軽傷 けいしょう | 重傷 じゅうしょう | 無事 ぶじ | 安全 あんぜん
| 被害 ひがい | 避難 ひなん | 避難所 ひなんじょ | 自宅 じたく | 在宅 ざいたく | 問題 もんだい | 大丈夫 だいじょうぶ
| 出席 しゅっせき | 欠席 けっせき | 参加 さんか | 不参加 ふさんか | 遅刻 ちこく | 早退 そうたい | 休み やすみ 休
| 休む やすむ | 登校 とうこう | 下校 げこう | 登園 とうえん | 降園 こうえん | 集団 しゅうだん | 迎え むかえ
| お迎え おむかえ 御迎え | 受け取り 受取り うけとり | 受け取っ 受取っ うけとっ | 引き取り ひきとり 引取り 引取
| 引き渡し ひきわたし 引渡し 引渡 | 徒歩 とほ | 歩き あるき
| 自転車 じてんしゃ | 車 くるま | 電車 でんしゃ | 送迎 そうげい | 学童 がくどう | 延長 えんちょう | 保育 ほいく
| 祖父母 そふぼ | 祖父 そふ | 祖母 そぼ | 両親 りょうしん | 父 ちち | 母 はは | 家族 かぞく | 本人 ほんにん
| 保護者 ほごしゃ | 同伴 どうはん | 児童 じどう | 生徒 せいと | 一人 ひとり 1人 | 二人 ふたり 2人
| 午前 ごぜん | 午後 ごご | 終日 しゅうじつ | 朝 あさ | 昼 ひる | 夕方 ゆうがた | 全日 ぜんじつ
| 給食 きゅうしょく | 弁当 べんとう | 食べる たべる | 牛乳 ぎゅうにゅう | 必要 ひつよう | 不要 ふよう
| 希望 きぼう | 可能 かのう | 不可 ふか | 承諾 しょうだく | 同意 どうい | 不同意 ふどうい | 賛成 さんせい
| 反対 はんたい | 済み ずみ 済 | 未定 みてい | 相談 そうだん | 提出 ていしゅつ | 確認 かくにん | 連絡 れんらく
| 購入 こうにゅう
| 役員 やくいん | 委員 いいん | 見学 けんがく | 行く いく | 行き いき | 行け いけ | 行か いか | 帰る かえる
| 帰り かえり | 来る くる | 出来 でき | 有り あり 有 | 無し なし 無 | 無い ない | 普通 ふつう | 良い よい いい
| 悪い わるい
| 待つ まつ | 待ち まち | 残る のこる | 残り のこり | 水泳 すいえい | 遠足 えんそく | 運動会 うんどうかい
| 旅行 りょこう | 子供 こども 子ども | 大人 おとな | 女子 じょし | 男子 だんし | 授業 じゅぎょう | 懇談 こんだん
| 面談 めんだん
| 停電 ていでん | 断水 だんすい | 受診 じゅしん | 入院 にゅういん | 陽性 ようせい | 陰性 いんせい | 接種 せっしゅ
| バス ばす | プール ぷーる | オンライン おんらいん
"""
_GROUPS = [group.split() for group in _WORDS.split("|")]
_SPELLINGS: Final[dict[str, list[str]]] = {}
for _group in _GROUPS:
    for _word in _group:
        if len(_word) > 1 or not "ぁ" <= _word <= "ん":
            _SPELLINGS[_word] = [*_SPELLINGS.get(_word, [_word]), *(other for other in _group if other != _word)]
_KNOWN = re.compile("|".join(sorted(map(re.escape, _SPELLINGS), key=len, reverse=True)))

_ROWS = (
    "かきくけこ",
    "がぎぐげご",
    "さしすせそ",
    "たちつてと",
    "なにぬねの",
    "ばびぶべぼ",
    "まみむめも",
    "らりるれろ",
    "わいうえお",
)
_I_OF_U = {row[2]: row[1] for row in _ROWS}
_U_OF_I = {row[1]: row[2] for row in _ROWS}
_A_OF_I = {row[1]: row[0] for row in _ROWS}
_I_OF_A = {row[0]: row[1] for row in _ROWS}
_DOES = re.compile(r"(.{2,}?)(?:を)?(?:する|します|いたします|致します|させます|させる)")
_DOES_NOT = re.compile(
    r"(.{2,}?)(?:を|は)?(?:しない|しません|いたしません|致しません|できない|できません|出来ない|出来ません)"
)
_NOTS = ("しない", "しません", "いたしません", "致しません", "できない", "できません", "出来ない", "出来ません", "せず")
_COPULA = re.compile(r"(.{2,}?)(?:です|でした|である|だ|になります)")
_HONORIFIC = re.compile(r"[おご御](?=[^\sぁ-ん]|.{3})")


def spellings(phrase: str) -> set[str]:
    """The phrase and what means the same, written otherwise. `phrase` is in the normal form."""
    found = {phrase}
    for form in _inflections(phrase):
        found.update(islice(_respelt(form), _MOST))
    return {form for text in islice(sorted(found, key=len), _MOST * 4) for form in {text, _HONORIFIC.sub("", text, 1)}}


def stem(phrase: str) -> str:
    """What is done, of a phrase that says that it is done: 参加 of 参加します; "" of others."""
    does = None if _DOES_NOT.fullmatch(phrase) else _DOES.fullmatch(phrase)
    return does[1] if does else ""


def _respelt(phrase: str) -> Iterator[str]:
    pieces: list[list[str]] = []
    done = 0
    for known in _KNOWN.finditer(phrase):
        pieces.extend(([phrase[done : known.start()]], _SPELLINGS[known[0]]))
        done = known.end()
    for chosen in product(*pieces, [phrase[done:]]):
        yield "".join(chosen)


def _inflections(phrase: str) -> set[str]:
    forms = {phrase, phrase.replace(" ", "")}
    if phrase in ("可", "不可"):
        forms.add(f"{phrase}能")
    if plain := _COPULA.fullmatch(phrase):
        forms.add(plain[1])
    if does_not := _DOES_NOT.fullmatch(phrase):
        forms.update(does_not[1] + ending for ending in _NOTS)
        forms.update(f"{does_not[1]}{particle}{ending}" for particle in "はを" for ending in _NOTS[:2])
        if len(does_not[1]) == 2:
            forms.add(f"不{does_not[1]}")
        return forms
    if phrase.startswith("不") and len(phrase) == 3:
        forms.update(phrase[1:] + ending for ending in _NOTS)
        return forms
    if does := _DOES.fullmatch(phrase):
        forms.update(
            (f"{does[1]}する", f"{does[1]}します", f"{does[1]}いたします", f"{does[1]}致します", f"{does[1]}させて")
        )
        return forms
    if phrase.endswith("ません") and len(phrase) > 4:
        stem = phrase[:-3]
        forms.add(stem + "ない")
        if stem[-1] in _A_OF_I:
            forms.add(stem[:-1] + _A_OF_I[stem[-1]] + "ない")
    elif phrase.endswith("ない") and len(phrase) > 3:
        stem = phrase[:-2]
        if stem.endswith(("でも", "では")):
            return forms | {f"{stem}ありません"}
        forms.add(stem + "ません")
        if stem[-1] in _I_OF_A:
            forms.add(stem[:-1] + _I_OF_A[stem[-1]] + "ません")
    elif phrase.endswith("した") and len(phrase) > 3 and not phrase.endswith("ました"):
        forms.add(f"{phrase[:-2]}しました")
    elif phrase.endswith("ます") and len(phrase) > 3:
        stem = phrase[:-2]
        forms.add(stem + "る")
        if stem[-1] in _U_OF_I:
            forms.add(stem[:-1] + _U_OF_I[stem[-1]])
    elif len(phrase) > 1 and phrase[-1] in _I_OF_U:
        forms.add(phrase[:-1] + _I_OF_U[phrase[-1]] + "ます")
        if phrase[-1] == "る":
            forms.add(phrase[:-1] + "ます")
        else:
            forms.add(f"{phrase[:-1]}{_A_OF_I[_I_OF_U[phrase[-1]]]}せ")  # 待たせてください
    return forms
