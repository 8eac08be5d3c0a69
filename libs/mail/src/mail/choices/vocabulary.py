"""The words of choices in an answer, in every spelling and inflection, and those that deny them.

A vocabulary is made once for a set of choices: forms of each (all its words, those without brackets, its parts, its
synonyms) -> spellings -> which choices they fit. Forms that several choices share narrow down and name none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mail.choices import dates
from mail.choices.mentions import Mention, MentionKind
from mail.choices.normal_form import is_kana, is_kanji, normal
from mail.choices.spellings import spellings, stem

NUMBERING: Final = re.compile(
    r"^\s*(?:[0-9]{1,2}\s*[.:)、](?![0-9])|\([0-9]{1,2}\)|[0-9]{1,2}\s+"
    r"|[0-9]{1,2}(?=[^0-9\s年月日時分度人名.:/食個泊枚回本台組番]))\s*(?=\S)"
)
_LABEL = re.compile(r"^\(?([a-i]|[あいうえお])(?:[).:、．：）]\s*|\s+)(?=\S)")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^】]*】")
_PARTS = re.compile(r"\s*(?:[・/／、,;:「」『』☆★]|(?<![a-z])\s|または|又は|もしくは|あるいは)\s*")
_EXISTS = re.compile(r"(.+?)(?:が|の症状)?(?:あり(?:ます)?|有り?|ある)$")
_ABSENT = re.compile(r"(.+?)(?:は|が|も)?(?:なし|無し|無|ありません|ない|無い)$")
_MANNER = (
    r"(?:が|は|も|の症状が)?(?:、)?(?:のみ|だけ)?(?:少し(?:だけ)?|すこし|少々|ちょっと|やや|時々|ときどき"
    r"|たまに|若干|多少|まだ|軽く|ひどく)?"
)
_EXISTING = re.compile(
    rf"{_MANNER}(?:あり(?!ませ|がと|得)(?:ます|です)?|有り?(?!ませ|効|無)(?:ます)?|ある(?!か|と|いは)|(?:出"
    rf"|で)て(?:い)?(?:ます|る)|(?:出|で)(?:ます|る)"
    r"|(?:続|つづ)いて(?:い)?(?:ます|る)|して(?:い|お)?(?:り)?ます|してる|している|しました(?!が|けど|けれど))"
)
_MISSING = re.compile(
    r"(?:など|等)?(?:は|が|も)?(?:特に|とくに|全く|まったく)?(?:ござい|御座い|あり|見られ|みられ|出てい"
    r"|でてい)?(?:ません|なし|無し|無い|ない(?!か)|なく|無く|無(?!\w))"
)
_BARE = re.compile(
    r"\s*(?:です|中|のため|により|した(?:ため|ので)|で(?:す|欠|休|お休|、)|[。、.,!()♪\s○×]|$|[34][0-9](?:\."
    r"|度|℃|°))"
    r"|(?:も|と|や|・|/)(?=[^。\n]{1,10}(?:あり(?!ませ)|有|ある|(?:出|で)て))"
)
_KANJI_AFTER = re.compile(
    r"希望|予定|致|願|可能|中|出来|頂|下さ|御願|決定|連絡|可(?!否)|日|分|様|組|扱|側|方|時|為|迄|以|選択|で|に"
    r"|です|の|を"
    r"|は|が|も|と|\W"
)
_PARTICLES: Final = "はがのでもをにとやへな"
_KANA_BEFORE = re.compile(
    r"(?:すこし|ちょっと|かなり|やや|とても|まだ|もう|きょう|けさ|いま|から|より|やはり|やっぱり|ただし?|あと"
    r"|および|または|ほんじつ|たいちょう|ぜんいん"
    r"|ふたりとも)\Z"
)
_KANA_AFTER = re.compile(
    r"です|でし|でお|で|に|を|は|が|も|の|と|や|だ|よろし|お願|おねが|さんか|いき|いた|しま|する|します|です|ます|ね"
    r"|よ|っす|なの|きぼう|か|では|じゃ"
)
_ACKNOWLEDGED = re.compile(r"[、。,!\s]*(?:了解|りょうかい|わか|分か|承知|かしこま|畏ま|確認|拝見|ありがと)")
_YES: Final = {"はい": ("yes", "はーい", "ええ", "うん"), "いいえ": ("no", "いえ", "いや", "ううん"),
    "yes": ("はい",), "no": ("いいえ",)}  # fmt: skip
_ALONE: Final = {
    word: words
    for words in (
        ("あり", "有り", "有", "ある", "あります"),
        ("なし", "無し", "無", "ない", "ありません", "ございません", "無い"),
    )
    for word in words
}
_OPPOSITES: Final = (
    ("出席", "欠席"), ("参加", "不参加"), ("参加", "欠席"), ("出席", "不参加"), ("可", "不可"), ("可能", "不可"),
    ("必要", "不要"), ("希望", "希望なし"),
    ("同意", "不同意"), ("登校", "欠席"), ("登園", "欠席"), ("出席", "休み"), ("参加", "休み"), ("承諾", "不承諾"),
    ("利用", "利用なし"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spelling:
    """One spelling. `tail` must follow it; `symptom`: a thing that is there or not, so that its absence says nothing
    against another choice."""

    literal: str
    choices: frozenset[int]
    tail: re.Pattern[str] | None = None
    symptom: bool = False
    opening: bool = False  # counts only at the start of a sentence that it fills


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The forms by their first character, longest first; `opposites`: the choice that denying another means."""

    forms: dict[str, list[Spelling]]
    opposites: dict[int, int]
    labels: dict[str, int]

    def literals(self) -> Iterator[tuple[str, frozenset[int]]]:
        for forms in self.forms.values():
            yield from ((form.literal, form.choices) for form in forms if not form.opening)


