"""What may follow the words of a choice so that they still mean it: *します*, *でお願いします*, *な状態です*.

A list of what affirms, because nobody can list what doesn't: 出席が叶いません, 出席しかねます, 出席する方向で調整中.
Denials and doubts further on in the sentence are for `denials` and `doubt`.
"""

from __future__ import annotations

import re

from mail.choices.mentions import Mention, MentionKind
from mail.choices.normal_form import BLANK

_END = r"(?=[、。,.!?)\]」』】〉》\s♪♡…‥ー〜~○:：;・/→" + BLANK + r"]|$|[^\w\s×△-])"
_COPULA = (
    r"で(?:す(?!が条件)|した|しょう|ござい|あり(?:ます|がた)|御座い)|で(?=[^はもなき])|でも?(?:構|かま|問題"
    r"|大丈夫|良い|いい)|で$|だ(?:よ|と(?:思|助か|あり|嬉|うれ|良|いい|幸)|ね|(?!と))"
    r"|っす|なの(?:で|です)|なん(?:です|で)|ので|のため|につき|により|よ(?:ろ|$|。|!)|ね(?:$|。|!|〜)|お願"
    r"|おねが|御願|宜し|[34][0-9](?![0-9])|ok|おっけ|おーけ|おけ|おk"
)
_DOING = (
    r"(?:を|も|は|と)?(?:した(?:ため|ので)|し(?:ます|た(?:い|く)(?:こと|です|と(?:思|存)|と思)|て(?:い|お|ま|る"
    r"|下|くだ|頂|も)"
    r"|よう(?:と思|か)|ました)|する(?:予定|つもり|ことに|こと|ので|ため|と(?:思|の))?(?!方向|場合|か|な|と|よう|状|可)"
    r"|(?:いたし|致し)(?:ます|たく|たい)|させ(?:て|ます)|(?:でき|出来)(?:ます|る(?:と思)?)(?!か|よう|状|場|な|ば|方|可)"
    r"|頂|いただ|願います)"
)
_TAKING = (
    r"を(?:お|ご)?(?:希望(?!し(?:ない|ませ))|選(?!べ|びませ|ばな|択し(?:ませ|ない|なか))|お?願|お?ねが|望み|申)|に(?:し(?:ます|て|た(?:い|く))|なりま"
    r"|なる(?:と思|予定|ので)|○|丸|まる|ちぇっく|決|致|いた|変更|訂正|伺|参|出席|うかが|いき|行き|来|登校|お願"
    r"|おねが|て(?!か))"
    r"|と(?:なり|なって|させ|いたし|致し|して(?!は)|し(?:ます|たい)|思(?!って)|のこと|のことで|の事|いうこと"
    r"|いえば)|が(?:いい|良|よ(?:い|さ|ろ)|希望|助か|あり(?:が|ま)|一番|最|都合(?:が)?(?:いい|良|よ)|嬉|うれ)"
    r"|希望(?!し(?:ない|ませ)|者|はあり|があ)|予定(?!は|が|でした)|可能?(?!否|性)(?=です|で|$|\W|な)|中(?:です"
    r"|。|$|\s)|のみ|だけ|しか(?!ね|も)"
    r"|の(?:方|ほう|予定(?!で(?:したが|は))|状態|まま|つもりです|回答|連絡|旨|ため|(?:日|枠|時間)(?!は|が|も|を教|に[はも])|やつ|で"
    r"|お願|" + BLANK + r"|[^\w])(?!向)"
    r"|な(?:状態|よう(?:す|子)|ので|の(?:で|です))|(?:様子|状態|ですの|連絡)"
)
_EVEN = (
    r"(?:は|も|なら(?:ば)?|であれば|でしたら|だったら)(?:、)?"
    r"(?:大丈夫|だいじょうぶ|可能?(?!否|性)|ok|○|空いて(?!い?ませ)|あいて(?!い?ませ)|行け(?:ます|る)|いけ(?:ます|る)"
    r"|参加(?:でき|し)ます|伺え|出席(?:でき|し)ます|都合(?:が)?(?:いい|良|よ|つき))"
)
_VERBAL = r"(?:が|けれど|けど|ので|から|し|のみ|て|の(?:で|です)|と(?:の|思)|よ|ね|んで|です|くらい|ため|こと)"
_VERB_END = re.compile(r"(?:ます|ません|あり|有り?|ある|る|ない|なし|無し?|た|う|く|む|す|です|出て|いる)$")
_AFFIRMED = re.compile(rf"\s?(?:{_END}|{_COPULA}|{_DOING}|{_TAKING}|{_EVEN})")
_AFFIRMED_DATE = re.compile(
    r"\s?(?:参加|出席|伺|に(?=$|[\s。])|以降|以後|すぎ|過ぎ|の?(?:午前中?|午後|朝|夕方|昼|夜|面談(?=で|を|に|希望))"
    r"|の?[0-9]{1,2}(?:時"
    r"|:)|頃|ごろ|辺り"
    r"|分|以外(?!\w)|から(?=で|を|に|の(?!変更)|希望|が))"
)
_AFFIRMED_VERB = re.compile(rf"\s?(?:{_END}|{_COPULA}|{_DOING}|{_VERBAL}|{_TAKING})")
_AFFIRMED_NUMBER = re.compile(
    r"(?:へ|ということ|と(?:回答|答え|選|書)|(?:参加|出席|行き|いき|伺|うかが|来校|選|申|受け|入れて|変更|訂正|ば(?=$|[。、\s]))"
    r"|(?:の)?やつ|に(?:該当|当ては|あては|当た|あたり)|っ(?=$|[。、!\s])|[-~〜ー]+\s*$"
    r"|を(?:押|くり|ちぇ|○|丸|まる|つけ|入れ|第[一1]希望|頂|いただ)|が[第最](?![二三四五2-9])|m\(|[a-z]{2,}|(?![抜除却仮仕予不未無否外避嫌先第])[^\W\d_ぁ-ん])"
)
_NUMBERS_SPACE = re.compile(
    r" (?=は(?!い(?:$|[、。,.! ]))|も(?!う|し|っ)|が(?!ん)|を|に(?!ん)|で|じゃ|だ|の|から|以外"
    r"|な[しら]|無し|抜き|か|と(?!ても))"
)
"""A circled number, and one before a careless space, is followed by its particle all the same."""
_IN_ENGLISH = re.compile(r"[a-z][a-z' ]*$")


