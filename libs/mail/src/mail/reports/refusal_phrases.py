"""What refusing servers say, by what they mean. Pure patterns; in which order they count is for `classification`.

Each pattern is a class of words rather than a sentence of one program, in the languages that servers are known to
speak. They are searched in one line of at most `MOST` characters without URLs; every gap in them is bounded, so that
no text makes a search long.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 6_000
"""So many characters of a refusal are looked at."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_WHO: Final = (
    r"(?:users?|recipients?|accounts?|mail ?box(?:es)?|address(?:es)?|addressee|member|alias|local[- ]?part"
    r"|subscriber|customer|person|rcpt|mail drop|userid|e-?mail(?: name)?)"
)

_FROM_ABROAD: Final = (
    r"(?:exp[eé]diteur|[eé]metteur|absender|remitente|remetente|mittente|afzender|nadawc[ay]|avsändare"
    r"|отправител\w{0,3})"
)
_BAD_ABROAD: Final = (
    r"(?:inconnu|n.existe p|introuvable|inexist|invalide?|refus|rejet|unbekannt|ung[uü]e?ltig|abgelehnt"
    r"|existiert nicht|gesperrt|desconocid|no existe"
    r"|rechazad|desconhecid|rejeitad|n[aã]o existe|sconosciut|rifiutat|inesistent|onbekend|geweigerd|nieznan|odrzuc"
    r"|неизвест|не существ|не найден|отклон|запрещ)"
)
"""Sender, and what may be wrong with one, in other languages than English."""

FULL: Final = _any(
    r"\b(?:mail ?box|mail ?folder|account|in ?box|folder|user|recipient|disk|storage|mail ?dir"
    r"|mail file)\b[^.]{0,60}?"
    r"\b(?:full\b|over ?(?:the )?(?:disk )?quota|over the (?:allowed|maximum|limit)|out of (?:storage|disk"
    r"|space)|exceed)",
    r"over ?quota|quota[^.]{0,20}\b(?:exceed|full|violat|usage)|exceed\w{0,9}[^.]{0,40}\b(?:quota|storage"
    r"|mail ?box|disk|allocation)",
    r"(?:insufficient|not enough|does not have enough|out of|no) (?:disk |system |free "
    r"|mail ?box )?(?:storage|space)",
    r"too many messages (?:on|in) |too much mail data|full mail ?box|mail ?box ?full|no space left"
    r"|(?:storage|space|disk) (?:limit|quota)|larger than the space|not enough free|space has been used up",
    r"exceeding receiving limits|overquotap?erm|overquotatemp",
    r"boite\b.{0,20}pleine|bo[iî]te .{0,20}pleine|casilla llena|buz[oó]n .{0,20}llen|casella .{0,20}pien"
    r"|postfach .{0,20}voll",
    r"переполнен|quota dépass|caixa .{0,30}cheia|已满|已滿|空间不足",
    r"一杯|いっぱい|満杯|容量(?:を|が)?(?:超|オーバー|制限|不足)",
)
"""The mailbox, or the disk that it is on, has no room."""

SUSPENDED: Final = _any(
    r"\b(?:account|mail ?box|user|recipient|(?<!sender )(?<!your )address|domain"
    r"|mailaddress)\b[^.]{0,60}?\b(?:disabled|suspended"
    r"|deactivated|locked|frozen|discontinued|terminated|on hold|expired|restricted|archived|blocked\b(?! us)"
    r"|is ?blocked"
    r"|temporarily limited|unavailable at this time|cannot be accessed|not activated)",
    r"(?:disabled|suspended|deactivated|locked|frozen|expired|archived) (?:user|account|mail ?box|recipient)",
    r"suspend the service|currently suspended|temporar\w{0,9} (?:locked|inactive|disabled)|banned recipient",
    r"unavailable or access den\w{2,4}|disableduser|is no longer valid\.|delivery error: .{0,80}no longer valid",
    r"archiv[eé]e|est bloqu[eé]|gesperrt|bloqueada|отключен|заблокирован",
    r"利用停止|一時停止|休止|利用(?:が)?制限",
)
"""The mailbox is there, but closed: not paid, not used, under examination."""

INACTIVE: Final = _any(r"\b(?:inactive|not active|no longer active|not an active|is not active|account unavailable)")
"""Closed, or gone: the status decides."""

