"""What makes a mention of a choice doubtful: denials, conditions, questions, hedges, yesterday.

All of it is about the sentence in which the mention stands; what a parent adds in other sentences (thanks, questions
about lunch boxes) leaves it certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from mail.choices.affirmations import behind_number
from mail.choices.mentions import Kind, Mention
from mail.choices.normal_form import BLANK, blank
from mail.choices.vocabulary import refuses

_SENTENCE = re.compile(r"[^。!?\n.]*(?:\.(?=\S)[^。!?\n.]*)*[。!?\n.]*")
_HARMLESS: Final = re.compile(
    r"(?:構い|かまい|問題(?:は|が)?(?:あり|ござい)?|差し支え(?:あり)?|さしつかえ(?:あり)?|異存(?:あり)?"
    r"|間違い(?:は|が)?(?:あり)?|まちがい(?:あり)?|支障(?:あり)?"
    r"|変わり(?:は|が)?(?:あり|ござい)?|申し訳(?:あり|ござい)?|すみま|すいま)(?:ません|ない|なし|なく|せん)|間違いなく"
)
_DENIAL = re.compile(
    r"\s?(?:を|の|は)?(?:する|できる|出来る|いたす|させる)?(?:希望|予定|つもり|意思|気|余裕|状態|状況|見込み?|考え|こと)?(?:では|でも|でな|じゃ|に[はも]?|は|が|も|を"
    r"|とは|など"
    r")?(?:、)?(?:する|すること)?(?:は|が|も)?"
    r"(?:あり|ござい|言え|いえ|思え|し|でき|出来|して(?:い|お|おり)?|行き|行け|いけ|いき|い|され|なり|いたし"
    r"|致し|させ)?"
    r"(?:ません|ませぬ|ない|なく|無い|無く|無し|なし(?!ょ)|なかっ|ぬ(?!き)|せず)"
)
_WORD_AGAINST = (
    r"無理|(?<![避非遭])難し|むずかし|困難|見送|見合わせ|控え|ひかえ|辞退|遠慮|断り|断念|不可|きゃんせる"
    r"|取り?消|とりけし"
    r"|やめ|止め|中止|だめ|駄目|(?<![a-z])ng(?![a-z])|厳し|きびし"
    r"|かね(?:ます|る)|行けな|行けませ|いけませ|いけな|できな|できませ|出来な|出来ませ|都合(?:が|は|も)?(?:悪|わる|[つ付](?:か|き(?:そうに)?ませ|きかね)"
    r"|[あ合](?:わ|いませ))|間違|まちが|誤り|以外|避け|嫌です|反対|違い|ちがい|ちがう|違う"
    r"|(?:伺え|うかがえ|参れ|まいれ|行かれ|選べ|間に合(?:い|わ))(?:ませ|な[いく])|困(?:り|る)|こまる|除(?:い|き|く|け)|撤回|取り下げ|不都合|限り(?:ませ|はし)|限らな"
    r"|[人者方](?:[はがも])?(?:い|おり)(?:ませ|な[いく])"
    r"|\b(?:no|not|cannot|[a-z]{2,5}n['’]t|unable|unavailable|wrong|mistake)\b"
)
_AGAINST = re.compile(_WORD_AGAINST)
_AGAINST_IN_ENGLISH = re.compile(
    r"[ ,:-]+(?:[a-z']+ ){0,4}?(?:no|not|cannot|[a-z]{2,5}n['’]?t|unable|unavailable|wrong|mistake|bad"
    r"|impossible|difficult|hard|tough|out|busy|full|taken|booked|(?:second|2nd|third|3rd) (?:choice|preference))\b"
)
_DENIED_BEFORE = re.compile(
    r"(?:[不非未否]|\b(?:not|no|never|cannot|without|unable to|but|except|other than|besides|avoid|skip|cancel(?:led)?"
    r"|change(?:d)? from|busy|have work|wanted|thinking(?: of)?|(?:have|had) (?:liked|preferred|chosen)|instead of"
    r"|rather than|(?:second|2nd|third|3rd) (?:choice|preference)|[a-z]+n['’]?t)\s(?:[a-z']+\s){0,2})\Z"
)
_SOMETHING_ELSES = re.compile(r"(?:他|ほか|以外|食欲|機嫌|睡眠|便通?|友達|友だち|友人)(?:に)?[はがも]\s?\Z")
_NOTHING_ELSE = re.compile(
    r"[、,:\s]*(?:は|に)?(?:特に|とくに|何も|なにも)(?:は)?(?:な[いし]|無し|無い|あり(?:ませ)|ござい)"
)
_WITH_SOMEBODY = re.compile(r"と(?:も|よく)?(?:ご)?\Z")  # "主人と相談します" asks nobody of us
_ON_IT = re.compile(
    r"(?:でし|だっ|であっ|し|あっ|出)?たら(?!.{0,6}(?:大丈夫|可|行け|いけ|参加|出席|伺|ok|助か|お願|おね|い[いけ]|良|あり|嬉))"
)
_CORRECTS = re.compile(r"では|でな|じゃ|とは|でも|に[はも]")
_TWICE = re.compile(r"\s?(?:は|も|て)?(?:ない|大丈夫|いい|良い|構|かま|わけ|こと|とは|とも)")  # 参加しなくはない
_OTHERS = ("その他", "そのほか", "他", "ほか")
_NOES = ("いいえ", "いえ", "いや", "no")
_AND_YET = re.compile(r"[、,。.!\s]+(?:参加|出席|行き|いき|希望|利用|食べ)(?!しま?せ)[^。\n]{0,10}(?:ます|です|たい)")
_YESES = ("はい", "ええ", "うん", "yes", "はーい")
_BUT_NOT = re.compile(
    r"です(?:が|けど)|[、,。.!\s]+[^。\n]{0,12}(?:[しきけ]ません|できません|出来ません|[しかけ]ない|ないです"
    r"|欠席|不参加"
    r"|\bnot\b|無理)"
)
_AT_ONCE = re.compile(r"[、,\s]+(?:は|が)?(?:無理|だめ|駄目|ng\b|不可|×|以外|きゃんせる|取り?消)")
_OF_IT = re.compile(r"(?:番|目)?(?:に[はも]?|を|では|でも|じゃ|は|も|が|だけ[はがで]?|のみ|だと)")
_NEGATIVE = re.compile(r"(?:ませ[んぬ]|(?<![かが])な[いく]|なけれ|なかった|なきゃ)(?!か)")
_SCOPE_END = re.compile(
    r"[。!?\n(「【]|\.(?![0-9])|(?<=ます)[、,]|(?<=です)[、,]|(?<=した)[、,]|(?<=ため)[、,]|(?<=ので)[、,]"
)
_QUESTION = re.compile(
    r"\?|(?:です|ます|せん|でしょう|だろう|った|る|い|の|番|[0-9]|" + BLANK + r")(?:の)?か(?:ね|な[あぁ]?"
    r"|しら)?[ー〜…。.!♪\s]*$"
)
_REQUEST = re.compile(
    r"(?:お願い|おねがい|御願い)(?:でき|出来|は?可能|し(?:ても|て)?(?:よろしい|宜しい|いい)|いたしたく"
    r"|致したく).{0,12}か[?。.!\s]*$"
    r"|(?:いただけ|頂け|もらえ|くださ(?:い|れ)).{0,8}か[?。.!\s]*$"
)
_CONDITION: Final = re.compile(
    r"(?:れば|けば|せば|てば|ねば|べば|めば|げば|えば(?!さ))(?!なら|ばか)|たら(?!し)|だら(?=、|\s"
    r"|[0-9" + BLANK + r"])|なら(?!な|ば?あり|び|ず|べ)|(?:の|た|る|い|な)場合|[^\s]場合(?:は|には|、)"
    r"|もし(?!く|も)|ようなら|次第で(?:は|す|、)|\bif\b|\bunless\b|\bdepends?\b"
)
_POLITE_CONDITION = re.compile(
    r"(?:でき|出来|よろし|宜し|よ|良|可能で|差し支えな|お手数で)(?:け|あ)?(?:れば|でしたら|ましたら)|できたら"
    r"|可能なら(?:ば)?"
    r"|(?:午前中?|午後|朝|昼|夕方|夜|平日|土日|週末|曜日?|日|時|時間|時以降|以降|この中|その中|選択肢|どちらか"
    r"|選ぶ|選べる|言う|いう|番号|今日|現在|今)(?:でし|だっ)?(?:た)?(?:なら|たら|れば)"
    r"|と言えば|といえば|何かあ(?:れば|りましたら)|何かございましたら|(?:あれば|ありましたら"
    r"|ございましたら)(?:ご?連絡|お知らせ|教え)"
)
_HEDGE = re.compile(
    r"かも|たぶん|多分|おそらく|恐らく|(?<!い)かな[ぁあー〜。\s…!]|かな$|かと(?!いう)|かしら|もしかし|だろう"
    r"|でしょう|はず(?!れ|か)|みたい|っぽい|気味|らしい|微妙|びみょう"
    r"|(?:分か|わか|判)(?:りません|らない|らず|りかね)|か(?:どうか|否か)|(?:る|す|い|た)か、?(?:確認|相談|聞"
    r"|検討|まだ|わか|分か|決|迷|家族|未)|どちら|どっち|(?<!ご)検討(?!よろ|のほど|くださ|いただ)|または|又は"
    r"|もしくは|若しくは|あるいは|或いは|それとも|可能性|場合によ"
    r"|たい(?:の|ん)?(?:です)?(?:が|けど|けれど)|つもりでした(?:が|けど)|(?:ました|でした|だった|った)(?:が"
    r"|けど|けれど)"
    r"|とりあえず|取り?敢えず|一応|同じ|ままか|悩(?:んで|み|む|ん$)"
    r"|調整(?:中|し(?:て|ま)|させ)|仮(?:で|に|予約|決|押|の|です|\)|$)|未確定|未確認|ほぼ(?:決|確定|間違い)|(?<!と)(?<!に)考えて(?:い|お)|たっけ"
    r"|(?:です|ます)よね(?!ろ)|[りき]そうで|第[二三四2-9] ?(?:希望|候補)|第[一1] ?候補|からの?(?:変更|変え)"
    r"|から[^。\n]{1,12}(?:に|へ)(?:変更|変え|かえ|訂正|修正)|\b(?:or|hope|maybe|perhaps|probably|might"
    r"|not sure|unsure|possibly|either)\b"
)
_WISHED = re.compile(
    r"たかった|て(?:い|おり)(?:まし)?た(?!だ|し)|つもり(?:でし|だっ)た|(?:よか|良か)った|だった(?:よう|の)|(?:回答|返信|提出)済"
)
_FIRM_AFTER_PAST = re.compile(r"(?:ました|でした|だった|った)(?:が|けど|けれど)")
_OPEN: Final = re.compile(
    r"変更(?:の可能性|が?あるか|になるか|するか|かも)|未定|迷って|迷い中|保留|(?:まだ|現時点で?は?|今は)、?(?:わか|分か|判|決|はっきり)|決ま(?:って(?:い)?ない"
    r"|りません|らない)|考え中|検討(?:中|します|させて)|決めかね"
    r"|(?:後日|あとで|改めて|後ほど|のちほど)(?:ご?回答|お?返事|お返事)|\b(?:undecided|not sure|don't know)\b"
)
_CONTRAST = re.compile(r"\s?(?:でも|ただし?|しかし|けど|だけど|ですが|とはいえ|\bbut\b)")
_PAST = re.compile(
    r"(?:昨日|きのう|一昨日|おととい|昨夜|昨晩|前回|先週|先月|去年|昨年|以前|(?:兄|姉|弟|妹|上の子|下の子)の(?:とき|時)|(?<![午以手直事])前)(?!から|より"
    r"|以来)(?:までは|まで"
    r"|は|の|には|、)?.{0,6}\Z"
)
_PARTLY = re.compile(
    r"途中(?:から|まで|で)|(?:時間目|時限目?|校時)(?:から|まで|で)|遅れて(?:行|い[きく]|登校|参|出席|到着)|早めに(?:帰|失礼)"
)
_SIBLING = re.compile(r"兄(?!弟)|姉(?!妹)|(?<!兄)弟|(?<!姉)妹|長男|次男|三男|長女|次女|三女|上の子|下の子|双子の")


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a normal text begin and end."""
    for found in _SENTENCE.finditer(text):
        if found.end() > found.start():
            yield found.span()


