"""The words by which machines say that they are machines: in subjects, and in what stands above any quotation.

No single word decides: people write "out of office" too. mail.automatic.decision weighs what is found here against
the marks in the header. Subjects are looked at from their beginning on, so that "Re: Automatic reply" is the person who
replies to one; texts without what they quote, so that nobody is taken for the machine that he quotes.
"""

from __future__ import annotations

import re
import unicodedata

from mail.automatic.prefilter import PrefilteredPattern, folded

__all__ = ["Phrases", "find_phrases"]

_SUBJECT_LENGTH = 300
_TEXT_LENGTH = 4_000
_OWN_LENGTH = 1_500

_OPEN = r"[\[【(〈《「<*\s]{0,3}"
# What programs put before the subject, in each language.
_PROGRAMS_SUBJECT = re.compile(
    rf"{_OPEN}(?:"
    r"auto(?:mat(?:ic|ed))?[- ]?(?:repl(?:y|ies)|respon(?:se|der|s)\b|answer|acknowledge?ment|message\b|e-?mail\b)"
    r"|auto ?:|autom(?:ated)? ?:|ooo ?:|oof ?:|autoreply|auto ?risposta|autosvar"
    r"|out[- ]of[- ](?:the[- ])?office\s+(?:auto|re(?:ply|sponse|:)|message|notif|notice)"
    r"|(?:vacation|holiday) (?:reply|response|message|notice|notification|auto)"
    r"|[^:]{1,60}\bis (?:currently )?out of (?:the )?office\b"
    r"|automatische antwort|abwesenheits(?:notiz|nachricht|meldung|assistent)|abwesend ?:|automatisch antwoord"
    r"|afwezigheid|r[ée]ponse automatique|message d['’]absence|absent? du bureau ?:|absence ?:"
    r"|respuesta autom[aá]tica|fuera de (?:la )?oficina|risposta (?:automatica|non al computer)|fuori (?:sede|ufficio)"
    r"|resposta autom[aá]tica|fora do escrit[oó]rio|automatisk svar|frånvaro ?:|fravær ?:|automaattinen vastaus"
    r"|poissa(?:oloilmoitus)? ?:|autorespuesta|automatyczna odpowied[zź]|autoodpowied[zź]"
    r"|automatick[aá] odpov[eě][dď]|automatikus v[aá]lasz|otomatik yan[ıi]t|r[aă]spuns automat"
    r"|автоматический ответ|автоответ|автоматична відповідь|자동 ?(?:회신|응답)|부재 ?중"
    r"|自动(?:答复|回复)|自動(?:回覆|回复|答覆)"
    r"|自動(?:返信|応答|送信|配信|回答|通知)|オート(?:リプライ|レスポンス)|不在(?:通知|応答|メール|返信|\s*[】\])]|\s?:\s)"
    r"|(?:受付|受信)完了(?:の(?:お知らせ|ご連絡)|メール|通知)"
    r")",
    re.IGNORECASE,
)
# What programs say, too, but people may write as well.
_AWAY_SUBJECT = re.compile(
    rf"{_OPEN}(?:"
    r"out[- ]of[- ](?:the[- ])?office\s*(?:[:\]】)]|$)"
    r"|(?:i am |i'm |currently )?(?:away from (?:my|the) (?:office|mail|desk)|on (?:vacation|holiday|leave)\b"
    r"|away until)"
    r"|(?:現在|只今|ただいま)?(?:不在|休暇|出張|外出|休業|留守|育休|産休|休職|夏[季期]休[業暇]|冬[季期]休[業暇]|年末年始休業)"
    r"(?:の(?:お知らせ|ご案内|連絡|ため|メッセージ)|中(?:です|の|につき|:|[】\])]|$)|連絡|案内|で(?:す|ございます)|[】\])])"
    r"|お?問い?合わ?せ(?:を|の|いただき|頂き)?.{0,6}(?:受け付け|受付|受領|承り|承っ|ありがとう)"
    r"|(?:メール|お申し?込み?|ご連絡|ご意見|資料請求|ご予約)(?:を|の|が|いただき|頂き)?"
    r"(?:受け付け(?:まし|いた|完)|受付(?:完了|確認|の(?:お知らせ|ご確認))|受信(?:しました|いたしました|完了|確認)|ありがとう)"
    r")",
    re.IGNORECASE,
)
_AUTOMATIC_TAIL = re.compile(
    r"[\[【(〈「<]\s*(?:自動(?:返信|応答|送信|配信)(?:メール)?|不在(?:通知|応答)?|auto(?:matic)?[- ]?(?:reply|response)"
    r"|out of (?:the )?office)\s*[\]】)〉」>]\s*$",
    re.IGNORECASE,
)
_RECEIPT_SUBJECT = re.compile(
    r"(?:(?:not )?(?:read|displayed|deleted)|gelesen|ungelesen|lu|non lu|le[ií]do|no le[ií]do|letto|lido|gelezen"
    r"|l[äæ]st|lest"
    r"|luettu|прочт?ено|прочитано|прочита[нл]о?|p[řr]e[čc]teno|przeczytan[eoa]|已读|已讀|읽음|開封済み?|既読|未開封|未読のまま削除"
    r"|開封せずに削除(?:済み)?|表示済み?) ?:\s"
    r"|return[- ]receipt|read[- ](?:receipt|notification)|(?:message )?disposition notification"
    r"|開封(?:確認|通知|済みメッセージ)|lesebest[äa]tigung|empfangsbest[äa]tigung|confirmation de lecture"
    r"|conferma di lettura|confirmaci[oó]n de lectura|leesbevestiging",
    re.IGNORECASE,
)
_RECEIPT_TEXT = PrefilteredPattern(
    r"(?:was|is|has been) (?:read|displayed|opened|deleted without being read)(?:\s+(?:on|at|by)\b|\s*\.?\s*$)"
    r"|return receipt|displayed on the recipient|no guarantee that the message (?:has been|was) read"
    r"|wurde am .{4,40} gelesen|a [ée]t[ée] lue? le|se ha le[ií]do el|[èe] stat[ao] lett[ao]",
    re.IGNORECASE,
)
_RECEIPT_TEXT_COMPACT = PrefilteredPattern(
    r"(?:に|は)(?:開封|表示)され(?:まし)?た|開封(?:確認|通知|されました|済みです)|未開封のまま削除|受信者の.{0,12}表示されました"
    r"|(?:宛先|件名|送信日時).{0,200}に開封"
)

