"""The words that mail programs put around a quotation, in the languages of parents in Japan.

Fragments of regular expressions, matched without regard to case in NFKC-normalised text. In the tables below ` | `
or a new line stands between two alternatives.
"""

from __future__ import annotations

import re


def _any(table: str) -> str:
    return "|".join(re.split(r" \| |\n\s*", table.strip()))


BEGINNINGS = _any(
    r"""
    on | at | in message | in article | le | am | el | il | op | em | den | dne | dnia | w dniu | på | vào
    noong | pada | a\(z\) | tarihinde
    """
)
"""With what an attribution begins that goes on in the next lines."""

WROTE = _any(
    r"""
    wrote | writes | says | said | wrote on .{0,40} | のメール | のメッセージ | よりのメール | からのメール
    さんの発言 | (?:こう|次のように|以下のように)?書きました | が?書いた | 書かれました | 曰く | 写道 | 寫道
    님이 작성 | 님이 작성하였습니다 | 님이 쓴 글 | 작성 | 씀 | đã viết | viết | escreveu | escribió | a écrit
    ha scritto | schrieb | geschrieben | schrieben sie | schreef | het volgende geschreven | skrev | kirjoitti
    napisał\(?a?\)? | napsal\(?a?\)? | написал\(?а?\)? | пишет | пише | pisze | yazdı | şunu yazdı | írta | menulis
    เขียน(?:ว่า)? | (?:sinulat|isinulat) ni .{1,120} ang
    """
)
"""How an attribution ends."""

WROTE_SOMEBODY = _any(
    r"""
    schrieb | schreef | skrev | verzond | wrote on | さんは | さんが | 님이 | sinulat ni
    """
)
"""What stands in the middle of one that ends with the name or the time."""

ORIGINAL = _any(
    r"""
    (?:original|forwarded|reply|replied|quoted) (?:message|mail|e-mail|email|appointment|text) | original
    forwarded by .{1,60} | 元の(?:メッセージ|メール|文章?|本文) | 元(?:メッセージ|メール|文)
    転送(?:された)?(?:メッセージ|メール) | 受信(?:メール|メッセージ|本文) | 返信元(?:の?メッセージ|の?メール)?
    引用(?:元|文|開始|メール)? | 原文 | 原本
    (?:以下|ここから),?、?(?:は)?(?:引用|原文|元の?メール|元の?メッセージ) | オリジナル(?:メッセージ|メール)?
    原始邮件 | 原始郵件 | 原始信件 | 原邮件 | 转发的?邮件 | 轉寄郵件 | 轉寄的?郵件 | 원본 ?메시지 | 원본 ?메일
    원래 메시지 | 전달된 메시지 | thư gốc | tin nhắn gốc | mensagem original | mensagem encaminhada
    mensaje original | mensaje reenviado | message (?:original|d'origine|transféré)
    messaggio (?:originale|inoltrato) | ursprüngliche nachricht | originalnachricht | weitergeleitete nachricht
    antwort nachricht | oorspronkelijk bericht | originele bericht | doorgestuurd bericht
    oprindelig meddelelse | opprinnelig melding | ursprungligt meddelande | alkuperäinen viesti | původní zpráva
    (?:wiadomość oryginalna|oryginalna wiadomość) | исходное сообщение | пересылаемое сообщение | eredeti üzenet
    orijinal ileti | pesan asli | orihinal na mensahe
    """
)
"""What a separator calls the mail below it."""

BEGIN = _any(
    r"""
    begin forwarded message | reply message | posted by .{1,80} on \d{1,2}/\d{1,2}/\d{4} | 転送された?メッセージ
    以下は?、?元の(?:メッセージ|メール)です?。? | début du message (?:transféré|réexpédié)
    anfang der weitergeleiteten nachricht | inizio messaggio inoltrato | inicio del mensaje reenviado
    início da mensagem (?:reencaminhada|encaminhada) | 开始转发的邮件 | 开始转发邮件 | 開始轉寄訊息
    전달된 메시지 시작
    """
)
"""What announces the original mail in a line of its own, without dashes around it."""

_FIELDS = {
    "origin": _any(
        """
        from | 差出人 | 送信者 | 送信元 | 発信者 | 差出人アドレス | de | von | da | van | fra | från | od | от | від
        kimden | feladó | lähettäjä | từ | 发件人 | 寄件者 | 寄件人 | 보낸 사람 | 보낸사람 | expéditeur | remitente
        mittente | afzender | dari | จาก | mula kay
        """
    ),
    "date": _any(
        """
        sent | date | 送信日時 | 送信日 | 送信時刻 | 受信日時 | 受信日 | 日時 | 日付 | envoyé | envoyé le | gesendet
        datum | enviado | enviado el | enviada em | enviado em | fecha | inviato | data | verzonden | sendt
        skickat | dato | odesláno | wysłano | lähetetty | отправлено | дата | gönderildi | tarih | elküldve | dátum
        đã gửi | ngày | gửi lúc | 发送时间 | 发送日期 | 日期 | 寄件日期 | 傳送日期 | 보낸 날짜 | 보낸날짜 | 날짜
        ipinadala | dikirim | tanggal | ส่ง | วันที่
        """
    ),
    "to": _any(
        """
        to | 宛先 | 送信先 | à | an | para | aan | til | till | do | komu | кому | kime | címzett
        vastaanottaja | đến | tới | 收件人 | 받는 사람 | 받는사람 | destinataire | destinatario | destinatário
        kepada | ถึง
        """
    ),
    "copy": _any(
        """
        cc | bcc | kopie | kopi | kopia | copie à | 抄送 | 副本 | 참조 | dw | 写し
        """
    ),
    "subject": _any(
        """
        subject | 件名 | 題名 | 標題 | 表題 | タイトル | objet | betreff | asunto | assunto | oggetto | onderwerp
        emne | ämne | předmět | temat | тема | konu | tárgy | aihe | chủ đề | 主题 | 主旨 | 主題 | 제목 | paksa
        subjek | perihal | เรื่อง
        """
    ),
    "other": _any(
        """
        reply-to | 返信先 | beantwoorden - aan | répondre à | antwort an | organization | organisation | 添付
        添付ファイル | attachments | importance | 重要度 | priority | message-id
        """
    ),
}
FIELDS = {name: kind for kind, names in _FIELDS.items() for name in names.split("|")}
"""The names of header fields, and what each says."""

