"""Why a post by mail was refused, in words: every reason has them."""

from typing import get_args

import pytest

from admin_api.posts.explanations import explain_post_attempt
from admin_api.posts.model import SECRET_PROBE
from contracts.events.messages import PostRefused


@pytest.mark.parametrize("reason", [*get_args(PostRefused.model_fields["reason"].annotation), SECRET_PROBE])
def test_every_reason_for_refusing_a_post_is_explained(reason: str) -> None:
    words = explain_post_attempt(reason)
    assert words is not None
    assert words.ja.endswith("。")
    assert words.en.endswith(".")