# A mail says of itself that no person wrote it.
_STATEMENT = PrefilteredPattern(
    r"\bthis (?:is an?|(?:e-?mail|message|reply|response|notification)[\w ]{0,20}(?:was|is|has been)(?: an?)?) "
    r"(?!.{0,30}(?:scan|check|virus|encrypt|translat|archiv))"
    r"(?:\w+ )?auto(?:matic(?:ally)?|mated|-?generated|-?repl(?:y|ied)|-?respon(?:se|der)|matic)"
    r"|\bautomatic(?:ally)?[- ](?:generated|sent|created) (?:\w+ )?(?:e-?mail|message|reply|response|notification)"
    r"|\b(?:automatic(?:ally)?|automated|auto)[- ]?(?:generated )?(?:reply|response|responder|message|notification)\b"
    r"(?: (?:from|to|by|sent|system)\b|[.!:]|$)|\bauto-?(?:generated|responder)\b"
    r"|(?:do not|don't|cannot|can not|please don't) (?:reply|respond) (?:directly )?to this (?:e-?mail|message"
    r"|address|mail)"
    r"|this (?:mailbox|inbox|e-?mail (?:inbox|address|box|account)|address|account) .{0,60}?(?:is (?:not"
    r"|un)(?: being)? ?monitored"
    r"|is no longer|not (?:checked|read|in use)|unattended|has been (?:closed|discontinued))"
    r"|this is a vacation (?:message|reply|notice)"
    r"|automatisch (?:generierte|erstellte|erzeugte)|automatische antwort|r[ée]ponse automatique|message automatique"
    r"|respuesta autom[aá]tica|risposta automatica|resposta autom[aá]tica|automatisch gegenereerd",
    re.IGNORECASE,
)
_STATEMENT_COMPACT = PrefilteredPattern(
    r"(?:この|本|当)(?:メール|メッセージ|返信|通知|Eメール|e-mail)(?:は|を)(?!.{0,30}(?:スキャン|チェック|検査|ウイルス|翻訳|暗号|転送)).{0,30}?"
    r"(?:自動|機械的|システム(?:により|から|より|が))"
    r"|自動(?:的に)?(?:送信|返信|応答|配信|発信|生成|作成)(?:され|して|いた|の?メール|の?メッセージ|です|となり|になり|で(?:お送り|の)|専用|機能|システム)"
    r"|自動(?:返信|応答|送信)[」】\]).。]|送信専用(?:の|と|で|メール|アドレス)"
    r"|(?:この|本|当)メール(?:アドレス)?(?:に|へ|宛に?|への)(?:直接)?(?:の)?(?:ご)?返信(?:は|を|に|されても|いただいても|頂いても|しないで)"
    r"|ご?返信(?:いただいて|頂いて|されて|し)も?.{0,25}(?:お答え|回答|対応|返信|確認|お?返事).{0,8}(?:できません|出来ません|できかねます|いたしかねます)"
    r"|(?:この|当|本|旧)(?:メール)?アドレスは.{0,30}?(?:使われて|使用(?:され|し)て|利用(?:され|し)て|ご利用(?:いただけ|でき)|廃止|閉鎖|確認(?:され|し)て)(?:おりませ"
    r"|いませ|ませ|され|しま|おり|い)"
    r"|不在時の自動|不在応答|留守番メール"
)

