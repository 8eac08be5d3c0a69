"""`renrakumo classify` tells what the system would make of a mail, with no server running."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mail import tokens
from renrakumo_cli.main import app

REPLY = """From: parent@docomo.ne.jp
To: r@xx.example
Subject: Re: 健康調査
Content-Type: text/plain; charset=utf-8

２です
> 1 良好
> 2 発熱
"""
VACATION = """From: parent@docomo.ne.jp
Subject: 不在のお知らせ
Auto-Submitted: auto-replied

2
"""
REPORT = """From: MAILER-DAEMON@example.net
Return-Path: <>
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: text/plain

<parent@example.net>: host mx.example.net said: 550 5.1.1 Unknown user (in reply to RCPT TO command)
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; parent@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 Unknown user
--x--
"""
KEYS = ["file", "charset", "subject", "text", "answer", "choice", "automatic", "bounce", "authentication"]
TOKEN = tokens.mint(bytes(32), "xx", tokens.Token(tokens.TokenKind.BOUNCE, 1, 2, 3), "b")


def lines(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["classify", *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout_bytes.decode("utf-8").splitlines()]


def saved(folder: Path, text: str, name: str = "mail.eml") -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_reply_is_taken_apart_into_answer_and_choice(tmp_path: Path) -> None:
    (line,) = lines(saved(tmp_path, REPLY), "--choices", "良好,発熱")
    assert list(line) == KEYS
    assert line["charset"] == "utf-8"
    assert line["subject"] == "Re: 健康調査"
    assert line["answer"] == "２です"
    assert line["choice"] == 2
    assert line["automatic"] == {"reply_allowed": True, "count_answer": True, "why": ""}
    assert line["bounce"]["is_bounce"] is False


def test_without_choices_there_is_none(tmp_path: Path) -> None:
    assert lines(saved(tmp_path, REPLY))[0]["choice"] is None


def test_an_answer_in_doubt_is_for_a_human(tmp_path: Path) -> None:
    mail = saved(tmp_path, REPLY.replace("２です", "1か2です"))
    assert lines(mail, "--choices", "良好,発熱")[0]["choice"] == "needs a look"


def test_a_choice_that_holds_a_comma_is_given_apart(tmp_path: Path) -> None:
    mail = saved(tmp_path, REPLY.replace("２です", "はい,行きます"))
    assert lines(mail, "--choices", "いいえ", "--choices", "はい,行きます")[0]["choice"] == 2


def test_the_text_that_was_sent_is_taken_out_of_the_answer(tmp_path: Path) -> None:
    sent = saved(tmp_path, "明日の遠足に参加しますか。\n", "sent.txt")
    mail = saved(tmp_path, REPLY.replace("> 1 良好\n> 2 発熱", "明日の遠足に参加しますか。"))
    assert lines(mail, "--sent", sent)[0]["answer"] == "２です"


def test_what_a_machine_wrote_makes_no_choice(tmp_path: Path) -> None:
    (line,) = lines(saved(tmp_path, VACATION), "--choices", "良好,発熱")
    assert line["automatic"]["count_answer"] is False
    assert line["choice"] is None


def test_a_delivery_report_says_who_is_gone(tmp_path: Path) -> None:
    (line,) = lines(saved(tmp_path, REPORT), "--choices", "良好,発熱")
    bounce = line["bounce"]
    assert (bounce["is_bounce"], bounce["hard"], bounce["classification"]) == (True, True, "dead")
    assert (bounce["recipients"], bounce["status"]) == (["parent@example.net"], "5.1.1")
    assert line["choice"] is None


def test_the_envelope_that_is_told_counts_before_what_the_mail_says(tmp_path: Path) -> None:
    mail = saved(tmp_path, REPLY)
    assert lines(mail, "--envelope-from", "<>")[0]["automatic"]["count_answer"] is False
    returned = saved(tmp_path, f"Return-Path: <>\n{REPLY}", "returned.eml")
    assert lines(returned)[0]["automatic"]["count_answer"] is False
    assert lines(returned, "--envelope-from", "parent@docomo.ne.jp")[0]["automatic"]["count_answer"] is True
    ours = ("--envelope-from", "info@xx.school.example", "--envelope-to", "info@yy.school.example")
    assert lines(mail, *ours)[0]["automatic"]["count_answer"] is False
    nobody = saved(tmp_path, REPLY.replace("parent@docomo.ne.jp", "(none)"), "nobody.eml")
    assert lines(nobody)[0]["automatic"]["count_answer"] is True
    to_a_copy = ("--choices", "良好,発熱", "--envelope-to", f"{TOKEN}@xx.school.example")
    assert lines(mail, *to_a_copy)[0]["choice"] is None


def test_a_signature_is_seen_but_not_believed(tmp_path: Path) -> None:
    assert lines(saved(tmp_path, REPLY))[0]["authentication"]["dkim"] == "none"
    signed = saved(tmp_path, f"DKIM-Signature: v=1; d=docomo.ne.jp\n{REPLY}", "signed.eml")
    assert lines(signed)[0]["authentication"] == {"spf": "none", "dkim": "unchecked", "dmarc": "none", "arc": "none"}


def test_every_mail_below_a_folder_gives_one_line_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "deep" / "folder.eml").mkdir(parents=True)
    saved(tmp_path, VACATION, "a.eml")
    (tmp_path / "deep" / "b.eml").write_bytes(bytes(range(256)) * 40)
    saved(tmp_path / "deep", "Subject: =?utf-8?B?4oCo?= \u2028\x85 \n\n\u2028", "c.eml")
    found = lines("--jsonl", str(tmp_path))
    assert [Path(line["file"]).name for line in found] == ["a.eml", "b.eml", "c.eml"]
    assert all(list(line) == KEYS for line in found)


def test_a_file_that_cannot_be_read_has_its_line_too(tmp_path: Path) -> None:
    missing, link = tmp_path / "missing.eml", tmp_path / "link.eml"
    link.symlink_to(tmp_path / "nowhere")
    (line,) = lines(str(missing))
    assert list(line) == [*KEYS, "error"]
    assert (line["text"], line["error"]) == ("", "No such file or directory")
    assert "error" in lines(str(tmp_path))[0]
    assert "error" in lines("--jsonl", str(tmp_path))[0]


def test_lines_are_utf8_whatever_the_locale_and_the_file_name(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.eml"
    Path(os.fsdecode(name)).write_bytes(REPLY.encode())
    program = "from renrakumo_cli.main import app; app()"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program, "classify", name], env=environment, capture_output=True, check=True
    )
    assert json.loads(done.stdout.decode("utf-8"))["answer"] == "２です"


def test_nothing_named_is_a_clear_error() -> None:
    result = CliRunner().invoke(app, ["classify"])
    assert result.exit_code == 2
    assert "--jsonl" in result.output
