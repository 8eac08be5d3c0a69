"""Expressions that leave a choice in doubt, or only seem to, each with what it means and examples."""

from __future__ import annotations

from mail.choices.markers import Position, any_of, marker
from mail.choices.normal_form import BLANK

QUESTION = marker(
    Position.SENTENCE,
    "something is asked",
    r"\?|(?:です|ます|せん|でしょう|だろう|った|る|い|の|番|[0-9]|" + BLANK + r")(?:の)?か(?:ね|な[あぁ]?"
    r"|しら)?[ー〜…。.!♪\s]*$",
    matches=("〔2〕ですか", "〔2〕でいいのかな。", "〔2〕?", "〔参加〕か"),
    not_matches=("〔2〕です", "〔4日〕から行きます"),
)
REQUEST = marker(
    Position.SENTENCE,
    "it is asked for, politely, in the form of a question",
    r"(?:お願い|おねがい|御願い)(?:でき|出来|は?可能|し(?:ても|て)?(?:よろしい|宜しい|いい)|いたしたく"
    r"|致したく).{0,12}か[?。.!\s]*$"
    r"|(?:いただけ|頂け|もらえ|くださ(?:い|れ)).{0,8}か[?。.!\s]*$",
    matches=("〔2〕でお願いできますか?", "〔2〕にしていただけますか", "〔4日〕でお願いしてもよろしいですか"),
    not_matches=("〔2〕ですか?", "〔2〕で大丈夫でしょうか"),
)
CONDITION = marker(
    Position.SENTENCE,
    "only if something is so",
    r"(?:れば|けば|せば|てば|ねば|べば|めば|げば|えば(?!さ))(?!なら|ばか)|たら(?!し)|だら(?=、|\s"
    r"|[0-9" + BLANK + r"])|なら(?!な|ば?あり|び|ず|べ)",
    r"(?:の|た|る|い|な)場合|[^\s]場合(?:は|には|、)",
    r"もし(?!く|も)|ようなら|次第で(?:は|す|、)",
    r"\bif\b|\bunless\b|\bdepends?\b",
    matches=(
        "空いていれば〔2〕",
        "雨だったら〔欠席〕",
        "熱が下がらない場合〔欠席〕",
        "もし行けるなら〔2〕",
        "〔2〕 if possible",
    ),
    not_matches=("行かなければならないので〔2〕", "新しい〔2〕", "場合を問わず〔2〕", "〔2〕もしくは〔4〕"),
)
POLITE_CONDITION = marker(
    Position.SENTENCE,
    "a condition that is none: politeness, or a choice among what is offered",
    # politeness: できれば, よろしければ
    r"(?:でき|出来|よろし|宜し|よ|良|可能で|差し支えな|お手数で)(?:け|あ)?(?:れば|でしたら|ましたら)|できたら"
    r"|可能なら(?:ば)?",
    # among what is offered: 午前なら, この中でしたら
    r"(?:午前中?|午後|朝|昼|夕方|夜|平日|土日|週末|曜日?|日|時|時間|時以降|以降|この中|その中|選択肢|どちらか"
    r"|選ぶ|選べる|言う|いう|番号|今日|現在|今)(?:でし|だっ)?(?:た)?(?:なら|たら|れば)",
    # an offer: 何かあればご連絡ください
    r"と言えば|といえば|何かあ(?:れば|りましたら)|何かございましたら|(?:あれば|ありましたら"
    r"|ございましたら)(?:ご?連絡|お知らせ|教え)",
    matches=(
        "できれば〔2〕",
        "よろしければ〔2〕",
        "この中でしたら〔2〕",
        "午後なら〔2〕",
        "〔2〕です。何かあればご連絡ください",
    ),
    not_matches=("空いていれば〔2〕", "熱が出たら〔欠席〕"),
)