def denies(text: str, mention: Mention, following: int) -> str:
    """How a mention is denied: "plainly" (参加しません), "in words" (参加は無理です), or "" when it isn't.

    `following`: where the next mention starts."""
    rest = _HARMLESS.sub("", text[mention.end : following][:60])
    rest = behind_number(rest) if mention.kind is Kind.NUMBER else rest
    before = text[max(0, mention.start - 30) : mention.start]
    if refuses(rest) or _DENIED_BEFORE.search(before) or _SOMETHING_ELSES.search(before) or _ON_IT.match(rest):
        return "in words"
    if text.startswith(("相談", "ご相談"), mention.start) and _WITH_SOMEBODY.search(before):
        return "in words"
    if text[mention.start : mention.end] in _OTHERS and _NOTHING_ELSE.match(rest):
        return "in words"
    if text[mention.start : mention.end] in _NOES and rest[:1] in "、,。.! ":
        return "in words" if _AND_YET.match(rest) else ""
    if text[mention.start : mention.end] in _YESES and re.match(r"[、,。.! ]|です(?:が|けど)", rest):
        return "in words" if _BUT_NOT.match(rest) else ""
    if denial := _DENIAL.match(rest):
        return "in words" if _CORRECTS.search(denial[0]) or _TWICE.match(rest, denial.end()) else "plainly"
    if _AGAINST_IN_ENGLISH.match(rest):
        return "in words"
    if mention.kind is Kind.NUMBER and rest[:1] in "、, ":
        return "in words" if _AT_ONCE.match(rest) else ""  # "4番、都合がつかないので"
    end = _SCOPE_END.search(rest)
    scope = rest[: end.start()] if end else rest
    told_of_it = mention.kind in (Kind.NUMBER, Kind.DATE) and _OF_IT.match(scope) and _NEGATIVE.search(scope)
    return "in words" if told_of_it or _AGAINST.search(scope) else ""