PREFERENCES: Final = _any(
    r"recipient preferences|(?:user|member|subscriber)s?'?s? (?:has |have )?(?:explicitly )?"
    r"(?:reject(?:s|ed)?\b(?!:)|refus(?:ed|es)\b(?!: | to accept your mail)|blocked you|does not (?:want|accept))",
    r"recipients?'?s? (?:has |have )?(?:explicitly )?(?:rejects\b|refuses\b(?! to accept your mail)|blocked you"
    r"|does not (?:want|accept)|(?:reject|refus)ed (?:it\b|us\b|your\b|the\b|this\b|(?:e-?)?mail|messages?\b))",
    r"blocked by the (?:recipient|user)|rejected by (?:a |the )?(?:remote mail server|user"
    r"|recipient(?! domain|'s)|filter|domain filter)",
    r"\b(?:white|allow|safe)[- ]?list(?!ed at)|approved senders?|only accept\w{0,9} (?:mail|messages?) from"
    r"|not in (?:the|your|my) (?:address book|allow)",
    r"(?:user|member|subscriber)\b[^.]{0,30}\b(?:not accepting|is not receiving)",
    r"resolver\.rst\.\w{0,9}(?:notauthorized|restrict)|recipient'?s? filter|message filtered|restricted sms"
    r"|is not accepting (?:any )?mail|account is protected by",
    r"\brcp-p[23]\b|due to (?:extended )?inactivity|by (?:the )?user'?s? (?:request|preference)"
    r"|refused due to|recipient id refuse",
    r"受信拒否|拒否され|拒否設定|迷惑メール|ドメイン指定|フィルタ",
)
"""The recipient, or what he has set, wants no mail from us."""

SENDER: Final = _any(
    r"\bsenders?(?:'s)? (?:e-?mail |envelope |mail )?(?:address(?:es)?(?! ?: )|domain|host|server|verif\w{0,9}"
    r"|callout|is|was|not|rejected|denied"
    r"|refused|invalid|blocked|unknown|ip|has)\b",
    r"(?:domain of |unroutable |invalid |null |empty |envelope |bogus |unknown |banned )(?:the )?(?:sender"
    r"|mail from)",
    r"mail ?from[^.]{0,40}(?:not|invalid|listed|denied|reject|domain|must)|\bfrom: (?:domain|address)"
    r"|emetteur invalide",
    r"your (?:e-?mail address|address|domain|ip|host|server|network|mail server)\b[^.]{0,40}?"
    r"(?:reject|denied|block|black|not |banned|refus|listed|does|unknown)",
    r"(?:bad|invalid|verify|resolve|your|unknown) (?:helo|ehlo)|\bhelo\b[^.]{0,40}(?:reject|invalid|must|not)",
    r"no third-party dsns|backscatter|batv|empty envelope|unsigned dsn|rule imposed|not a registered gateway",
    r"\b(?:sending|return[- ]path|reply(?:-to)?|from|originat\w{1,3}|your)(?: e-?mail| mail)? (?:address|domain|host)\b"
    r"[^.]{0,30}(?:\bnot\b|n.t\b|invalid|unknown|resolv)",
    r"from (?:an? )?(?:unknown|non-?existent|invalid|unresolvable) (?:mail )?(?:domain|host|address|user|server)"
    r"|(?:allowed|permitted) to send|\bin (?:the )?(?:mail from|reply-to|cc|bcc)\b"
    r"|\bheader (?:address|field|from|to|cc|is)\b|\bin (?:the )?header",
    r"\(sender\)|(?:exist|found|unknown|invalid): sender\b|verif\w{1,9} fail\w{0,4} for somebody|verify failed",
    rf"\b{_FROM_ABROAD}[^.]{{0,40}}{_BAD_ABROAD}|{_BAD_ABROAD}\w{{0,3}} {_FROM_ABROAD}",
    r"\bip[- ]?(?:adresse|アドレス|地址|адрес)|(?:adresse|indirizzo|dirección|endereço|adres) ip\b|多すぎ",
    r"(?:送信者|送信元|差出人)[^。]{0,20}(?:不明|無効|存在し|見つか|拒否)|(?:发件人|寄件者|寄件人|发信人)[^。]{0,12}(?:不存在|被拒|无效|無效)",
)
"""It is about us: our address, domain, name."""

