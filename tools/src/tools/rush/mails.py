"""What the town writes: replies to a question, empty mails for the news, registrations. One seed always gives one set."""

import base64
import random
from collections.abc import Sequence

DOMAIN = "town.example"
CHOICES = ("全員無事", "けがあり", "連絡がつかない")
SUBJECT = "安否確認"
TEXT = """地震がありました。ご家族の安否を返信で知らせてください。

1 全員無事
2 けがあり
3 連絡がつかない

番号か言葉を書いて返信してください。
"""
_WAYS = ("{n}", "{n}です", "{word}", "{word}です。ありがとうございます。", "{wide}", "{circled}")


def replies(seed: int, people: Sequence[tuple[str, str]]) -> tuple[list[dict[str, str]], list[int]]:
    """One reply of each (reply address, own address), and how many mean each choice."""
    dice = random.Random(seed)
    tally = [0] * len(CHOICES)
    mails = []
    for to, sender in people:
        choice = dice.choices(range(len(CHOICES)), weights=(90, 7, 3))[0]
        tally[choice] += 1
        words = _answer(dice, choice)
        mails.append({"kind": "reply", "from": sender, "to": to, "data": _reply(dice, to, sender, words)})
    return mails, tally


def questions(number: int, to: str) -> list[dict[str, str]]:
    """Empty mails to an info address, each from somebody else."""
    return [
        {"kind": "info", "from": f"asker{turn}@{DOMAIN}", "to": to, "data": _plain(f"asker{turn}@{DOMAIN}", to, "")}
        for turn in range(number)
    ]


def entries(number: int, to: str) -> list[dict[str, str]]:
    """Mails to an entry address, each from somebody else."""
    return [
        {"kind": "entry", "from": f"new{turn}@{DOMAIN}", "to": to, "data": _plain(f"new{turn}@{DOMAIN}", to, "")}
        for turn in range(number)
    ]


def _answer(dice: random.Random, choice: int) -> str:
    number = choice + 1
    return dice.choice(_WAYS).format(
        n=number, word=CHOICES[choice], wide=chr(0xFF10 + number), circled=chr(0x245F + number)
    )


def _reply(dice: random.Random, to: str, sender: str, words: str) -> str:
    quoted = "".join(f"> {line}\n" for line in TEXT.splitlines())
    text = f"{words}\n\niPhoneから送信\n\n2026/04/08 9:00、みなみ小学校のメール:\n\n{quoted}"
    charset, encoding, body = _encoded(text, japanese=dice.random() < 0.5)
    subject = base64.b64encode(f"Re: {SUBJECT}".encode()).decode()
    head = (
        f"From: <{sender}>\nTo: <{to}>\nSubject: =?utf-8?B?{subject}?=\nMIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n"
        f"X-Mailer: iPhone Mail (20A362)\n\n"
    )
    return _wire(head + body)


def _encoded(text: str, *, japanese: bool) -> tuple[str, str, str]:
    """Charset, transfer encoding and body: half of the phones write ISO-2022-JP, where it has the characters."""
    if japanese:
        try:
            return "iso-2022-jp", "7bit", text.encode("iso2022_jp_ext").decode("ascii")
        except UnicodeEncodeError:
            pass
    return "utf-8", "base64", base64.encodebytes(text.encode()).decode()


def _plain(sender: str, to: str, text: str) -> str:
    return _wire(f"From: <{sender}>\nTo: <{to}>\nMessage-ID: <{sender.replace('@', '.1@')}>\nSubject: \n\n{text}\n")


def _wire(text: str) -> str:
    text = text if text.endswith("\n") else f"{text}\n"
    return text.replace("\n", "\r\n").replace("\r\n.", "\r\n..")
