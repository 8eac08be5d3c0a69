"""Settings that are missing or wrong are named, never shown."""

import base64
from pathlib import Path

import pytest

from dispatcher.settings import Settings
from runtime.settings import load

KEY = base64.b64encode(b"k" * 32).decode()
# A well-known example, of RFC 8410.
ED25519 = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
GOOD = {
    "NATS_URL": "nats://127.0.0.1:4222",
    "NATS_USER": "dispatcher",
    "NATS_PASSWORD": "pw",
    "BASE_DOMAIN": "renraku.example",
    "ROUTES": "*=mx",
    "TOKEN_KEYS": f"t1:{KEY}",
    "SEAL_PRIVATE_KEYS": f"d1:{KEY}",
    "SEAL_PUBLIC_KEYS": f"dispatcher:d1:{KEY}",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"RENRAKUMO_{name}", value)
    return monkeypatch


def test_what_is_optional_may_be_left_out_or_empty(environment: pytest.MonkeyPatch) -> None:
    for name in ("PUBLIC_URL", "HELO_NAME", "RETRY_PLAN", "CARRIERS"):
        environment.setenv(f"RENRAKUMO_{name}", "")
    settings = load(Settings)
    assert (settings.public_url, settings.helo_name, settings.retry_plan) == (None, None, None)
    assert settings.carriers is None
    environment.setenv("RENRAKUMO_RETRY_PLAN", "2, 5,10")
    environment.setenv("RENRAKUMO_PUBLIC_URL", "https://info.example/")
    settings = load(Settings)
    assert (settings.public_url, settings.retry_plan) == ("https://info.example", (2.0, 5.0, 10.0))


def test_how_servers_are_found_has_careful_defaults_and_can_be_set(environment: pytest.MonkeyPatch) -> None:
    for name in ("DNS_SERVERS", "MTA_STS", "MX_PRIVATE", "MX_PORT"):
        environment.setenv(f"RENRAKUMO_{name}", "")
    settings = load(Settings)
    assert (settings.dns_servers, settings.mta_sts, settings.mx_private, settings.mx_port) == ((), True, "refuse", 25)
    environment.setenv("RENRAKUMO_DNS_SERVERS", "192.0.2.53, 192.0.2.54:5353,[2001:db8::53]:53,[2001:DB8::54]")
    environment.setenv("RENRAKUMO_MTA_STS", "off")
    settings = load(Settings)
    assert settings.dns_servers == (
        ("192.0.2.53", 53),
        ("192.0.2.54", 5353),
        ("2001:db8::53", 53),
        ("2001:db8::54", 53),
    )
    assert not settings.mta_sts


def test_keys_for_signatures_are_read_and_not_shown(environment: pytest.MonkeyPatch) -> None:
    assert len(load(Settings).dkim_keys) == 0
    environment.setenv("RENRAKUMO_DKIM_KEYS", f"renraku.example:e1:ed25519:{ED25519}:20261201T000000Z")
    settings = load(Settings)
    assert [(key.domain, key.selector) for key in settings.dkim_keys] == [("renraku.example", "e1")]
    assert ED25519 not in repr(settings)


@pytest.mark.parametrize(
    "name, value",
    [
        ("DKIM_KEYS", "renraku.example:e1:ed25519:geheim"),
        ("DKIM_KEYS", f"other.example:geheim:ed25519:{ED25519}"),
        ("ROUTES", None),
        ("ROUTES", "*=smtp://user:geheim@host:587?starttls=perhaps"),
        ("DNS_SERVERS", "geheim.example:53"),
        ("DNS_SERVERS", "192.0.2.53:99999"),
        ("DNS_SERVERS", "192.0.2.553"),
        ("MTA_STS", "geheim"),
        ("MX_PRIVATE", "geheim"),
        ("MX_PORT", "0"),
        ("RETRY_PLAN", "soon"),
        ("RETRY_PLAN", "-1"),
        ("PUBLIC_URL", "ftp://geheim"),
        ("HELO_NAME", "geheim_name!"),
        ("SEAL_PUBLIC_KEYS", f"registry:r1:{KEY}"),
        ("TOKEN_KEYS", None),
    ],
)
def test_a_wrong_one_ends_the_process_with_its_name(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str | None
) -> None:
    if value is None:
        environment.delenv(f"RENRAKUMO_{name}")
    else:
        environment.setenv(f"RENRAKUMO_{name}", value)
    with pytest.raises(SystemExit) as end:
        load(Settings)
    shown = capsys.readouterr().err
    assert end.value.code == 78
    assert f"RENRAKUMO_{name}" in shown
    assert "geheim" not in shown


def test_every_mistake_in_the_operators_carriers_file_is_told_at_start(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "ours.yaml"
    environment.setenv("RENRAKUMO_CARRIERS", str(file))
    with pytest.raises(SystemExit) as end:
        load(Settings)
    assert end.value.code == 78
    assert "RENRAKUMO_CARRIERS: ours.yaml cannot be read" in capsys.readouterr().err
    file.write_text("carriers: {docomo: {conections: 3, retry: [1m, soon]}}")
    # Also when the value is the bare name.
    environment.chdir(tmp_path)
    for value in (str(file), "ours.yaml"):
        environment.setenv("RENRAKUMO_CARRIERS", value)
        with pytest.raises(SystemExit):
            load(Settings)
        shown = capsys.readouterr().err
        assert "docomo: conections: unknown field" in shown
        assert "docomo: retry: number 2: must be a duration" in shown
    file.write_text("carriers: {docomo: {connections: 3}}")
    assert load(Settings).carriers == Path("ours.yaml")
