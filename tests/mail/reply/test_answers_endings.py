"""What stands below an answer without being one: lines of programs, signatures, footers."""

from __future__ import annotations

import pytest

from mail.reply.answers import answer_text
from tests.mail.reply.test_answers_clients import PLAIN, parsed

HEAD = "2026年4月8日(水) 9:00 緑小学校 <r-abc@midori.example.jp>:\n"
QUOTED = "".join(f"> {line}".rstrip() + "\n" for line in PLAIN.splitlines())


@pytest.mark.parametrize(
    "line",
    [
        "Mailから送信", "myMailから送信", "Googleドライブから送信", "Apple Watchから送信", "私のiPhoneから送信",
        "＝iPhoneから送信＝", "☆iPadから送信☆", "〜Androidから送信〜",
    ],
)  # fmt: skip
def test_the_line_of_a_phone_is_left_out_however_it_is_adorned(line: str) -> None:
    assert answer_text(parsed(f"3です。\n\n{line}\n\n{HEAD}{QUOTED}"), None) == "3です。"


@pytest.mark.parametrize("line", ["私の会社から送信", "主人のiPhoneから送信しました。2です", "学校から送信"])
def test_what_a_person_says_of_sending_stays(line: str) -> None:
    assert answer_text(parsed(f"3です。\n\n{line}\n\n{HEAD}{QUOTED}"), None) == f"3です。\n\n{line}"


@pytest.mark.parametrize(
    "signature",
    [
        "_/_/_/_/_/_/_/_/_/\n緑 花子\nhanako@example.jp\n_/_/_/_/_/_/_/_/_/",
        "／／／／／／／／\n緑 花子\n090-1234-5678",
        (
            "--------------------------------------\nSTOP HIV/AIDS.\nYahoo! JAPAN Redribbon Campaign\n"
            "http://pr.mail.yahoo.co.jp/redribbon/"
        ),
    ],
)
def test_a_signature_between_slashes_and_a_footer_of_a_campaign_are_left_out(signature: str) -> None:
    assert answer_text(parsed(f"3です。\n\n{signature}\n\n{HEAD}{QUOTED}"), None) == "3です。"


def test_a_name_below_two_dashes_below_the_quotation_is_a_signature_and_an_answer_there_is_none() -> None:
    assert answer_text(parsed(f"3です。\n\n{HEAD}{QUOTED}--\n緑 花子\n"), None) == "3です。"
    assert answer_text(parsed(f"お願いします。\n\n{HEAD}{QUOTED}--\n3です\n"), None) == "お願いします。\n\n--\n3です"


@pytest.mark.parametrize("rule", ["---- 緑小学校 さんは書きました ----", "------ 緑小学校が書きました: ------"])
def test_a_rule_that_names_who_wrote_begins_the_quotation(rule: str) -> None:
    for sent in (None, PLAIN):
        assert answer_text(parsed(f"3です。\n\n{rule}\n\n{PLAIN}"), sent) == "3です。"
