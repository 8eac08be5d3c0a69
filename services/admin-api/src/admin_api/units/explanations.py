"""Why a group can't be had, in words for administrators. Pure."""

from typing import Final

from admin_api.kernel.explanation import Explanation
from admin_api.units.model import MAX_GROUPS

TOO_MANY_GROUPS: Final = Explanation(f"グループは{MAX_GROUPS}までです。", f"A unit has at most {MAX_GROUPS} groups.")
"""A new group, or one that an undo would bring back, would be one too many."""