STRONG_POLICY: Final = _any(
    r"spamhaus|spamcop|barracudacentral|sorbs|\b(?:dns)?bl\b|\brbl\b|\bpbl\b|\bsbl\b|black ?list|block ?list"
    r"|deny ?list|blacklisted",
    r"\bblocked (?:using|by|for|due|because|from|see)|access from [^.]{0,40}blocked|is blocked|has been blocked"
    r"|temporarily blocked|client host|abus d[eé]tect",
    r"\bspam\b|spammer|unsolicited|\bbulk\b|junk|virus|malware|phish|reputation|complaint",
    r"\bspf\b|\bdkim\b|\bdmarc\b|authenticat|reverse dns|\brdns\b|\bptr\b|unauthorized|not authorized|not authorised",
    r"\brelay(?:ing)?\b[^.]{0,40}(?:denied|not|prohibit|reject|access)|(?:unable|not allowed|refus\w{0,9}"
    r"|cannot) to relay"
    r"|insecure mail relay|domain isn.?t in my list|no valid recipients from",
    r"\bprob(?:e|ing)\b|harvest|dictionary attack|forgery|due to abuse"
    r"|you are not (?:a member|subscribed|allowed|permitted|authori[sz]ed)",
    r"frequency (?:of [^.]{0,40})?(?:is )?limited"
    r"|too many|\brate\b|throttl|too (?:fast|quickly)|limit\b[^.]{0,30}exceed|exceed\w{0,9}[^.]{0,40}limit"
    r"|has sent to",
    r"message (?:is )?too (?:large|big|long)|(?:message|mail|mesg|size)[^.]{0,40}(?:exceeds?|exceeded"
    r"|too (?:large|big))",
    r"\bhop count|too many hops|mail (?:is )?loop|loop(?:ing| detected)|loops back|received headers",
    r"for policy reasons|by policy|policy violation|policy reasons|suppression list|suppressed"
    r"|bounced address|content (?:policy|filter|reject)|not rfc"
    r"|rfc ?5322",
)
"""It is about us, our standing, our volume, or the mail itself; not about whom it is for."""

POLICY: Final = _any(
    r"\bpolic(?:y|ies)\b|\bsecurity\b|\btls\b|starttls|encrypt|certificate|permission|prohibit|forbidden|\bbanned\b"
    r"|suspicious|access denied|administrative|administrator|not accepted from|not permitted|not allowed",
    r"mismatches client|violation|mail rejet|mail rejected|improper sequence|syntax error|\bheader|malformed"
    r"|command (?:rejected|not)|\bcname\b|content|attachment|not (?:a )?member"
    r"|blocked",
    r"should log ?in|smtp auth|rejected due to|rejected for|rejected as|rejected because|message reject",
)
"""Refused for what we or the mail are, as far as such general words tell."""