_JOINED = re.compile(r"[\s()、,:の]{0,3}")
_TOPIC = re.compile(r"(?:の(?:件|こと|話)|について|に関し)")


def is_topic(text: str, mention: Mention) -> bool:
    """Whether a mention only says what the rest is about: 出席の件、…"""
    return mention.kind is not MentionKind.NUMBER and bool(_TOPIC.match(text[mention.end : mention.end + 5]))


def behind_number(rest: str) -> str:
    """What follows a number, without the room between it and its particle."""
    return _NUMBERS_SPACE.sub("", rest) if _NUMBERS_SPACE.match(rest) else rest


def affirms(text: str, mention: Mention, following: int) -> bool:
    """Whether what follows a mention lets it stand. `following`: where the next one starts: 3回目の4月24日 is one
    choice told twice."""
    said = text[mention.start : mention.end]
    rest = text[mention.end : mention.end + 24]
    if _IN_ENGLISH.match(said) or _JOINED.fullmatch(text[mention.end : following]):
        return True
    if mention.kind is MentionKind.NUMBER:
        rest = behind_number(rest)
        return bool(_AFFIRMED.match(rest) or _AFFIRMED_NUMBER.match(rest))
    if _AFFIRMED.match(rest) or (mention.kind is MentionKind.DATE and _AFFIRMED_DATE.match(rest)):
        return True
    return bool(_VERB_END.search(said) and _AFFIRMED_VERB.match(rest))
