"""How mail programs put an answer and the mail answered together: a table of forms, and the ways to post.

A `ReplyForm` is what a program adds by itself: the head above the quotation, the mark in front of its lines, the line at
the end of what was written. `compose` makes the text of a reply from a form, a `Posting`, an answer and a question.
Our own words for what these programs do; none of the texts is a mail that somebody wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SentText:
    """What was sent: `text` as it arrived, `template` as the sender knows it (placeholders not filled in)."""

    text: str
    template: str
    name: str
    address: str = "r-abcdefgh@midori.example.jp"
    subject: str = "【緑小学校】健康調査"


class Posting(StrEnum):
    """Where people write."""

    TOP = "top"
    TIGHT = "top, without a blank line"
    BOTTOM = "bottom"
    BETWEEN = "between the lines"
    BOTH = "above and below"
    PART = "below the one line that was kept"
    FOOTED = "top, a scanner's footer below"


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """`head` may hold {name}, {address}, {subject}; `mark` is None where quoted lines bear none."""

    name: str
    head: str = ""
    mark: str | None = "> "
    signature: str = ""
    blank: bool = True  # between head and quotation


FOOTERS = (
    "このEメールはアバスト アンチウイルスによりウイルススキャンされています。\nhttps://www.avast.com/antivirus",
    "ウイルス フリー。www.avast.com",
    "Virus-free.www.avast.com",
)


def compose(form: ReplyForm, posting: Posting, answer: str, question: SentText, *, footer: str = FOOTERS[0]) -> str:
    """The text of a reply. For BOTH the last line of the answer goes below."""
    head = form.head.format(name=question.name, address=question.address, subject=question.subject)
    head = f"{head}\n\n" if head and form.blank else f"{head}\n" if head else ""
    lines = question.text.rstrip("\n").split("\n")
    signature = f"\n\n{form.signature}" if form.signature else ""

    def quoted(part: list[str]) -> str:
        if form.mark is None:
            return "\n".join(part)
        return "\n".join(form.mark + line if line else form.mark.rstrip(" ") for line in part)

    match posting:
        case Posting.TOP:
            return f"{answer}{signature}\n\n{head}{quoted(lines)}\n"
        case Posting.TIGHT:
            return f"{answer}{signature}\n{head}{quoted(lines)}\n"
        case Posting.BOTTOM:
            return f"{head}{quoted(lines)}\n\n{answer}{signature}\n"
        case Posting.BETWEEN:
            middle = max(2, len(lines) // 2)
            return f"{head}{quoted(lines[:middle])}\n\n{answer}\n\n{quoted(lines[middle:])}\n{signature}\n"
        case Posting.BOTH:
            above, _, below = answer.rpartition("\n")
            return f"{above}\n\n{head}{quoted(lines)}\n\n{below}{signature}\n"
        case Posting.PART:
            return f"{head}{quoted([line for line in lines if line][1:2])}\n{answer}{signature}\n"
        case Posting.FOOTED:
            return f"{answer}{signature}\n\n{head}{quoted(lines)}\n\n{footer}\n"


_OUTLOOK_EN = (
    "From: {name} <{address}>\nSent: Wednesday, April 8, 2026 9:00 AM\nTo: taro@example.jp\nSubject: {subject}"
)
_OUTLOOK_JA = "差出人: {name} <{address}>\n送信日時: 2026年4月8日 9:00\n宛先: taro@example.jp\n件名: {subject}"
_UNDERSCORES = "________________________________\n"

MARKED = (
    # Japanese telephone companies: a mark and no more, or a head without an address
    ReplyForm("docomo"),
    ReplyForm("docomo, old", mark=">"),
    ReplyForm("au", mark=">"),
    ReplyForm("au, with a head", "2026/04/08 9:00 {name} <{address}> :", mark=">"),
    ReplyForm("SoftBank, full width", mark="＞"),
    ReplyForm("SoftBank, &gt;", mark="&gt; "),
    ReplyForm("Y!mobile", "--- 元のメッセージ ---\nFrom: {name} <{address}>\nDate: 2026/04/08 09:00\nSubject: {subject}", ">"),
    ReplyForm("Rakuten", "2026年4月8日(水) 9:00 {name} <{address}>:", signature="楽天モバイルから送信"),
    ReplyForm("Rakuten link", "2026年4月8日(水) 9:00 {name}:", signature="楽天メールから送信"),
    ReplyForm("docomo mail, signed", "2026/04/08 09:00、{name}のメール：", signature="ドコモメールから送信"),
    ReplyForm("Xperia", "2026/04/08 9:00、{name} <{address}>：", signature="Xperiaから送信"),
    ReplyForm("Galaxy", "-------- 元のメッセージ --------\n差出人: {name} <{address}>\n日付: 2026/04/08 9:00 (GMT+09:00)\n"
         "宛先: taro@example.jp\n件名: {subject}", signature="Galaxyから送信"),
    ReplyForm("AQUOS", "----- Original Message -----\nFrom: {name} <{address}>\nDate: 2026/04/08\nSubject: {subject}", ">",
         signature="AQUOS sense7から送信"),
    # Apple
    ReplyForm("iPhone", "2026/04/08 9:00、{name} <{address}>のメール:", signature="iPhoneから送信"),
    ReplyForm("iPhone, afternoon", "2026/04/08 午後9:00、{name} <{address}>のメール:", signature="iPhoneから送信"),
    ReplyForm("iPhone, message", "2026/04/08 9:00、{name} <{address}> のメッセージ:", signature="iPadから送信"),
    ReplyForm("iPhone, attribution quoted", "> 2026/04/08 9:00、{name} <{address}>のメール:\n>", signature="iPhoneから送信",
         blank=False),
    ReplyForm("iPhone, new attribution quoted", "> On Apr 8, 2026, at 9:00, {name} <{address}> wrote:\n> ", blank=False,
         signature="Sent from my iPhone"),
    ReplyForm("iPhone, old", "On 2026/04/08, at 9:00, {name} <{address}> wrote:", signature="Sent from my iPhone"),
    ReplyForm("iPhone, wrapped", "2026/04/08 9:00、{name}\n<{address}>のメール:", signature="iPhoneから送信"),
    ReplyForm("Apple Mail", "2026/04/08 9:00、{name}のメール："),
    ReplyForm("Apple Mail, English", "On Apr 8, 2026, at 9:00 AM, {name} <{address}> wrote:"),
    ReplyForm("Apple Mail, narrow blank", "On Apr 8, 2026, at 9:00\u202fAM, {name} <{address}> wrote:"),
    # Google
    ReplyForm("Gmail", "2026年4月8日(水) 9:00 {name} <{address}>:"),
    ReplyForm("Gmail, tight", "2026年4月8日(水) 9:00 {name} <{address}>:", blank=False),
    ReplyForm("Gmail, no weekday", "2026年4月8日 9:00 {name} <{address}>:"),
    ReplyForm("Gmail, wrapped", "2026年4月8日(水) 9:00 {name}\n<{address}>:"),
    ReplyForm("Gmail, wrapped twice", "2026年4月8日(水) 9:00\n{name}\n<{address}>:"),
    ReplyForm("Gmail, 2009", "2026/04/08 9:00 に {name} <{address}> さんは書きました:"),
    ReplyForm("Gmail, 2011", "2026年4月8日9:00 {name} <{address}>:"),
    ReplyForm("Gmail, no colon", "2026/4/8 9:00 {name} <{address}>"),
    ReplyForm("Gmail, GMT", "2026-04-08 9:00 GMT+09:00 {name} <{address}>:"),
    ReplyForm("Gmail, English", "On Wed, Apr 8, 2026 at 9:00 AM {name} <{address}> wrote:"),
    ReplyForm("Gmail, English, wrapped", "On Wed, Apr 8, 2026 at 9:00 AM {name}\n<{address}> wrote:"),
    ReplyForm("Gmail, British", "On Wed, 8 Apr 2026 at 09:00, {name} <{address}> wrote:"),
    ReplyForm("Gmail, British, 2 lines", "On Wed, 8 Apr 2026, 09:00 {name}, <{address}>\nwrote:"),
    ReplyForm("Android", "2026年4月8日 9:00、\"{name}\" <{address}>:", signature="Android から送信"),
    ReplyForm("Android, K-9", "2026年4月8日 9:00:00 GMT+09:00、{name} <{address}>のメール:", ">",
         signature="Android端末から送信"),
    # Yahoo
    ReplyForm("Yahoo! JAPAN", "----- Original Message -----\nFrom: {name} <{address}>\nTo: taro@example.jp\n"
         "Date: 2026/4/8, Wed 09:00\nSubject: {subject}", ">"),
    ReplyForm("Yahoo! JAPAN, now", "2026年4月8日(水) 9:00、{name} <{address}>:",
         signature="Yahoo!メール for iPhoneから送信"),
    ReplyForm("Yahoo! JAPAN, short", "--- {address} wrote:", ">", signature="Yahoo!メールアプリから送信"),
    ReplyForm("Yahoo, dashes", "--- On Wed, 2026/4/8, {name} <{address}> wrote:", blank=False),
    ReplyForm("Yahoo, Android", "On Wed, Apr 8, 2026 at 9:00 AM, {name}<{address}> wrote:",
         signature="Sent from Yahoo Mail on Android"),
    # Programs on a computer
    ReplyForm("Thunderbird", "On 2026/04/08 9:00, {name} wrote:", blank=False),
    ReplyForm("Thunderbird, ja", "2026/04/08 9:00、{name} のメッセージ:", blank=False),
    ReplyForm("Thunderbird, ja, old", "({name} さん) 2026/04/08 9:00 に書きました:", blank=False),
    ReplyForm("Thunderbird, name only", "{name} wrote:", blank=False),
    ReplyForm("Thunderbird, name only, ja", "{name} さんは書きました:", blank=False),
    ReplyForm("Thunderbird, forwarded", "-------- Original Message --------\nSubject: {subject}\nDate: Wed, 8 Apr 2026\n"
         "From: {name} <{address}>\nTo: taro@example.jp"),
    ReplyForm("Becky!", "On Wed, 8 Apr 2026 09:00:00 +0900\n{name} <{address}> wrote:"),
    ReplyForm("Becky!, article", "On Wed, 8 Apr 2026 09:00:00 +0900\n{name} wrote:"),
    ReplyForm("Shuriken", "{name}さん: 2026年4月8日 9:00 に書きました:", blank=False),
    ReplyForm("Shuriken, header", "From: {name} <{address}>\nSubject: {subject}\nDate: Wed, 8 Apr 2026 09:00:00 +0900"),
    ReplyForm("Mew", "From: {name} <{address}>\nSubject: {subject}\nDate: Wed, 8 Apr 2026 09:00:00 +0900"),
    ReplyForm("Wanderlust", "At Wed, 8 Apr 2026 09:00:00 +0900,\n{name} wrote:"),
    ReplyForm("Gnus", "{name} <{address}> writes:"),
    ReplyForm("article", "In article <20260408.1@example.jp>,\n {name} <{address}> writes:", "|"),
    ReplyForm("names as marks", "{name} <{address}> writes:", mark="midori> "),
    ReplyForm("bars", "{name} <{address}> wrote:", "| "),
    ReplyForm("Evolution", "2026-04-08 (水) の 09:00 +0900 に {name} さんは書きました:", blank=False),
    ReplyForm("Roundcube", "2026-04-08 09:00 に {address} さんは書きました:", blank=False),
    ReplyForm("Roundcube, English", "On 2026-04-08 09:00, {name} wrote:", blank=False),
    ReplyForm("Outlook Express", "----- Original Message ----- \nFrom: \"{name}\" <{address}>\nTo: <taro@example.jp>\n"
         "Sent: Wednesday, April 08, 2026 9:00 AM\nSubject: {subject}"),
    ReplyForm("Hotmail", "> From: {address}\n> To: taro@example.jp\n> Subject: {subject}\n> Date: Wed, 8 Apr 2026\n> "),
    ReplyForm("Spark", "2026年4月8日 9:00 +0900、{name} <{address}> のメール:", signature="Spark で送信"),
    ReplyForm("Windows mail", _OUTLOOK_JA, signature="Windows 版のメールから送信"),
    # Other languages of parents in Japan
    ReplyForm("Gmail, Chinese", "{name} <{address}> 于2026年4月8日周三 09:00写道："),
    ReplyForm("Gmail, Chinese, Taiwan", "{name} <{address}> 於 2026年4月8日 週三 上午9:00寫道："),
    ReplyForm("163", "在 2026-04-08 09:00:11，\"{name}\" <{address}> 写道：", signature="发自我的 iPhone"),
    ReplyForm("iPhone, Chinese", "在 2026年4月8日，09:00，{name} <{address}> 写道：", signature="从我的iPhone发送"),
    ReplyForm("Gmail, Korean", "2026년 4월 8일 (수) 오전 9:00, {name} <{address}>님이 작성:"),
    ReplyForm("iPhone, Korean", "2026. 4. 8. 오전 9:00, {name} <{address}> 작성:", signature="나의 iPhone에서 보냄"),
    ReplyForm("Gmail, Brazil", "Em qua., 8 de abr. de 2026 às 09:00, {name} <{address}>\nescreveu:"),
    ReplyForm("iPhone, Brazil", "Em 8 de abr. de 2026, à(s) 09:00, {name} <{address}> escreveu:",
         signature="Enviado do meu iPhone"),
    ReplyForm("Gmail, Spanish", "El mié, 8 abr 2026 a las 9:00, {name} (<{address}>) escribió:",
         signature="Enviado desde mi iPhone"),
    ReplyForm("Gmail, Vietnamese", "Vào Th 4, 8 thg 4, 2026 vào lúc 09:00 {name} <{address}> đã viết:",
         signature="Đã gửi từ iPhone của tôi"),
    ReplyForm("Gmail, Filipino", "Noong Miy, Abr 8, 2026 nang 9:00 AM, sinulat ni {name} <{address}> ang:"),
    ReplyForm("Gmail, French", "Le mer. 8 avr. 2026 à 09:00, {name} <{address}> a écrit :",
         signature="Envoyé de mon iPhone"),
    ReplyForm("Gmail, German", "Am Mi., 8. Apr. 2026 um 09:00 Uhr schrieb {name} <{address}>:",
         signature="Von meinem iPhone gesendet"),
    ReplyForm("Thunderbird, German", "Am 08.04.2026 um 09:00 schrieb {name}:", blank=False),
    ReplyForm("Gmail, Russian", "ср, 8 апр. 2026 г. в 09:00, {name} <{address}>:"),
    ReplyForm("Gmail, Italian", "Il giorno mer 8 apr 2026 alle ore 09:00 {name} <{address}> ha scritto:"),
    ReplyForm("Gmail, Indonesian", "Pada tanggal Rab, 8 Apr 2026 pukul 09.00 {name} <{address}> menulis:"),
    ReplyForm("Gmail, Dutch", "Op wo 8 apr 2026 om 09:00 schreef {name} <{address}>:"),
    ReplyForm("Gmail, Polish", "śr., 8 kwi 2026 o 09:00 {name} <{address}> napisał(a):"),
)  # fmt: skip

UNMARKED = (
    ReplyForm("Outlook", f"-----Original Message-----\n{_OUTLOOK_EN}", None),
    ReplyForm("Outlook, ja", f"-----元のメッセージ-----\n{_OUTLOOK_JA}", None),
    ReplyForm("Outlook, fields only", _OUTLOOK_EN, None),
    ReplyForm("Outlook, fields only, ja", _OUTLOOK_JA, None),
    ReplyForm("Outlook, mailto", "From: {name} [mailto:{address}] \nSent: Wednesday, April 8, 2026 9:00 AM\nTo: Taro\n"
         "Cc: \nSubject: {subject}\nImportance: High", None),
    ReplyForm("Outlook, bold", "*From:* {name} <{address}>\n*Sent:* Wednesday, April 8, 2026 9:00 AM\n*To:* Taro\n"
         "*Subject:* {subject}", None),
    ReplyForm("Outlook, blank lines between", "From: {name} <{address}>\n\nSent: Wednesday, April 8, 2026\n\nTo: Taro\n\n"
         "Subject: {subject}", None),
    ReplyForm("Outlook for iOS", _UNDERSCORES + "差出人: {name} <{address}>\n送信日時: 水曜日, 4月 8, 2026 9:00 午前\n"
         "宛先: taro@example.jp <taro@example.jp>\n件名: {subject}", None,
         "iOS 版 Outlook<https://aka.ms/o0ukef>を入手してください"),
    ReplyForm("Outlook for iOS, now", _UNDERSCORES + _OUTLOOK_JA, None, "Outlook for iOS<https://aka.ms/o0ukef> を入手"),
    ReplyForm("Outlook for Android", _UNDERSCORES + _OUTLOOK_EN, None, "Get Outlook for Android<https://aka.ms/AAb9ysg>"),
    ReplyForm("Outlook for Android, ja", _UNDERSCORES + _OUTLOOK_JA, None,
         "Android 版 Outlook<https://aka.ms/AAb9ysg>の入手"),
    ReplyForm("Outlook, Portuguese", _UNDERSCORES + "De: {name} <{address}>\nEnviado: quarta-feira, 8 de abril de 2026\n"
         "Para: Taro\nAssunto: {subject}", None, "Obter o Outlook para iOS<https://aka.ms/o0ukef>"),
    ReplyForm("Outlook, Chinese", "发件人: {name} <{address}>\n发送时间: 2026年4月8日 9:00\n收件人: Taro\n主题: {subject}", None),
    ReplyForm("Outlook, Korean", "보낸 사람: {name} <{address}>\n보낸 날짜: 2026년 4월 8일\n받는 사람: Taro\n제목: {subject}",
         None),
    ReplyForm("Outlook, Vietnamese", "Từ: {name} <{address}>\nĐã gửi: Thứ Tư, 8 tháng 4, 2026\nĐến: Taro\n"
         "Chủ đề: {subject}", None),
    ReplyForm("Outlook, German", "Von: {name} <{address}>\nGesendet: Mittwoch, 8. April 2026 09:00\nAn: Taro\n"
         "Betreff: {subject}", None),
    ReplyForm("Outlook, French", "De : {name} <{address}>\nEnvoyé : mercredi 8 avril 2026 09:00\nÀ : Taro\n"
         "Objet : {subject}", None),
    ReplyForm("QQ", "------------------ 原始邮件 ------------------\n发件人: \"{name}\" <{address}>;\n"
         "发送时间: 2026年4月8日(星期三) 上午9:00\n收件人: \"Taro\"<taro@example.jp>;\n主题: {subject}", None),
    ReplyForm("full width", "－－－－－　元のメッセージ　－－－－－\n差出人：{name}\n日時：2026年4月8日 9:00\n件名：{subject}", None),
    ReplyForm("feature phone", "----元のメール----\n送信者：{name}\n件名：{subject}", None),
    ReplyForm("feature phone, date first", "----- 受信メール -----\n日時：2026/04/08 09:00\n件名：{subject}\n差出人：{address}",
         None),
    ReplyForm("forwarded", "---------- Forwarded message ---------\nFrom: {name} <{address}>\nDate: 2026年4月8日(水) 9:00\n"
         "Subject: {subject}\nTo: <taro@example.jp>", None),
    ReplyForm("转发", "---------- 转发的邮件 ----------\n发件人： {name} <{address}>\n日期： 2026年4月8日\n主题： {subject}", None),
    ReplyForm("Gmail, unmarked", "2026年4月8日(水) 9:00 {name} <{address}>:", None),
    ReplyForm("iPhone, unmarked", "2026/04/08 9:00、{name} <{address}>のメール:", None, "iPhoneから送信"),
    ReplyForm("English, unmarked", "On Wed, Apr 8, 2026 at 9:00 AM {name} <{address}> wrote:", None, "Sent from my iPhone"),
    ReplyForm("以下引用", "--- 以下引用 ---", None),
    ReplyForm("Reply message", "----- Reply message -----\nFrom: \"{name}\" <{address}>\nTo: <taro@example.jp>\n"
         "Subject: {subject}\nDate: Wed, Apr 8, 2026 9:00 AM", None),
)  # fmt: skip

BARE = (
    ReplyForm("nothing but the text", mark=None),
    ReplyForm("nothing, signed", mark=None, signature="iPhoneから送信"),
)
"""Forms that only our own text tells from the person's."""