NO_USER: Final = _any(
    rf"\b{_WHO}\b[^.]{{0,50}}?(?:\bunknown\b|\bnot (?:be )?(?:found|known|exist|present|listed|valid"
    rf"|recogni[sz]ed|registered|on file|in (?:our|the) (?:records?|database|directory|system)"
    r"|local|ok\b|here\b)|(?:does|do|did)(?: not|n.?t) exist|n.?t exist\b|\bis invalid|\binvalid\b(?! sender)"
    r"|no longer (?:exist|in (?:use|service)"
    r"|available|accepts? mail)|undefined|could not be found|couldn.?t be found|isn.?t here|is not accepted\b)",
    rf"\b(?:unknown|invalid|no such|non-? ?existent|not a valid|bad|no valid|undefined|illegal|unrecogni[sz]ed|wrong)"
    rf"(?: or \w+)? (?:\w+[- ]){{0,3}}?{_WHO}\b"
    r"(?! (?:agents?|syntax|counts?|limits?|rates?|thresholds?|policy|policies|family|ratio|header"
    r"|of th\w{1,2} (?:list|group))\b)",
    r"\bno such (?:\S+@\S+|one|name)|no (?:mail ?box|account|one|user|mail box) (?:\w+ )?(?:here "
    r"|available )?(?:by|with|for|at|found)\b"
    r"|no mailbox found|no thank you rejected",
    r"addresses were unknown|not email addresses|can.?t accept user|not a local address"
    r"|not an? (?:known |valid |registered |current )?user\b(?! of th\w{1,2} relay)"
    r"|not an active address"
    r"|wrong or no longer valid"
    r"|(?:user|recipient|mail_?box|account|address)_?(?:unknown|not_?(?:found|exists?)|does_?not_?exist)"
    r"|(?:unknown|no_?such|invalid)_(?:user|recipient|mail_?box|account|address)"
    r"|recipnotfound|recipientnotfound"
    r"|resolver\.adr\.[\w. ]{0,40}not ?found|nosuchuser",
    r"\b(?:rcp-p1|int-p[134])\b|badrcptto|badrecipientto|not in my validrcptto|domain or user isn.?t in my list"
    r"|envelope recipient (?:is in|has been denied)",
    rf"(?:unable to|can ?not|could ?n.t|could not|can.t) (?:find|locate) (?:(?:the|a|any|this|that) )?{_WHO}\b"
    rf"|(?:do|does)(?: not|n.t) have (?:an?|any) {_WHO} (?:here|with|by|at|of|on)\b|no record of (?:\w+ )?{_WHO}\b"
    r"|unable to find \S{1,80} in (?:the|our) directory|nobody (?:here )?(?:by|with|of) that name"
    r"|not a member of (?:the )?domain",
    rf"(?<!your )\b{_WHO} (?:\S{{1,80}} )?(?:has been|was|is|have been) (?:permanently )?(?:deleted|removed)\b"
    r"|recipients? (?:address )?(?:can ?not|could not|can.?t) be (?:verified|resolved)",
    r"\bnot our (?:user|customer)|not listed in (?:the )?(?:directory|domino|public)|no [^.]{0,40} in name directory",
    r"doesn.?t have an? [\w.-]{0,60} ?account|(?:missing|no) home directory|there is no one at"
    r"|spectator does not exist"
    r"|no valid recipients for this mm|requested mail action aborted, mailbox not found|unknown e-?mail",
    r"mail ?box (?:name |unavailable: )?(?:not allowed|is not allowed|not available: user)"
    r"|recipients was undeliverable",
    r"(?:utilisateur|destinataire|adresse|compte|bo[iî]te)[^.]{0,60}(?:inconnu|invalide|introuvable|inexistant"
    r"|n.existe p)"
    r"|no existe (?:dicha|ese|el usuario|tal|la (?:cuenta|direcci))"
    r"|no se (?:ha )?encontr(?:ó|o|ado) (?:la|el) (?:direcci|usuario|destinatario|cuenta|buz)"
    r"|(?:usuario|destinatario|cuenta|buz[oó]n|direcci[oó]n)[^.]{0,40}(?:desconocid|inexistente|no existe|no encontrad"
    r"|no v[aá]lid|no se (?:ha )?encontr)"
    r"|nessun utente|(?:utente|destinatario|casella|indirizzo)[^.]{0,40}(?:sconosciut|inesistente|non trovat|non esist"
    r"|non valid)"
    r"|(?:usu[aá]rio|destinat[aá]rio|conta|caixa (?:postal|de correio)|endere[cç]o)[^.]{0,30}"
    r"(?:desconhecid|n[aã]o existe|inexistente|n[aã]o (?:foi )?encontrad)",
    r"(?:benutzer|empf(?:ä|ae?)nger|teilnehmer|postfach|konto|adresse|mailbox)[^.]{0,40}(?:unbekannt|existiert nicht"
    r"|nicht (?:gefunden|bekannt|vorhanden))|unbekannte[rs]? (?:benutzer|empf(?:ä|ae?)nger|teilnehmer|adresse)"
    r"|(?:gebruiker|ontvanger|adres|postvak|mailbox)[^.]{0,40}(?:onbekend|bestaat niet|niet gevonden)"
    r"|onbekende? (?:gebruiker|ontvanger|adres)|kein solcher (?:benutzer|empf(?:ä|ae)nger)"
    r"|kein(?:e|en)? (?:benutzer|empf(?:ä|ae)nger|mailbox|postfach) mit diese[rm]"
    r"|adres nieznany|neznám[áéý] (?:uživatel|adres|příjemce)|ismeretlen (?:felhasználó|címzett)"
    r"|(?:utilizator|destinatar|adres[aă]) (?:necunoscut|inexistent)|tuntematon (?:käyttäjä|vastaanottaja)"
    r"|(?:người dùng|địa chỉ)[^.]{0,30}không tồn tại"
    r"|(?:okänd|ukendt|ukjent) (?:användare|mottagare|bruger|modtager|bruker|mottaker)"
    r"|nieznany (?:użytkownik|odbiorca)|(?:użytkownik|odbiorca|adres|skrzynka)[^.]{0,40}nie (?:istnieje|została?)"
    r"|(?:uživatel|schránka|adres[ay])[^.]{0,40}neexist|(?:kullanıcı|alıcı)[^.]{0,40}(?:bulunamadı|mevcut değil|yok\b)",
    r"(?:пользовател|получател|адрес|ящик|абонент)[^.]{0,60}(?:не существ|не найден|неизвест|не зарегистр)"
    r"|нет такого (?:пользовател|получател|адрес|ящик)|такого (?:пользователя|адреса|ящика) нет"
    r"|неизвестный (?:пользовател|получател)",
    r"(?:用[户戶]|使用者|收件[人者]|[帐帳账賬][号號户戶]|[邮郵]箱|信箱|地址)[^。]{0,12}(?:不存在|未找到|找不到)"
    r"|(?:没有|沒有|查[无無]|[无無]|找不到)[此该該这這]?(?:个|個)?(?:用[户戶]|使用者|收件[人者]|[帐帳账賬][号號户戶]|[邮郵]箱|信箱|地址|人)",
    r"(?:存在しない|存在していない|該当しない)(?:メール)?(?:ユーザー?|アドレス|宛先|アカウント)"
    r"|(?:退会|解約)済み|該当(?:する)?(?:メール)?(?:ユーザー?|アドレス|宛先|アカウント)[^。]{0,10}(?:ありません|ございません|なし)"
    r"|(?:사용자|수신자|주소|계정)[^.]{0,20}(?:없습니다|찾을 수 없)",
    r"(?:宛先|[あ宛]て先|送信先|受信者|ユーザー?|アドレス|メールボックス|アカウント)[^。]{0,30}"
    r"(?:使われて(?:いません|おりません)|不明|見つか(?:りません|らない|りませんでした)|存在(?:しません|しない)|該当なし)"
    r"|ディレクトリ(?:には|のリストに)(?:見つかりません|ありません)|존재하지 않",
)
"""Nobody of that name is there."""

