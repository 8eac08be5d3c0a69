"""The words of every automatic mail: pure functions from facts to a subject and a text, one file an occasion.

Japanese first, short lines for phones, then a short English part. No URL stands in a mail, because carriers offer
parents a filter against mails with URLs. `{{name}}` is filled in by the dispatcher, from what only it can open.
"""

from responder.texts.base import Scope, Text

__all__ = ["Scope", "Text"]