GUESS = marker(
    Position.SENTENCE,
    "it is only likely",
    r"かも|たぶん|多分|おそらく|恐らく|(?<!い)かな[ぁあー〜。\s…!]|かな$|かと(?!いう)|かしら|もしかし|だろう|でしょう",
    r"はず(?!れ|か)|みたい|っぽい|気味|らしい|微妙|びみょう|可能性|場合によ|[りき]そうで|ほぼ(?:決|確定|間違い)",
    r"たっけ|(?:です|ます)よね(?!ろ)",
    matches=(
        "〔欠席〕かもしれません",
        "たぶん〔2〕",
        "〔2〕かな",
        "〔出席〕のはずです",
        "〔2〕でしたっけ",
        "〔2〕ですよね",
    ),
    not_matches=("〔2〕です", "〔2〕ははずれ", "静かな〔2〕", "〔2〕ですよろしく"),
)
NOT_KNOWN = marker(
    Position.SENTENCE,
    "somebody doesn't know, or still wonders",
    r"(?:分か|わか|判)(?:りません|らない|らず|りかね)|か(?:どうか|否か)|(?:る|す|い|た)か、?(?:確認|相談|聞"
    r"|検討|まだ|わか|分か|決|迷|家族|未)|ままか|悩(?:んで|み|む|ん$)|未確定|未確認",
    matches=(
        "〔2〕に行けるか分かりません",
        "〔2〕にするか迷っています",
        "〔2〕かどうか",
        "〔2〕で悩んでいます",
        "〔2〕は未確定です",
    ),
    not_matches=("〔2〕と分かりました", "〔2〕を確認しました"),
)
EITHER = marker(
    Position.SENTENCE,
    "one or the other",
    r"どちら|どっち|または|又は|もしくは|若しくは|あるいは|或いは|それとも",
    matches=("〔2〕または3", "〔2〕か3、どちらか", "〔2〕それとも3"),
    not_matches=("〔2〕と3", "〔2〕です。またお願いします"),
)
NOT_DECIDED = marker(
    Position.SENTENCE,
    "it is being considered or arranged, or holds for now only",
    r"(?<!ご)検討(?!よろ|のほど|くださ|いただ)|調整(?:中|し(?:て|ま)|させ)|仮(?:で|に|予約|決|押|の|です|\)|$)"
    r"|(?<!と)(?<!に)考えて(?:い|お)|とりあえず|取り?敢えず|一応|同じ",
    matches=(
        "〔2〕で調整中です",
        "〔2〕で仮予約",
        "〔2〕を検討します",
        "〔2〕の方向で考えています",
        "一応〔2〕で",
        "姉と同じ〔2〕",
    ),
    not_matches=("〔2〕です。ご検討ください", "〔2〕と考えています", "仮面は〔2〕"),
)
WISH_WITH_BUT = marker(
    Position.SENTENCE,
    "a wish or a plan, and a but behind it",
    r"たい(?:の|ん)?(?:です)?(?:が|けど|けれど)|つもりでした(?:が|けど)|(?:ました|でした|だった|った)(?:が"
    r"|けど|けれど)",
    matches=("〔参加〕したいのですが", "〔2〕のつもりでしたが", "〔2〕を選びましたが", "〔2〕だったけど"),
    not_matches=("〔参加〕したいです", "〔2〕ですが、遅れます"),
)
RANKED = marker(
    Position.SENTENCE,
    "it is a second wish, or a candidate",
    r"第[二三四2-9] ?(?:希望|候補)|第[一1] ?候補",
    matches=("〔2〕が第二希望です", "第3候補は〔2〕", "〔2〕が第一候補"),
    not_matches=("〔2〕が第一希望です", "第二回は〔2〕"),
)
CHANGED_FROM = marker(
    Position.SENTENCE,
    "a change from one to another, which may be either",
    r"からの?(?:変更|変え)|から[^。\n]{1,12}(?:に|へ)(?:変更|変え|かえ|訂正|修正)",
    matches=("〔2〕からの変更を希望します", "〔2〕から3に変更", "〔2〕から変えてください"),
    not_matches=("〔2〕に変更をお願いします", "〔4日〕から行きます"),
)
DOUBT_IN_ENGLISH = marker(
    Position.SENTENCE,
    "words of doubt in English",
    r"\b(?:or|hope|maybe|perhaps|probably|might|not sure|unsure|possibly|either)\b",
    matches=("maybe 〔2〕", "〔2〕 or 3", "I am not sure about 〔2〕"),
    not_matches=("〔2〕 for sure", "〔2〕 tomorrow"),
)
HEDGE = any_of(
    GUESS, NOT_KNOWN, EITHER, NOT_DECIDED, WISH_WITH_BUT, RANKED, CHANGED_FROM, DOUBT_IN_ENGLISH
)  # fmt: skip
"""Whatever makes the sentence about a mention less than firm."""

