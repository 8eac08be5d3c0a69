"""Who may say and hear what on the bus: the least that each service's work needs.

`deploy/nats/accounts.conf` is generated from this. What a consumer or a bucket needs follows from `streams`; here stand
only the subjects that a service publishes, the questions it asks and those it answers.
"""

from dataclasses import dataclass

from contracts import commands, requests
from contracts.base import LANES
from contracts.streams import RECEIPTS_INBOUND, REGISTRY_INBOUND, RESPONDER_INBOUND

SERVICES: tuple[str, ...] = (
    "ingress-smtp",
    "registry",
    "dispatcher",
    "responder",
    "receipts",
    "info-site",
    "admin-api",
)


@dataclass(frozen=True, slots=True)
class Rights:
    """Subjects a service publishes (events), asks (request/reply) and answers; streams it reads single messages of;
    consumers of others (`stream.name`) whose backlog it may know."""

    publishes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    looks_into: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()


RIGHTS: dict[str, Rights] = {
    "ingress-smtp": Rights(
        publishes=(
            "inbound.entry",
            "inbound.leave",
            "inbound.post",
            "inbound.info",
            "inbound.reply",
            "inbound.bounce",
            "inbound.feedback",
            "inbound.secret-probe",
            "inbound.operator",
        ),
        counts=tuple(f"{spec.stream}.{spec.name}" for spec in (REGISTRY_INBOUND, RESPONDER_INBOUND, RECEIPTS_INBOUND)),
    ),
    "registry": Rights(
        publishes=(
            "registration.opened",
            "registration.completed",
            "registration.refused",
            "leave.opened",
            "leave.completed",
            "leave.refused",
            "post.recognised",
            "post.refused",
            "delivery.planned",
            "delivery.urgent.*",
            "delivery.correction.*",
            "delivery.ordinary.*",
            "command.done",
            "dead.registry",
        ),
        answers=requests.REGISTRY,
    ),
    "dispatcher": Rights(
        publishes=(
            "delivery.settled",
            "delivery.schedule.*",
            *(f"delivery.{lane}.*" for lane in LANES),
            "progress.*.*",
            "dead.dispatcher",
        ),
        looks_into=("PROGRESS",),
    ),
    "responder": Rights(publishes=("delivery.prompt.*", "dead.responder")),
    "receipts": Rights(publishes=("confirmation.given", "answer.recorded", "copy.bounced", "dead.receipts")),
    "info-site": Rights(publishes=("inbound.unsubscribe",)),
    "admin-api": Rights(
        publishes=(
            "message.approved",
            "post.held",
            "post.closed",
            commands.REGISTRY,
            "dead.admin-api",
            "dead-letter-retry.*",
        ),
        asks=requests.REGISTRY,
    ),
}
