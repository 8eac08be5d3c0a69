"""Expressions that deny a choice, or only seem to, each with what it means and examples."""

from __future__ import annotations

from mail.choices.markers import Position, any_of, marker

NO_DENIAL = marker(
    Position.AFTER,
    "negative words that deny nothing: they are taken out before denials are looked for",
    r"(?:構い|かまい|問題(?:は|が)?(?:あり|ござい)?|差し支え(?:あり)?|さしつかえ(?:あり)?|異存(?:あり)?"
    r"|間違い(?:は|が)?(?:あり)?|まちがい(?:あり)?|支障(?:あり)?"
    r"|変わり(?:は|が)?(?:あり|ござい)?|申し訳(?:あり|ござい)?|すみま|すいま)(?:ません|ない|なし|なく|せん)|間違いなく",
    matches=("〔2〕で構いません", "〔出席〕で問題ございません", "〔2〕です。申し訳ありません", "〔出席〕で間違いなく"),
    not_matches=("〔出席〕しません", "〔2〕は問題です"),
)

NEGATED = marker(
    Position.BEHIND,
    "the choice itself is negated",
    # of what: the doing of it, a wish, a plan; with its particles
    r"\s?(?:を|の|は)?(?:する|できる|出来る|いたす|させる)?"
    r"(?:希望|予定|つもり|意思|気|余裕|状態|状況|見込み?|考え|こと)?"
    r"(?:では|でも|でな|じゃ|に[はも]?|は|が|も|を|とは|など)?(?:、)?(?:する|すること)?(?:は|が|も)?"
    # the verb, and its negation
    r"(?:あり|ござい|言え|いえ|思え|し|でき|出来|して(?:い|お|おり)?|行き|行け|いけ|いき|い|され|なり|いたし|致し|させ)?"
    r"(?:ません|ませぬ|ない|なく|無い|無く|無し|なし(?!ょ)|なかっ|ぬ(?!き)|せず)",
    matches=(
        "〔参加〕しません",
        "〔出席〕する予定はありません",
        "〔2〕ではありません",
        "〔参加〕できない",
        "〔出席〕は、いたしません",
    ),
    not_matches=("〔参加〕します", "〔出席〕でお願いします"),
)
CORRECTED = marker(
    Position.AFTER,
    "in the negation: something else than the choice is meant, or a part of it",
    r"では|でな|じゃ|とは|でも|に[はも]",
    matches=("〔2〕ではありません", "〔2〕じゃない", "〔出席〕とは言えません"),
    not_matches=("〔参加〕しません", "〔希望〕なし"),
)
NEGATED_TWICE = marker(
    Position.BEHIND,
    "behind the negation: it is negated again, or it is all right",
    r"\s?(?:は|も|て)?(?:ない|大丈夫|いい|良い|構|かま|わけ|こと|とは|とも)",
    matches=("〔参加しなく〕はない", "〔参加しなく〕て大丈夫です", "〔参加しない〕わけではない"),
    not_matches=("〔参加しない〕です", "〔参加しません〕。"),
)