FIRM_AFTER_PAST = marker(
    Position.SENTENCE,
    "a past and a but: before the mention, what follows is firm all the same",
    r"(?:ました|でした|だった|った)(?:が|けど|けれど)",
    matches=("昨日お送りしましたが、〔2〕です", "迷ったけど〔2〕です"),
    not_matches=("〔2〕にしました", "〔参加〕したいのですが"),
)
WISHED = marker(
    Position.AFTER,
    "it was wished for, chosen or done earlier",
    r"たかった|て(?:い|おり)(?:まし)?た(?!だ|し)|つもり(?:でし|だっ)た|(?:よか|良か)った|だった(?:よう|の)"
    r"|(?:回答|返信|提出)済",
    matches=(
        "〔2〕にしたかったです",
        "〔2〕でお願いしていましたが",
        "〔2〕のつもりでした",
        "〔2〕がよかった",
        "〔2〕で回答済みです",
    ),
    not_matches=("〔2〕にしたいです", "〔2〕にしていただければ", "〔2〕がいいです"),
)
UNDECIDED = marker(
    Position.SENTENCE,
    "anywhere in the answer: nothing is decided yet, or it may still change",
    r"変更(?:の可能性|が?あるか|になるか|するか|かも)|未定|迷って|迷い中|保留",
    r"(?:まだ|現時点で?は?|今は)、?(?:わか|分か|判|決|はっきり)|決ま(?:って(?:い)?ない|りません|らない)|考え中"
    r"|検討(?:中|します|させて)|決めかね",
    r"(?:後日|あとで|改めて|後ほど|のちほど)(?:ご?回答|お?返事|お返事)|\b(?:undecided|not sure|don't know)\b",
    matches=(
        "〔2〕です。変更の可能性があります",
        "予定は未定です",
        "まだ決まっていません",
        "改めてご回答します",
        "not sure",
    ),
    not_matches=("〔2〕に変更します", "今は元気です", "後日伺います"),
)
CONTRAST = marker(
    Position.BEHIND,
    "at the beginning of another sentence: it is contrary to the one before",
    r"\s?(?:でも|ただし?|しかし|けど|だけど|ですが|とはいえ|\bbut\b)",
    matches=("〔2です。〕でも行けないかも", "〔2です。〕ただし未確定です", "〔2.〕 but maybe"),
    not_matches=("〔2です。〕よろしくお願いします", "〔2です。〕今日でも"),
)
PAST = marker(
    Position.BEFORE,
    "what follows was so on another day, or is so of a brother or sister",
    r"(?:昨日|きのう|一昨日|おととい|昨夜|昨晩|前回|先週|先月|去年|昨年|以前|(?:兄|姉|弟|妹|上の子|下の子)の(?:とき|時)"
    r"|(?<![午以手直事])前)(?!から|より|以来)(?:までは|まで|は|の|には|、)?.{0,6}\Z",
    matches=("昨日は〔欠席〕", "前回は〔2〕", "兄のときは〔2〕", "先週まで〔発熱あり〕"),
    not_matches=("今日は〔欠席〕", "午前〔2〕", "昨日から〔発熱あり〕", "昨日お知らせしましたとおり〔欠席〕"),
)
PARTLY = marker(
    Position.SENTENCE,
    "somebody comes later, or leaves earlier",
    r"途中(?:から|まで|で)|(?:時間目|時限目?|校時)(?:から|まで|で)|遅れて(?:行|い[きく]|登校|参|出席|到着)"
    r"|早めに(?:帰|失礼)",
    matches=("3時間目から〔出席〕します", "〔出席〕しますが途中で帰ります", "遅れて行きます"),
    not_matches=("〔出席〕します", "3時間目は体育です", "遅れてすみません"),
)
SIBLING = marker(
    Position.SENTENCE,
    "one of several children is named",
    r"兄(?!弟)|姉(?!妹)|(?<!兄)弟|(?<!姉)妹|長男|次男|三男|長女|次女|三女|上の子|下の子|双子の",
    matches=("兄は〔2〕", "次女〔欠席〕", "上の子は〔2〕"),
    not_matches=("兄弟とも〔2〕", "姉妹で〔参加〕", "太郎は〔2〕"),
)