DEVICES = _any(
    r"""
    i-?phone | i-?pad | i-?pod | android | アンドロイド | アイフォン | galaxy | ギャラクシー | xperia
    エクスペリア | aquos | アクオス | arrows | アローズ | pixel | huawei | oppo | xiaomi | redmi | samsung
    sony | nokia | lg | htc | motorola | blackberry | windows | outlook | yahoo | ヤフー | gmail | mail ?app
    mailbox | spark | nine | airmail | sparrow | k-9 | fairemail | thunderbird | proton | icloud | aol | docomo
    ドコモ | softbank | ソフトバンク | y!mobile | ワイモバイル | rakuten | 楽天 | \bau\b | uq | mineo
    スマートフォン | スマホ | らくらく | 携帯(?:電話)? | ケータイ | ガラホ | タブレット | ipod | mobile
    smartphone | \bcell\b | phone | tablet | \bhandy\b | mobilgerät | móvil | celular | telefon | hotmail
    live mail | メールアプリ | becky | \bmac\b | (?:my|\b)mail\b | google | apple watch
    """
)
"""What a mail is sent from."""

SENT_FROM = _any(
    r"""
    sent (?:from|via|with|by|using|on)\b.{1,80} | \w{1,20} from mobile | from my .{1,60}
    (?:从|從)我的.{1,30}(?:发送|發送|傳送|传送|发出) | (?:发自|發自|来自|來自)我的.{1,30}
    .{0,30}에서 (?:보냄|전송|보낸 메일|보냈습니다) | (?:đã )?(?:được )?gửi từ .{1,60}
    enviado (?:do|da|de|desde|pelo|a partir) .{1,60} | envoyé (?:depuis|de|à partir|avec) .{1,60}
    von meinem .{1,60} gesendet | gesendet (?:von|mit) .{1,60} | diese nachricht wurde von .{1,80} gesendet
    inviato da.{1,60} | verzonden (?:met|vanaf|via) .{1,60} | verstuurd vanaf .{1,60} | skickat från .{1,60}
    från min .{1,40} | sendt fra .{1,60} | lähetetty .{1,60} | wysłan[oe] z .{1,60} | odesláno z .{1,60}
    отправлено (?:с|из) .{1,60} | .{1,40}(?:den|dan) gönderildi | ipinadala (?:mula|gamit) .{1,60}
    dikirim dari .{1,60} | ส่งจาก.{1,60}
    """
)
"""What phones say of themselves, in words that a person might use too."""

GET_APP = _any(
    r"""
    (?:get|download|try) .{1,30} for (?:ios|android|mac|windows|iphone|mobile|desktop).{0,80}
    (?:ios|android|mac|windows)\s?版の?\s?(?:outlook|メール).{0,80} | outlook for (?:ios|android|mac).{0,80}
    (?:obter|obtener|obtenir|scarica|ottieni) (?:o )?outlook .{1,60} | outlook für .{1,60}
    (?:获取|取得|下载).{0,20}outlook.{0,60} | (?:tải|lấy) outlook .{1,60}
    outlook .{0,20}(?:다운로드|받기|가져오기).{0,40} | kumuha ng outlook .{1,60}
    """
)
"""Where a phone's program advertises itself."""

FOOTERS = _any(
    r"""
    virus-free\b.{0,100} | ウイルス ?フリー.{0,60} | no virus (?:was )?found in this .{0,80}
    do you yahoo!\?.{0,60}
    (?:this|the) (?:e-?mail|message) (?:has been|was|is) (?:checked|scanned|protected) .{0,120}
    この(?:e-?)?(?:メール|メッセージ)は.{0,40}(?:ウイルス|ウィルス|アバスト|avast|avg|eset|ノートン|norton|マカフィー|mcafee).{0,80}
    https?://www\.(?:avast|avg|norton|eset|mcafee)\.com\S{0,200} | checked by avg.{0,80}
    stop hiv/aids | yahoo! japan redribbon campaign
    .{0,80}pr\.mail\.yahoo\.co\.jp\S{0,100}
    """
)
"""What scanners and mail boxes hang below a mail."""

DISCLAIMERS = _any(
    r"""
    (?:confidentiality|legal|privacy) (?:notice|note|warning) | disclaimer\b
    (?:this|the) (?:e-?mail|message|communication)(?: and any .{0,60})? (?:is|are|may) .{0,60}confidential
    (?:this|the) (?:e-?mail|message|communication)(?: and any .{0,60})? contains? .{0,40}confidential
    (?:本|この)(?:電子)?メール(?:及び|および|には|は).{0,60}(?:機密|秘密|守秘|宛先以外|名宛人|権限のない)
    """
)
"""How a paragraph of law begins below a mail."""