def vocabulary(choices: Sequence[str], synonyms: Sequence[Sequence[str]] = ()) -> Vocabulary:
    """What stands for each of the choices."""
    texts = [core_text(choice) for choice in choices]
    labels = _labels(texts)
    if labels:
        texts = [_LABEL.sub("", text, 1) for text in texts]
    strong: dict[tuple[str, str], set[int]] = defaultdict(set)
    weak: dict[tuple[str, str], set[int]] = defaultdict(set)
    for number, text in enumerate(texts, 1):
        extra = [normal(word).replace("\n", " ") for word in (synonyms[number - 1] if number <= len(synonyms) else ())]
        core = _BRACKETS.sub("", text).strip()
        only_moment = dates.is_only_a_moment(text) and bool(dates.whole(text))
        for phrase in (*(() if only_moment else (text, core)), *extra):
            for key in _keys(phrase):
                strong[key].add(number)
        if only_moment:
            continue
        for part in _PARTS.split(core):
            if len(part) >= 2 and not dates.spans(part):
                for key in _keys(part):
                    weak[key].add(number)
        for phrase in (text, core, *extra):
            for spelling in spellings(stem(phrase)) if stem(phrase) else ():
                weak[spelling, ""].add(number)
            if (exists := _EXISTS.match(phrase)) and not any(exists[1] in other for other in texts if other != text):
                for spelling in spellings(exists[1]):
                    weak[spelling, "bare"].add(number)
    forms: dict[str, list[Spelling]] = defaultdict(list)
    for (literal, ending), numbers in {**weak, **strong}.items():
        if literal and not literal.isdigit():
            tail = {"exists": _EXISTING, "missing": _MISSING, "bare": _BARE}.get(ending)
            forms[literal[0]].append(
                Spelling(
                    literal, frozenset(numbers), tail, symptom=ending in ("exists", "bare"), opening=ending == "opening"
                )
            )
    for same in forms.values():
        same.sort(key=lambda form: -len(form.literal))
    return Vocabulary(dict(forms), _opposites(texts), labels)


def core_text(choice: str) -> str:
    """The words of a choice without a number before them."""
    text = normal(choice).replace("\n", " ")
    return NUMBERING.sub("", text) or text


def mentions(text: str, known: Vocabulary) -> Iterator[tuple[Mention, Spelling]]:
    """The places where words of choices stand, each as long as it can be."""
    at = 0
    while at < len(text):
        best: tuple[int, Spelling] | None = None
        for form in known.forms.get(text[at], ()):
            if text.startswith(form.literal, at) and (end := _end(text, at, form)) and (best is None or end > best[0]):
                best = end, form
        if best is None:
            at += 1
            continue
        yield Mention(at, best[0], best[1].choices, MentionKind.WORDS), best[1]
        at = best[0]
    for found in re.finditer(
        r"(?:^|(?<=[\n\s「『(:。.、,!]))([a-i]|[あいうえお])(?=[\s。、.!)」』]|です|でお|で$|を|に|番|$)", text
    ):
        if number := known.labels.get(found[1]):
            yield (
                Mention(*found.span(1), frozenset({number}), MentionKind.WORDS),
                Spelling(found[1], frozenset({number})),
            )


