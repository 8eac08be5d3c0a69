"""NATS accounts out of contracts: one user per service, allowed the least that its work needs.

Flow: contracts.permissions (what a service says, asks, answers) + contracts.streams (which consumers and buckets it
uses) -> permission subjects of the JetStream API -> deploy/nats/accounts.conf, committed and compared by a test.

What each right means on the wire (JetStream API of nats-server):
- a pull consumer: ask for messages (MSG.NEXT), look at its state (INFO), acknowledge ($JS.ACK). Never create or change.
- knowing another's backlog: look at the consumer's state (INFO), nothing else.
- reading a bucket: its state, single values (STREAM.MSG.GET), a watch (an ordered consumer of its own, flow control).
- answering requests: listen on the subject, reply once to whoever asked (allow_responses).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.permissions import RIGHTS, SERVICES, Rights
from contracts.streams import BUCKETS, BucketSpec, ConsumerSpec, consumers

OPERATOR = "operator"
"""User of the operator's command line: everything in the account (streams are applied with it), nothing outside."""

USERS: tuple[str, ...] = (*SERVICES, OPERATOR)

_INDENT = "          "


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that a user may publish and subscribe; `responds`: may reply to who asked him."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    responds: bool = False


def password_variable(user: str) -> str:
    """Environment variable in which accounts.conf finds the password of a user."""
    return f"RENRAKUMO_NATS_PASSWORD_{user.upper().replace('-', '_')}"


def inbox(user: str) -> str:
    """Prefix of the user's own inbox; nobody else may listen there."""
    return f"_INBOX_{user}"


def permissions_of(service: str) -> Permissions:
    """The rights of one service. Raises KeyError for an unknown one."""
    rights = RIGHTS[service]
    publish = [
        *rights.publishes,
        *rights.asks,
        *(subject for spec in consumers() if spec.service == service for subject in _consumer_subjects(spec)),
        *(subject for bucket in BUCKETS for subject in _bucket_subjects(bucket, service)),
        *(f"$JS.API.STREAM.MSG.GET.{stream}" for stream in rights.looks_into),
        *(f"$JS.API.CONSUMER.INFO.{consumer}" for consumer in rights.counts),
    ]
    return Permissions(
        publish=_in_order(publish),
        subscribe=(f"{inbox(service)}.>", *rights.answers),
        responds=_responds(rights),
    )


def accounts_file() -> str:
    """Text of deploy/nats/accounts.conf."""
    users = "\n".join(_user(service, permissions_of(service)) for service in SERVICES)
    return f"""\
# Written by `renrakumo bus accounts` from contracts (libs/contracts): change it there, not here.
#
# One user per service, with the least rights that its work needs and an inbox of its own. Passwords come from the
# environment. The operator's command line applies streams with the user `{OPERATOR}`.

accounts {{
  RENRAKUMO {{
    jetstream: enabled
    users: [
{users}
      {{
        user: "{OPERATOR}"
        password: ${password_variable(OPERATOR)}
      }}
    ]
  }}
  SYSTEM {{
  }}
}}

system_account: SYSTEM
"""


def _responds(rights: Rights) -> bool:
    return bool(rights.answers)


def _consumer_subjects(spec: ConsumerSpec) -> tuple[str, ...]:
    place = f"{spec.stream}.{spec.name}"
    return (f"$JS.API.CONSUMER.MSG.NEXT.{place}", f"$JS.API.CONSUMER.INFO.{place}", f"$JS.ACK.{place}.>")


def _bucket_subjects(bucket: BucketSpec, service: str) -> tuple[str, ...]:
    stream = f"KV_{bucket.name}"
    state = (f"$JS.API.STREAM.INFO.{stream}",)
    writing = (f"$KV.{bucket.name}.>",)
    reading = (
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.INFO.{stream}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.>",
        f"$JS.FC.{stream}.>",
    )
    writes, reads = service in bucket.writers, service in bucket.readers
    return (*(state if writes or reads else ()), *(writing if writes else ()), *(reading if reads else ()))


def _in_order(subjects: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(subjects))


def _user(service: str, permissions: Permissions) -> str:
    responses = '\n          allow_responses: { max: 1, expires: "30s" }' if permissions.responds else ""
    return f"""\
      {{
        user: "{service}"
        password: ${password_variable(service)}
        permissions {{
          publish: {{ allow: {_list(permissions.publish)} }}
          subscribe: {{ allow: {_list(permissions.subscribe)} }}{responses}
        }}
      }}"""


def _list(subjects: tuple[str, ...]) -> str:
    if not subjects:
        raise ValueError("an empty list would allow everything")
    lines = "\n".join(f'{_INDENT}  "{subject}"' for subject in subjects)
    return f"[\n{lines}\n{_INDENT}]"
