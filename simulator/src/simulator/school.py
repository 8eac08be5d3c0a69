"""A school with its signed-in administrator, as most tests here want one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.incoming import MailKind
from simulator.office import Office
from simulator.parents import ParentMail
from simulator.people import Parent
from simulator.trial import Trial


@dataclass(frozen=True)
class School:
    """One unit of a trial."""

    trial: Trial
    office: Office
    code: str

    def address(self, local: str) -> str:
        base = self.trial.stack.configuration.base_domain
        return f"{local}@{self.code}.{base}"

    def path(self, rest: str) -> str:
        return f"/v1/units/{self.code}/{rest}"

    async def send(self, subject: str, text: str, **more: Any) -> str:
        """A message to everybody unless `groups` or `members` say otherwise; its number."""
        message = {"subject": subject, "text": text, "asks": "none", "send": True, **more}
        made = await self.office.post(self.path("messages"), message)
        return str(made["id"])

    async def counts(self, message: str) -> dict[str, int]:
        told: dict[str, int] = (await self.office.get(self.path(f"messages/{message}")))["counts"]
        return told

    async def answers(self, message: str) -> list[dict[str, Any]]:
        return await self.office.all_of(self.path(f"messages/{message}/answers"))

    async def members(self, **filters: str) -> list[dict[str, Any]]:
        return await self.office.all_of(self.path("members"), **filters)

    async def register(self, people: Sequence[Parent], group: str, *, with_name: bool = True) -> None:
        """Everybody registers by mail, as parents do; returns when all have their completion mail."""
        parents = self.trial.parents
        await parents.all_do(
            lambda parent: parents.enter(parent, self.address(f"{group}-entry"), with_name=with_name), people
        )

        async def completed() -> bool:
            return all(self.notices(parent, "登録が完了") for parent in people)

        assert await self.trial.until(f"{len(people)} completion mails", completed, within=60)

    def notices(self, parent: Parent, subject: str) -> list[ParentMail]:
        """Notices to a parent with that in the subject."""
        return [got for got in self.trial.parents.mails_of(parent, MailKind.NOTICE) if subject in got.mail.subject]


async def open_school(trial: Trial, code: str, name: str, *, receipts: bool, groups: Mapping[str, str]) -> School:
    """The operator makes the unit and its administrator, who signs in and makes the groups."""
    office = await trial.sign_in(await trial.new_school(code, name, receipts=receipts))
    school = School(trial, office, code)
    for group, label in groups.items():
        await office.post(school.path("groups"), {"code": group, "name": label})
    for group in groups:
        await _known_to_ingress(trial, school.address(f"{group}-entry"))
    return school


async def _known_to_ingress(trial: Trial, address: str) -> None:
    """Wait until ingress-smtp has heard of the address: a moment after the office has it."""

    async def accepted() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", trial.stack.port("RENRAKUMO_SMTP_PORT"))
        try:
            await reader.readline()
            for line in ("HELO test.example", "MAIL FROM:<somebody@test.example>", f"RCPT TO:<{address}>"):
                writer.write(f"{line}\r\n".encode())
                reply = await reader.readline()
            return reply.startswith(b"250")
        finally:
            writer.close()

    assert await trial.until(f"{address} is known to ingress-smtp", accepted, within=30)