IMPOSSIBLE = marker(
    Position.AFTER,
    "it can't be done",
    r"無理|(?<![避非遭])難し|むずかし|困難|不可|だめ|駄目|(?<![a-z])ng(?![a-z])|厳し|きびし|かね(?:ます|る)",
    r"行けな|行けませ|いけませ|いけな|できな|できませ|出来な|出来ませ",
    r"(?:伺え|うかがえ|参れ|まいれ|行かれ|選べ|間に合(?:い|わ))(?:ませ|な[いく])",
    matches=("〔出席〕は無理です", "〔4日〕は難しいです", "〔2〕はNG", "〔出席〕しかねます", "〔4日〕に伺えません"),
    not_matches=("〔避難訓練〕に行けます", "〔2〕がengです", "〔出席〕できます"),
)
DECLINED = marker(
    Position.AFTER,
    "somebody doesn't want it, or leaves it be",
    r"見送|見合わせ|控え|ひかえ|辞退|遠慮|断り|断念|やめ|止め|中止|避け|嫌です|反対|除(?:い|き|く|け)",
    matches=(
        "〔参加〕を見送ります",
        "〔出席〕はご遠慮します",
        "〔2〕はやめておきます",
        "〔4日〕は避けたいです",
        "〔2〕を除いて",
    ),
    not_matches=("〔参加〕を見守ります", "〔2〕が好きです"),
)
TAKEN_BACK = marker(
    Position.AFTER,
    "somebody takes back what was said before",
    r"きゃんせる|取り?消|とりけし|撤回|取り下げ",
    matches=("〔2〕をキャンセルします", "〔出席〕を取り消します", "〔2〕の撤回をお願いします"),
    not_matches=("〔2〕を取ります", "〔出席〕と返信します"),
)
UNSUITABLE = marker(
    Position.AFTER,
    "it doesn't suit",
    r"都合(?:が|は|も)?(?:悪|わる|[つ付](?:か|き(?:そうに)?ませ|きかね)|[あ合](?:わ|いませ))|困(?:り|る)|こまる|不都合",
    matches=("〔4日〕は都合が悪いです", "〔2〕は都合がつきません", "〔4日〕だと困ります", "〔2〕は不都合です"),
    not_matches=("〔4日〕は都合がいいです", "〔2〕が都合よさそうです"),
)
WRONG = marker(
    Position.AFTER,
    "it was said by mistake, or isn't so",
    r"間違|まちが|誤り|違い|ちがい|ちがう|違う",
    matches=("〔2〕は間違いです", "〔出席〕は誤りでした", "〔2〕とは違う日"),
    not_matches=("〔2〕で合っています", "〔2〕の間です"),
)
ALL_BUT = marker(
    Position.AFTER,
    "all but this, or not surely this",
    r"以外|限り(?:ませ|はし)|限らな",
    matches=("〔2〕以外なら大丈夫です", "〔出席〕できるとは限りません", "〔2〕とは限らない"),
    not_matches=("〔2〕に限ります", "〔4日〕以降です"),
)
NOBODY_CAN = marker(
    Position.AFTER,
    "there is nobody who could",
    r"[人者方](?:[はがも])?(?:い|おり)(?:ませ|な[いく])",
    matches=("〔出席〕できる者がおりません", "〔2〕に行ける人いない"),
    not_matches=("〔出席〕する者がおります", "〔2〕に行ける人がいます"),
)
NOT_IN_ENGLISH = marker(
    Position.AFTER,
    "a negative English word in the rest of the sentence",
    r"\b(?:no|not|cannot|[a-z]{2,5}n['’]t|unable|unavailable|wrong|mistake)\b",
    matches=("〔4日〕ですが we are not there", "〔2〕 isn't it"),
    not_matches=("〔2〕 please", "〔2〕 noted"),
)
DENIED_IN_WORDS = any_of(
    IMPOSSIBLE, DECLINED, TAKEN_BACK, UNSUITABLE, WRONG, ALL_BUT, NOBODY_CAN, NOT_IN_ENGLISH
)  # fmt: skip

