"""What begins a quotation is known by its form, each with an example; what people write is not taken for it."""

from __future__ import annotations

import pytest

from mail.reply import introductions
from mail.reply.attributions import FORMS, AttributionForm, Meaning, attribution, form_of, meaning_of
from mail.reply.introductions import Introduction


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_an_example_has_its_form_and_none_before_it(form: AttributionForm) -> None:
    assert form_of(form.example) == form
    assert meaning_of(form.example) is form.meaning


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_an_example_is_an_attribution_as_far_as_its_form_says(form: AttributionForm) -> None:
    expected = None if form.meaning is Meaning.PROSE else Introduction(1, form.meaning is Meaning.CERTAIN)
    assert attribution([form.example, "", "2"], 0) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["-----Original Message-----", "From: X <a@b.jp>", "Sent: 2026/4/8", "", "text"], Introduction(3)),
        (["－－－元のメッセージ－－－", "text"], Introduction(1)),
        (["________________", "差出人: 緑", "送信日時: 2026年4月8日 9:00", "件名: 調査", "text"], Introduction(4)),
        (["差出人: 緑 <a@b.jp>", "件名: 調査", "text"], Introduction(2)),
        (["On Wed, Apr 8, 2026 at 9:00 AM Midori", "<a@b.jp> wrote:", "text"], Introduction(2)),
        (["2です。On Apr 8, 2026, at 9:00, Midori <a@b.jp> wrote:"], Introduction(1, before="2です。")),
        (["__________", "text"], None),
        (["From: 10時", "To: 11時"], None),
        (["日時: 4月9日", "件名: 面談"], None),
        (["2です"], None),
    ],
)
def test_every_kind_of_introduction(lines: list[str], expected: Introduction | None) -> None:
    assert introductions.find(lines, 0) == expected