SURE_NO_USER: Final = _any(
    r"this user doesn.?t have an? [\w.-]{0,60} ?account",
)
"""Said after the content, too, but of missing accounts only; counts with a code of refusal."""

OWN_NO_USER: Final = _any(
    r"not listed in (?:the )?(?:public|domino)|domino ディレクトリには見つかりません|ディレクトリのリストにありません",
    r"\(000c05a6\)|resolver\.adr\.[\w. ]{0,40}not ?found|recipient name is not recogni[sz]ed",
    r"^\s*(?:unknown user|invalid final delivery userid):? ",
    r"because the address couldn.?t be found|weil die adresse nicht gefunden wurde|アドレスが見つからない"
    r"|(?:car|parce que) l.adresse [^.]{0,20}introuvable|porque no se (?:ha )?encontr(?:ó|ado) la dirección"
    r"|porque o endereço não foi encontrado|perché l.indirizzo non è stato trovato|адрес не найден или"
    r"|mail\.local: unknown (?:user|name)|no valid recipients for this mm",
    r"invalid or unknown virtual user|unrouteable address|sorry, no mailbox here by that name"
    r"|user missing home directory",
)
"""A system speaks of its own directory: no code is needed."""

SOFT_HOST: Final = _any(
    r"(?<!check the domain and )try again|later\b|temporar|timed? ?out|time-?out|refused|unreachable network"
    r"|network is unreachable|no route|loop"
    r"|certificate|\btls\b|\bhelo\b|\bclient\b"
    r"|servfail|no relevant answers|lookup fail(?:ed|ure)(?!: host)",
)
"""Beside the words of NO_HOST: the name may be there after all."""

