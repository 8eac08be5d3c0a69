"""One idea has one name: words that were retired (docs/glossary.md) do not come back into the code."""

import ast
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RETIRED = {
    # Services and their parts
    "(?i:postm[ae]n)": "dispatcher, dispatchers",
    "(?i:front[ _-]doors?)": "ingress-smtp",
    "(?i:doorman|doormen)": "ConnectionGate",
    "(?i:vaults?)": "registry, PersonCrypto",
    "(?i:scribes?)": "CopyWriter",
    "(?i:stationery)": "CopyHeaders",
    "(?i:intakes?)": "CommandConnection, admission",
    "(?i:houses?)": "trial, local stack, harness",
    "(?i:notice boards?)": "board",
    "(?i:shelf|shelves)": "RenderingCache",
    "Books": "the tables of admin-api",
    "Desks": "the handlers of a context",
    "Door": "SmtpServer, InboundConnection",
    "Voice": "responder",
    "Talk": "Wire",
    "Press(?=[(:.,])": "CopyWriter",
    # Delivery
    "Bundles?": "DeliveryBatch",
    "CarrierSession": "SmtpConnection",
    "Errands?": "BatchAttempt, QueuedDelivery",
    "FusedDns": "CircuitBreakerDns",
    "Halted": "StoppedMessages",
    "HopUnavailable": "NextHopUnavailable",
    "Hung": "a connection's timeout",
    "Judge?ments?|write_judge?ments?": "Standing, write_standings",
    "RememberedDns": "DnsCache",
    "SESSION_ENDED": "SERVICE_CLOSING",
    "Throttle": "Pace, PaceState",
    '(?i:verdicts?)(?![`"])': "outcome, Disposition, Classification, AuthenticationResults",
    "_hungry": "the worker that may take a copy",
    "(?i:judge[sd]?|judging)(?:_error)?": "disposition, bounce classification, decision",
    "_?look_again": "look_later",
    "open_sessions": "open_connections",
    "session_limit": "the limit of connections",
    "spared": "skip_reason",
    "way_for": "route",
    "without_way": "without_route",
    # SMTP, coming in
    "bare_ends": "bare newlines",
    "hold_back": "tarpit",
    "out_of_step": "pipelining out of order",
    "smtp_session(?!_seconds)": "server_connection",
    "talked_first": "early talker",
    "unstuffed": "dot-unstuffing",
    # Mail
    "AutomaticMail": "Automatic",
    r"Guesses|inbound\.guessed": "SecretProbes, inbound.secret-probe",
    r"""(?<=\.)(?<!held_mail\.)letter|(?<!dead_)letter(?==|: Sealed)|(?<=["'])letter(?=["']:)""": "mail, dead_letter",
    "Letter|LetterKind|(?<!dead_)letters_of": "ParsedMail, ParentMail, MailKind",
    "InboxMail": "ParentMail",
    "Opinion": "Classification",
    r"Place(?=[(:.,\]])": "the position of a marker",
    "Sought": "what is looked for",
    "dns_notes|Notes": "DnsAnswers",
    "kindest": "the classification that is believed",
    "stray_reports": "reports_without_token",
    # Persons and messages
    "Doubts|copies_in_doubt": "SuspectCopies",
    r"HeldMail|(?<!office\.)held[ _-]mail|held_days|held_reasons": "DeadLetterEntry, dead_letter_days",
    "NewsMemory|read_boards": "BoardMemory",
    "Unsubscriptions": "the consumer of unsubscribe",
    # The bus
    "GIVE_UP|NEWS_LIFE|POST_LIFE": "contracts.lifetimes",
    "KeyValueVerbs": "KeyValueStore",
    "_?bury": "_give_up",
    'again_of(?![`"])': "retry_of",
    "changeover": "bus apply, contracts.retired",
    "consume_again|handled_again": "consume_dead_letter_retries",
    "InviteAsk|RemoveAsk|PosterChange|POSTER_CHANGE": "contracts.commands",
    "ListPublisher|MemoryBus": "FakeBus",
}
"""A retired word as a regular expression, and what is said instead. Case counts where `(?i:...)` doesn't say otherwise."""

LIVING = ("libs", "services", "cli", "simulator", "tools", "tests", "deploy")
PAST = re.compile(
    r"/migrations/versions/|^tests/fixtures/release-|^tests/contract/test_glossary\.py$"
    r"|^libs/contracts/src/contracts/retired\.py$|^tests/cli/test_(?:bus_retired|database)\.py$"
)
"""What has happened keeps its words: steps of migrations, states of old releases."""


SHARED = {
    "Context": "each service's own",
    "Settings": "each service's own",
    "Publisher": "what a service needs of the bus",
    "InboundConsumer": "each service's edge for the same stream",
    "OutcomesConsumer": "each service's edge for the same stream",
    "SmtpReply": "one that is said, one that is heard",
    "Notice": "as it is written, as it is shown",
    "CalendarEvent": "as it is written, as it is shown",
    "Child": "as registry, the REST API and the simulator know it",
    "Member": "as registry and the REST API know it",
}
"""Names of classes that several modules define, each for the same idea."""


def _living(*folders: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *(folders or LIVING)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.splitlines() if name.endswith((".py", ".yaml", ".conf", ".sql", ".toml"))]
    return [ROOT / name for name in names if not PAST.search(name) and (ROOT / name).is_file()]


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_does_not_come_back(word: str) -> None:
    pattern = re.compile(rf"(?<![A-Za-z])(?:{word})(?![a-z])")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _living()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"say {RETIRED[word]!r}:\n" + "\n".join(found)


def test_a_class_name_means_one_thing() -> None:
    defined = defaultdict(list)
    for path in _living("libs", "services", "cli", "simulator", "tools"):
        if path.suffix == ".py":
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    defined[node.name].append(str(path.relative_to(ROOT)))
    homonyms = {name: places for name, places in defined.items() if len(places) > 1}
    assert {name: places for name, places in homonyms.items() if name not in SHARED} == {}
    assert homonyms.keys() == SHARED.keys()