ELSEWHERE = (
    "At 6/16/2026 08:32 PM, you wrote:",
    "El jueves, 21 de noviembre de 2026, midori escribió:",
    "Op 24 aug. 2026 om 16:48 heeft Midori via Parents <a@b.jp> het volgende geschreven:",
    "Dnia 14 lip 2026 o godz. 00:25 Midori Sho <a@b.jp> napisał(a):",
    "On Wed, 2026-12-02 at 13:58 +0000, Midori Sho wrote:",
    "On Thursday, June 27, 2026, midori via Parents wrote:",
    'Le 4 janv. 2026 19:03, "Midori Sho" <a@b.jp> a écrit :',
    "søn. 30. apr. 2026 kl. 00.26 skrev Midori Sho <a@b.jp>:",
    '30 серп. 2026 р. 20:45 "Midori" a@b.jp пише:',
    "суббота, 14 марта 2026 г. пользователь midori написал:",
    "Midori Sho <a@b.jp> schrieb am Fr., 28. Apr. 2026 um 11:53 Uhr:",
    "midori via Parents wrote:",
    "Posted by midori on 01/21/2026",
    "2026/10/2 midori <a@b.jp>",
    "2026-10-18 0:17 GMT+03:00 Midori Sho <a@b.jp>:",
    "2026-03-03 17:21 GMT+01:00 Midori Sho",
    "вт, 5 янв. 2026 г. в 23:39, Midori Sho <a@b.jp>:",
    "ср, 1 апр. 2026, 18:29, Midori <a@b.jp>:",
    "Midori Sho (a@b.jp) wrote:",
    "---- On Tue, 22 Dec 2026 14:17:36 +0530 Midori Sho&lt;a@b.jp&gt; wrote ----",
    "Name <a@b.hu> ezt írta (időpont: 2026. ápr. 8., Sze, 9:00):",
    "st 8. 4. 2026 v 9:00 odesílatel Name <a@b.cz> napsal:",
    "8 Nis 2026 Çar, 09:00 tarihinde Name <a@b.tr> şunu yazdı:",
    "Den ons 8 apr. 2026 kl 09:00 skrev Name <a@b.se>:",
    "Em seg, 27 de jul de 2026 17:13, Midori <a@b.jp> escreveu:",
    "W dniu 2026-04-08 09:00, Midori pisze:",
    "ke 8. huhtik. 2026 klo 9.00 Midori <a@b.fi> kirjoitti:",
    '________________________________\n From: "a@b.jp" <a@b.jp>\nTo: t@b.jp; u@b.jp \nSent: Monday, April 2, 2026 5:44 PM\nSubject: Test\n ',
    "-------- Ursprüngliche Nachricht --------\nVon: Midori <a@b.jp>\nDatum: 08.04.26 09:00 (GMT+01:00)\nAn: t@b.jp\nBetreff: Test",
    "-------- Message d'origine --------\nDe : Midori <a@b.jp>\nDate : 08/04/2026 09:00 (GMT+01:00)\nÀ : t@b.jp\nObjet : Test",
    "Da: Midori <a@b.jp>\nInviato: mercoledì 8 aprile 2026 09:00\nA: t@b.jp\nOggetto: Test",
    "Van: Midori <a@b.jp>\nVerzonden: woensdag 8 april 2026 09:00\nAan: t@b.jp\nOnderwerp: Test",
    "Från: Midori <a@b.jp>\nSkickat: den 8 april 2026 09:00\nTill: t@b.jp\nÄmne: Test",
    "Fra: Midori <a@b.jp>\nSendt: 8. april 2026 09:00\nTil: t@b.jp\nEmne: Test",
    "Від: Midori <a@b.jp>\nДата: 8 квіт. 2026\nКому: t@b.jp\nТема: Test",
    "Begin forwarded message:\n\nFrom: Midori <a@b.jp>\nSubject: Test\nDate: April 8, 2026 at 9:00:00 AM GMT+9\nTo: t@b.jp",
)  # fmt: skip
"""Heads from other countries, forums and older programs."""