NO_HOST: Final = _any(
    r"\bhosts? (?:or domain )?(?:name )?(?:is )?(?:unknown|not found)|\bunknown (?:mail )?(?:host|domain)"
    r"|no such (?:host|domain)\b",
    r"\bdomain (?:name )?(?:is )?(?:not found|does not exist|doesn.?t exist|doesnt exist|not exist|invalid"
    r"|unknown|is not reachable)"
    r"|non-? ?existent ?domain|domain (?:must exist|may not exist|no longer in use|retired|(?:is )?obsolete)"
    r"|recipient domain must exist",
    r"(?:mail )?domain mentioned in [^.]{0,30}unknown|name or service not known|nodename nor servname"
    r"|answer with no data"
    r"|unrouteable address|unroutable address"
    r"|invalid (?:domain|host)(?: name)?\b(?!, see)|bad destination system|illegal host",
    r"dns hard error|\bnxdomain\b|couldn.?t find (?:a mail exchanger|any host)|no host found for existing"
    r"|dns[. ]nonexistentdomain"
    r"|domain couldn.?t be found",
    r"name service error[^.]{0,120}not found|host [\w.-]{1,200} not found|all host address lookups failed permanently"
    r"|all relevant mx records point to non-?existent|the remote domain doesn.?t exist|(?:ドメイン"
    r"|ホスト)[^。]{0,20}(?:存在しません|見つかりません)",
)
"""The domain is not there."""

_WITHOUT_CONDITION: Final = (
    r"\b(?! (?:from|in|with|without|that|to|for|over|via|of|by|if|unless|which|when|containing)\b)"
)
_NOT_ONE_USER: Final = r"(?<!user )(?<!recipient )(?<!account )(?<!mailbox )(?<!group )(?<!list )(?<!member )"
NO_MAIL_THERE: Final = _any(
    rf"(?:host|domain)[^.]{{0,80}}(?:does not|doesn.?t|never) accepts? (?:any |e-?)?mail{_WITHOUT_CONDITION}|null ?mx\b"
    rf"|indicated no smtp service|{_NOT_ONE_USER}does not accept (?:any )?e?-?mail{_WITHOUT_CONDITION}",
    r"seem to reject all mails|no mx record found for domain"
    r"|type=mx: malformed or unexpected name server reply|system not accepting network messages|takes? no mail",
)
"""The domain takes no mail."""

NOT_NOW: Final = _any(r"try again|later\b|temporar|maintenance|load\b|shut(?:ting)? ?down|at this time")
"""Beside the words of NO_MAIL_THERE: it may take mail again."""

MOVED: Final = _any(
    r"(?:mail ?box|user|recipient|account|destination)[^.]{0,30}has moved|has (?:been )?(?:replaced"
    r"|changed) (?:by|to)"
    r"|no forwarding address|is no longer (?:with|employed|working)|no longer (?:employed|works)"
    r"|user not local; please try|転居"
)
"""Was there once."""

PASSING: Final = _any(
    r"timed? ?out|connection (?:was )?(?:refused|reset|closed|failed|lost|dropped|timed)|try (?:again|later)|temporar"
    r"|gr[ae]y ?-?list|retry time|deferred|overload|busy\b|not responding|did not respond",
    r"(?:delivery|message|queue|retry|envelope)[^.]{0,30}expired|could not be delivered (?:for|in|within)"
    r"|queue too long"
    r"|was not delivered within|days?\b.{0,20}(?:gave|giving) up|undeliverable for \d"
    r"|have been failing for a long time|frozen",
    r"network (?:error|is unreachable|unreachable)|service (?:unavailable|not available|refused)"
    r"|no route to host|unreachable|lost connection"
    r"|internal (?:system )?error|system (?:error|problem|not|config)|resources?\b|can.?t create|i/o error"
    r"|cannot open|configuration",
    r"command died|out of memory|unexpected|not reached for any host|pipe to \||procmail|lock failure"
    r"|service currently|unable to connect|could not deliver for|requests to connect|socket error"
    r"|delivery failed \d+ attempts|could not find a gateway"
    r"|しばらくしてから|混み合|タイムアウト",
)
"""Network trouble on the way, or trouble of their own."""

GAVE_UP: Final = _any(
    r"retry time(?:out)? (?:exceeded|not reached)|queue too long|(?:message|envelope"
    r"|delivery) (?:time )?expired|delayed|unverified address"
    r"|verification (?:failed|in progress)|callout|greylist|try again|later\b"
)
"""Beside a temporary refusal that says `user unknown`: it may not have meant it."""