DENIED_IN_ENGLISH = marker(
    Position.BEHIND,
    "English that says soon behind the mention that it doesn't suit",
    r"[ ,:-]+(?:[a-z']+ ){0,4}?(?:no|not|cannot|[a-z]{2,5}n['’]?t|unable|unavailable|wrong|mistake|bad"
    r"|impossible|difficult|hard|tough|out|busy|full|taken|booked|(?:second|2nd|third|3rd) (?:choice|preference))\b",
    matches=("〔2〕 is not good", "〔2〕 - no", "〔2〕 would be difficult", "〔2〕 is my second choice"),
    not_matches=("〔2〕 is good", "〔2〕 please"),
)
DENIED_BEFORE = marker(
    Position.BEFORE,
    "what stands before it denies it",
    r"(?:[不非未否]|\b(?:not|no|never|cannot|without|unable to|but|except|other than|besides|avoid|skip|cancel(?:led)?"
    r"|change(?:d)? from|busy|have work|wanted|thinking(?: of)?|(?:have|had) (?:liked|preferred|chosen)|instead of"
    r"|rather than|(?:second|2nd|third|3rd) (?:choice|preference)|[a-z]+n['’]?t)\s(?:[a-z']+\s){0,2})\Z",
    matches=("不〔参加〕", "avoid 〔2〕", "please skip 〔2〕", "I'm busy on 〔wednesday〕", "anything but 〔2〕"),
    not_matches=("ぜひ〔参加〕", "please take 〔2〕", "not this time, but we take the 〔2〕"),
)
OF_SOMETHING_ELSE = marker(
    Position.BEFORE,
    "it is said of something or somebody else",
    r"(?:他|ほか|以外|食欲|機嫌|睡眠|便通?|友達|友だち|友人)(?:に)?[はがも]\s?\Z",
    matches=("食欲は〔良好〕です", "友達も〔2〕です", "他は〔2〕"),
    not_matches=("体調は〔良好〕です", "食欲〔良好〕"),
)
WITH_SOMEBODY = marker(
    Position.BEFORE,
    "before a choice of talking (相談): with somebody at home, so that nothing is asked of the school",
    r"と(?:も|よく)?(?:ご)?\Z",
    matches=("主人と〔相談〕します", "家族とよく〔相談〕して"),
    not_matches=("先生に〔相談〕したい", "〔相談〕と面談"),
)
NOTHING_ELSE = marker(
    Position.BEHIND,
    'behind "other": there is nothing of it',
    r"[、,:\s]*(?:は|に)?(?:特に|とくに|何も|なにも)(?:は)?(?:な[いし]|無し|無い|あり(?:ませ)|ござい)",
    matches=("〔その他〕、特になし", "〔その他〕は何もありません"),
    not_matches=("〔その他〕、特に右足", "〔その他〕です"),
)
ON_CONDITION_OF_IT = marker(
    Position.BEHIND,
    "only if it is so, unless what follows agrees all the same",
    r"(?:でし|だっ|であっ|し|あっ|出)?たら(?!.{0,6}(?:大丈夫|可|行け|いけ|参加|出席|伺|ok|助か|お願|おね|い[いけ]|良|あり|嬉))",
    matches=("〔発熱〕したら連絡します", "〔2〕だったら仕事です"),
    not_matches=("〔2〕だったら行けます", "〔4日〕でしたら大丈夫です", "〔2〕です"),
)
NO_AND_YET = marker(
    Position.BEHIND,
    'behind "no": somebody comes all the same',
    r"[、,。.!\s]+(?:参加|出席|行き|いき|希望|利用|食べ)(?!しま?せ)[^。\n]{0,10}(?:ます|です|たい)",
    matches=("〔いいえ〕、参加します", "〔いいえ〕。行きたい"),
    not_matches=("〔いいえ〕、参加しません", "〔いいえ〕です"),
)
YES_BUT_NOT = marker(
    Position.BEHIND,
    'behind "yes": somebody doesn\'t come all the same, or the sentence goes on with "but"',
    r"です(?:が|けど)|[、,。.!\s]+[^。\n]{0,12}(?:[しきけ]ません|できません|出来ません|[しかけ]ない|ないです"
    r"|欠席|不参加"
    r"|\bnot\b|無理)",
    matches=("〔はい〕、行けません", "〔はい〕ですが", "〔はい〕、今回は欠席です"),
    not_matches=("〔はい〕、参加します", "〔はい〕です"),
)
NUMBER_DENIED_AT_ONCE = marker(
    Position.BEHIND,
    "behind a number and a comma: it is denied at once",
    r"[、,\s]+(?:は|が)?(?:無理|だめ|駄目|ng\b|不可|×|以外|きゃんせる|取り?消)",
    matches=("〔4〕、無理です", "〔4〕 は×", "〔2〕、取り消し"),
    not_matches=("〔4番〕、都合がつかないので", "〔4〕無理です"),
)
OF_THE_NUMBER = marker(
    Position.BEHIND,
    "the sentence goes on about the number or day itself",
    r"(?:番|目)?(?:に[はも]?|を|では|でも|じゃ|は|も|が|だけ[はがで]?|のみ|だと)",
    matches=("〔2〕には行けない", "〔2〕番は選ばない", "〔4日〕だけが空いていない"),
    not_matches=("〔2〕でお願いします", "〔2〕です"),
)
NEGATIVE = marker(
    Position.AFTER,
    "any negation, however far behind",
    r"(?:ませ[んぬ]|(?<![かが])な[いく]|なけれ|なかった|なきゃ)(?!か)",
    matches=("〔2〕は選択しません", "〔2〕でなければ", "〔4日〕を望まない"),
    not_matches=("〔2〕を選びますね", "〔2〕はどうでしょう", "〔2〕は行きませんか"),
)
SCOPE_END = marker(
    Position.AFTER,
    "here the sentence, or its part about the mention, is over",
    r"[。!?\n(「【]|\.(?![0-9])|(?<=ます)[、,]|(?<=です)[、,]|(?<=した)[、,]|(?<=ため)[、,]|(?<=ので)[、,]",
    matches=("〔2〕です。", "〔2〕にします、仕事なので", "〔2〕 (無理なら4)", "〔2〕. ok"),
    not_matches=("〔2〕、無理", "〔発熱〕37.5度"),
)
