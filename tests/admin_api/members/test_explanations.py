"""Why mail doesn't reach a member, in words."""

import pytest

from admin_api.members.explanations import explain_member


@pytest.mark.parametrize("reason", ["unknown_user", "complaint"])
def test_a_member_who_cannot_be_reached_is_explained(reason: str) -> None:
    said = explain_member(reason)
    assert said is not None
    assert any("ぁ" <= char <= "ん" for char in said.ja)
    assert said.en.isascii()
    assert explain_member(None) is None