# Somebody must prove first that he is no machine (challenge-response).
_CHALLENGE = PrefilteredPattern(
    r"(?:confirm|verify|prove|validate|authenticate)[\w ,']{0,40}(?:you (?:are|sent|really sent)|that you"
    r"|your (?:e-?mail|message"
    r"|address|identity)|(?:are|not) (?:a )?(?:human|real|spam|robot))"
    r"|(?:your|the) (?:e-?mail|message|mail)[^.]{0,50}(?:is being|has been|was|is|will be) (?:held|quarantined"
    r"|delivered (?:once|when|after|only)"
    r"|placed|on hold|waiting)"
    r"|(?:approved|allowed|authori[sz]ed|accepted|guest|safe)[- ]senders?(?: list)?|white ?list"
    r"|(?:click|follow|visit|reply)[^.]{0,60}(?:to (?:have|get|release|deliver|confirm|verify|complete|authenticate"
    r"|be added)|so that)",
    re.IGNORECASE,
)
_CHALLENGE_ABOUT = PrefilteredPattern(
    r"spam|junk|unsolicited|unknown sender|sender verification|not in my|first time|challenge|tmda|spam ?arrest|boxbe"
    r"|mail ?in ?black|earthlink|cloudmark|verification required|deliver(?:ed|y)",
    re.IGNORECASE,
)
_CHALLENGE_COMPACT = PrefilteredPattern(
    r"(?:迷惑メール|スパム|なりすまし)(?:の)?(?:対策|防止|ブロック|フィルタ).{0,80}?(?:認証|クリック"
    r"|(?:返信|確認|登録|承認)(?:を(?:お願い|して|行)|して|のうえ|いただ|ください))"
    r"|送信者(?:の)?(?:確認|認証|承認)|(?:初めて|はじめて).{0,30}(?:送信|メール).{0,60}(?:認証|確認|承認|クリック)"
    r"|(?:メール|メッセージ)は.{0,20}(?:保留|隔離).{0,80}(?:認証|確認|承認|クリック|返信)"
)