def is_partly(text: str) -> bool:
    """Whether somebody comes later or leaves earlier, without the word for it: 3時間目から, 途中で帰ります."""
    return _PARTLY.search(text) is not None


def doubt(text: str, mentions: Sequence[Mention]) -> str:
    """Why the mentions are doubtful, as static text; "" when they are not."""
    hidden = text
    for mention in mentions:
        hidden = blank(hidden, mention.start, mention.end)
    if _OPEN.search(hidden):
        return "undecided"
    if len({found[0] for found in _SIBLING.finditer(hidden)}) > 1 and len(mentions) < 2:
        return "more than one person"
    for start, end in sentences(hidden):
        sentence = hidden[start:end]
        inside = [mention for mention in mentions if start <= mention.start < end]
        if inside:
            if why := _doubt_in(sentence, inside[0].start - start, inside[-1].end - start):
                return why
        elif _CONTRAST.match(sentence) and (_HEDGE.search(sentence) or _AGAINST.search(sentence)):
            return "in doubt"
    return ""


def _doubt_in(sentence: str, start: int, end: int) -> str:
    if _QUESTION.search(sentence) and not _REQUEST.search(sentence):
        return "a question"
    open_text = _POLITE_CONDITION.sub(lambda found: "〃" * len(found[0]), sentence)
    if any(condition.start() < end for condition in _CONDITION.finditer(open_text)):
        return "on a condition"
    if any(not re.search(r"\w", sentence[condition.end() :]) for condition in _CONDITION.finditer(sentence)):
        return "on a condition"  # "2で、都合がつけば"
    if _WISHED.search(sentence, end):
        return "about another day"
    for hedge in _HEDGE.finditer(sentence):
        if _FIRM_AFTER_PAST.match(hedge[0]) and hedge.start() < start:
            continue  # "昨日お送りしましたが、2です"
        return "in doubt"
    if _PAST.search(sentence[:start]):
        return "about another day"
    return ""
