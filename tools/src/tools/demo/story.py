"""The story, chapter by chapter; each chapter does something as people would and checks what they see.

Registration of everybody by mail, sensible outcomes of odd requests, a phone post that is held and confirmed, two
forged ones, a health survey answered in every mail program's way, a resend, addresses that die at once and later, the
latest news for a grandmother, leaving by mail and by one click; and at the end a look for addresses where none may be.
"""

from tools.demo import broadcasts, registration
from tools.demo.closing import dead_addresses, latest_news, leaving, nobody_sees_an_address
from tools.demo.setting import DemoSetting


async def tell(town: DemoSetting) -> None:
    """All chapters in order; each builds on those before."""
    await registration.schools_open(town)
    await registration.everybody_registers(town)
    await registration.odd_requests(town)
    await broadcasts.phone_post(town)
    await broadcasts.forged_posts(town)
    await broadcasts.health_survey(town)
    await broadcasts.resend(town)
    await dead_addresses(town)
    await latest_news(town)
    await leaving(town)
    nobody_sees_an_address(town)