# What is said by those who are away, or by a counter that received something. People say it too.
_SHAPES = (
    PrefilteredPattern(
        r"\b(?:i am|i'm|i will be|i'll be|we are|we will be|i shall be) (?:currently |now |presently )?"
        r"(?:out of (?:the |my )?office|out of town|away\b|on (?:\w+ )?(?:leave|vacation|holidays?)|travel?ling"
        r"|not in the office"
        r"|closed)|\bout of (?:the|my) office (?:until|from|starting|through|and|on|with)|\bis out of (?:the )?office\b"
        r"|(?:ich bin|wir sind) .{0,60}(?:nicht (?:im (?:b[üu]ro|haus)|erreichbar)|abwesend|im urlaub|wieder)"
        r"|(?:je suis|je serai|nous sommes) .{0,40}(?:absent|en cong[ée]|en vacances)|(?:estoy|estar[ée]) .{0,30}fuera"
        r"|(?:sono|sar[òo]) .{0,30}(?:assente|fuori)|estou .{0,30}(?:ausente|f[ée]rias|fora)",
        re.IGNORECASE,
    ),
    PrefilteredPattern(
        r"(?:limited|no|intermittent|without|sporadic) (?:or no )?access to (?:my )?(?:e-?mails?|mails?)", re.IGNORECASE
    ),
    PrefilteredPattern(
        r"(?:will|shall|'ll|may not|not be able to) (?:not )?(?:be )?(?:respond|repl|read|answer|get back|return"
        r"|check|attend|deal|able)"
        r"[\w ,'-]{0,60}(?:return|back|until|after|soon|possible|hours|days)|upon my return|when i (?:return"
        r"|get back|am back)"
        r"|nach meiner r[üu]ckkehr|[àa] mon retour|a mi regreso|al mio (?:rientro|ritorno)",
        re.IGNORECASE,
    ),
    PrefilteredPattern(
        r"(?:for|in) (?:urgent|emergency|immediate|case of)[\w ]{0,30}(?:contact|call|please)|in my absence"
        r"|in dringenden f[äa]llen|en cas d['’]urgence|para asuntos urgentes",
        re.IGNORECASE,
    ),
    PrefilteredPattern(
        r"thank you for (?:your (?:e-?mail|message|mail|inquiry|enquiry|interest)|contacting|writing"
        r"|getting in touch|reaching out)"
        r"|(?:we|i) have received your|(?:has|have) been received|vielen dank f[üu]r ihre|merci (?:pour|de) votre"
        r"|gracias por",
        re.IGNORECASE,
    ),
    PrefilteredPattern(
        r"(?:your (?:ticket|case|request|reference) (?:number|id|#)|\[?(?:ticket|case)[ #:]{1,3}[\w-]{3,20})"
        r"|business days?"
        r"|our (?:team|staff|representatives?|office)",
        re.IGNORECASE,
    ),
)
_SHAPES_COMPACT = (
    PrefilteredPattern(
        r"我(?:目前|现在|現在|将|將|正在?)?.{0,8}(?:不在|外出|休假|出差|请假|請假)|(?:부재중|휴가|출장)(?:입니다|중|으로|이)"
    ),
    PrefilteredPattern(
        r"(?:不在|留守)(?:に(?:し|いた)|と(?:な|させ)|です|の(?:ため|為|間)|いた|して)|休暇(?:中|を(?:いただ|頂|取)|の(?:ため|為)|に入)|出張(?:中|の(?:ため|為)|し)"
        r"|外出(?:中|して|の(?:ため|為))|(?:育児?休|産休|休業)(?:中|期間|日|と|を|させ|いた)|席を(?:外|離)|メールを(?:確認|拝見|見ることが)(?:でき|する)"
    ),
    PrefilteredPattern(
        r"(?:以降|次第|改めて|あらためて|後日|戻り|帰社|出社|おり返し|折り返し)(?:に|、|の)?.{0,20}?(?:返信|返答|連絡|回答|対応|返事)"
        r"|(?:返信|返答|回答|対応|返事)(?:が|は|を)?.{0,10}(?:以降|来週)|(?:返信|返答|連絡|回答|対応|返事)(?:が|は|を)?.{0,12}(?:遅れ(?:ます|る|て)"
        r"|遅くな(?:ります|る)|できません|出来ません"
        r"|お時間を|いたしかね)"
    ),
    PrefilteredPattern(
        r"(?:お?急ぎ|緊急|至急)(?:の)?(?:場合|方|際|ご?用件|ご?連絡|対応)(?:は|に|で|の)|代わりに|代理(?:の|で)|(?:まで|へ)ご連絡(?:ください|下さい|をお願い)"
    ),
    PrefilteredPattern(
        r"お?問い?合わ?せ(?:を)?(?:いただき|頂き|下さり|くださり|ありがとう|誠に)|(?:メール|ご連絡|お申し?込み|ご予約|お問い?合わ?せ)(?:を|の)?(?:確かに)?"
        r"(?:受け付け|受付|受信(?:いたし|しま)|承り|受領)|(?:ご連絡|メール|ご応募|お申し?込み)(?:を)?(?:いただき|頂き)(?:まして)?(?:、)?(?:誠に)?ありがとう"
    ),
    PrefilteredPattern(
        r"営業日(?:以内|内|中)|営業時間|受付時間|担当(?:者|の者)(?:より|から|が)|(?:受付|お問い?合わ?せ|整理|チケット)番号"
    ),
)

_PROMISE = _SHAPES[2]
_PROMISE_COMPACT = PrefilteredPattern(
    r"(?:以降|次第|改めて|あらためて|後日|折り返し)(?:に|、|の)?.{0,20}?"
    r"(?:返信|返答|回答|(?:ご連絡|お返事)(?:いたし|させて|を?差し上げ|申し上げ|致し))"
    r"|(?:返信|返答|回答|お返事)(?:が|は|を)?.{0,12}(?:遅れ(?:ます|る場合)|遅くなります|以降|できません|いたしかね)"
)