def _end(text: str, start: int, form: Spelling) -> int:
    """Where the form ends that begins at `start`; 0 if it isn't one there."""
    end = start + len(form.literal)
    if form.tail is not None:
        if not (tail := form.tail.match(text, end)):
            return 0
        if form.tail is not _BARE:
            return tail.end() if _stands_alone(text, start, tail.end(), closed=True) else 0
    if form.literal == "はい" and _ACKNOWLEDGED.match(text, end):
        return 0
    if form.opening:
        opens = _OPENS.search(text[max(0, start - 6) : start])
        return end if opens and _CLOSES.match(text, end) else 0
    return end if _stands_alone(text, start, end, closed=form.tail is not None) else 0


def _stands_alone(text: str, start: int, end: int, *, closed: bool) -> bool:
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    first, last = text[start], text[end - 1]
    if first.isdigit() and (before.isdigit() or (before and before in "./-:")):
        return False
    if last.isdigit() and after.isdigit():
        return False
    if first.isascii() and first.isalpha() and before.isascii() and before.isalpha():
        return False
    if last.isascii() and last.isalpha() and after.isascii() and after.isalpha():
        return False
    within = end - start <= 3 and is_kana(first) and before and is_kana(before) and before not in _PARTICLES
    if within and not _KANA_BEFORE.search(text[max(0, start - 8) : start]):
        return False
    if end - start == 1 and before and (is_kanji(before) or before.isalpha()) and before not in "はがもを":
        return False
    if closed or not after:
        return True
    if end - start == 1 and not re.match(r"です|で(?![きあ])|さいず|に(?:し|○)|を(?:希|選)|[\W]|でお|だ", text[end:]):
        return False
    if is_kanji(last) and is_kanji(after):
        return bool(_KANJI_AFTER.match(text, end) or refuses(text[end : end + 3]))
    return not (end - start <= 3 and is_kana(last) and is_kana(after) and not _KANA_AFTER.match(text, end))


_OPENS = re.compile(r"(?:^|[\n。.!、,\s])(?:特に|とくに|特には|はい、|いいえ、|今回は)?$")
_CLOSES = re.compile(r"(?<![a-z])\s|\s*(?:[、。,.!\n♪]|です|で(?:お願い|$)|please|$)")
_REFUSED = re.compile(r"不可|無理|困難|辞退|見送|見合|不能|取消|中止|拒否|否|無し|無")


def refuses(following: str) -> bool:
    """Whether kanji that follow a word turn it into its opposite: 参加不可, 出席困難."""
    return bool(_REFUSED.match(following))


def _keys(phrase: str) -> Iterator[tuple[str, str]]:
    """The spellings of a phrase, each with the kind of ending that must follow it."""
    for literal in spellings(phrase):
        yield literal, "opening" if phrase in _ALONE or phrase in ("yes", "no") else ""
    if exists := _EXISTS.match(phrase):
        yield from ((spelling, "exists") for spelling in spellings(exists[1]))
    elif (absent := _ABSENT.match(phrase)) and not phrase.endswith(("ない", "無い")):
        yield from ((spelling, "missing") for spelling in spellings(absent[1]))
    if phrase in _ALONE:
        yield from ((word, "opening") for word in _ALONE[phrase])
    if phrase in _YES:
        yield from ((word, "opening") for word in _YES[phrase])


def _labels(texts: Sequence[str]) -> dict[str, int]:
    """Letters in order before (or instead of) the words: A B C, ア イ ウ."""
    found = [_LABEL.match(text) for text in texts]
    letters = [label[1] if label else text for label, text in zip(found, texts, strict=True)]
    for alphabet in ("abcdefghi", "あいうえお"):
        if letters == list(alphabet[: len(letters)]):
            return {letter: number for number, letter in enumerate(letters, 1)}
    return {}


def _opposites(texts: Sequence[str]) -> dict[int, int]:
    """The choice that somebody means who denies another: 参加しません is 不参加, where that is offered."""
    cores = [_BRACKETS.sub("", text).strip() for text in texts]
    plain = [re.sub(r"(?:を?(?:する|します|いたします|致します|です))$", "", core) for core in cores]
    found: dict[int, int] = {}
    for one, text in enumerate(plain, 1):
        opposite = {
            other for other, against in enumerate(plain, 1)
            if other != one and ((text, against) in _OPPOSITES or against in (f"不{text}", f"{text}しない",
                f"{text}しません", f"{text}なし"))
        }  # fmt: skip
        if len(opposite) == 1:
            found[one] = opposite.pop()
    return found


def whole_forms(text: str) -> set[str]:
    """All spellings of a whole phrase, with and without what stands in brackets."""
    core = _BRACKETS.sub("", text).strip()
    return spellings(text) | (spellings(core) if core else set())
