"""`renrakumo classify` tells what the system would make of a mail, with no server running."""

import json
from pathlib import Path

from typer.testing import CliRunner

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

"""


def lines(*arguments: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, ["classify", *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_a_reply_is_taken_apart_into_answer_and_choice(tmp_path: Path) -> None:
    file = tmp_path / "reply.eml"
    file.write_text(REPLY, encoding="utf-8")
    (line,) = lines(str(file), "--choices", "良好,発熱")
    assert line["answer"] == "２です"
    assert line["choice"] == 2
    assert line["automatic"] == {"reply_allowed": True, "count_answer": True, "why": ""}


def test_an_answer_in_doubt_is_for_a_human(tmp_path: Path) -> None:
    file = tmp_path / "reply.eml"
    file.write_text(REPLY.replace("２です", "1か2です"), encoding="utf-8")
    assert lines(str(file), "--choices", "良好,発熱")[0]["choice"] == "needs a look"


def test_every_mail_below_a_folder_gives_one_line_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.eml").write_bytes(VACATION.encode())
    (tmp_path / "deep" / "b.eml").write_bytes(bytes(range(256)))
    first, second = lines("--jsonl", str(tmp_path))
    automatic = first["automatic"]
    assert isinstance(automatic, dict)
    assert automatic["reply_allowed"] is False
    assert automatic["count_answer"] is False
    assert str(second["file"]).endswith("b.eml")


def test_nothing_named_is_a_clear_error() -> None:
    result = CliRunner().invoke(app, ["classify"])
    assert result.exit_code == 2
    assert "--jsonl" in result.output