_SPACE = re.compile(r"\s+")
_QUOTED = re.compile(r"\s*(?:[>|｜＞]|&gt;)")
_REST = PrefilteredPattern(
    r"\s*(?:[-_=*]{2,}\s*.{0,40}(?:original|forwarded|urspr[üu]ngliche|d['’]origine|元の?|転送|返信元|引用).{0,60}"
    r"|(?:on|am|le|el|il) .{5,160}(?:wrote|schrieb|[ée]crit|escribi[óo]|scritto) ?:"
    r"|.{0,200}[<(][^<>()\s]{1,80}@[^<>()\s]{1,80}[>)]\s?(?:のメール|さん.{0,20})? ?:\s*$"
    r"|.{0,160}(?:wrote|書きました|書いた|のメッセージ|написал|写道|寫道) ?[:。]"
    r"|(?:from|差出人|送信者|送信元|von|de|da|件名|subject) ?: .{0,200})",
    re.IGNORECASE,
)


class Phrases:
    """What the words of a mail say; each is looked for only when it is asked for."""

    def __init__(self, subject: str, own: str, whole: str) -> None:
        self._subject = subject
        self._whole = whole
        self._spaced = folded(" ".join(own.split()))
        self._compact = folded(_SPACE.sub("", own))

    @property
    def empty(self) -> bool:
        """Nothing was written above what is quoted."""
        return not self._compact.text

    def programs_subject(self) -> bool:
        """The subject is one that only a vacation program or a counter writes."""
        return bool(_PROGRAMS_SUBJECT.match(self._subject) or self._with_tail())

    def away_subject(self) -> bool:
        """The subject is one that such a program writes, or somebody who tells of an absence."""
        return bool(_AWAY_SUBJECT.match(self._subject))

    def receipt_subject(self) -> bool:
        """The subject is that of a read receipt."""
        return bool(_RECEIPT_SUBJECT.match(self._subject))

    def receipt(self) -> bool:
        """The text is that of a read receipt, which looks like a quotation itself."""
        spaced, compact = folded(" ".join(self._whole.split())), folded(_SPACE.sub("", self._whole))
        return bool(_RECEIPT_TEXT.search(spaced) or _RECEIPT_TEXT_COMPACT.search(compact))

    def statement(self) -> bool:
        """The text says that no person wrote it."""
        return bool(_STATEMENT.search(self._spaced) or _STATEMENT_COMPACT.search(self._compact))

    def challenge(self) -> bool:
        """The text wants the sender to prove that he is a person."""
        said = folded(f"{self._subject} . {self._spaced.text}")
        about_it = _CHALLENGE_ABOUT.search(said)
        asks = len({match[0].lower()[:5] for match in _CHALLENGE.finditer(said)})
        return bool((asks and about_it) or asks > 1 or _CHALLENGE_COMPACT.search(self._compact))

    def shapes(self) -> int:
        """How many different things are said that somebody away, or a counter, says."""
        spaced = sum(1 for shape in _SHAPES if shape.search(self._spaced))
        return spaced + sum(1 for shape in _SHAPES_COMPACT if shape.search(self._compact))

    def promises(self) -> bool:
        """An answer is promised for later."""
        return bool(_PROMISE.search(self._spaced) or _PROMISE_COMPACT.search(self._compact))

    def _with_tail(self) -> bool:
        is_reply = self._subject[:4].lower().startswith(("re:", "re[", "aw:", "sv:", "返信"))
        return not is_reply and _AUTOMATIC_TAIL.search(self._subject) is not None


def find_phrases(subject: str, text: str) -> Phrases:
    """The words of a mail, in one width, without what it quotes."""
    kept: list[str] = []
    length = 0
    for line in text[:_TEXT_LENGTH].splitlines():
        line = unicodedata.normalize("NFKC", line)[:500]
        if _REST.match(folded(line)):
            break
        if not _QUOTED.match(line):
            kept.append(line)
            length += len(line)
            if length > _OWN_LENGTH:
                break
    subject = unicodedata.normalize("NFKC", subject[:_SUBJECT_LENGTH]).strip()
    return Phrases(subject, "\n".join(kept)[:_OWN_LENGTH], text[:_OWN_LENGTH])
