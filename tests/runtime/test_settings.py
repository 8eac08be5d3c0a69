"""A wrong environment is told by the names of variables, and never by their values."""

import base64

import pytest

from mail.mime.reading import DEFAULT_LIMITS, Limits, read
from runtime.settings import (
    CipherKeysSetting,
    KeyRingSetting,
    PublicKeysSetting,
    ReadingSettings,
    SecretKeySetting,
    ServiceSettings,
    load,
)

GOOD = {
    "RENRAKUMO_NATS_URL": "nats://127.0.0.1:4222",
    "RENRAKUMO_NATS_USER": "registry",
    "RENRAKUMO_NATS_PASSWORD": "s3cret-password",
    "RENRAKUMO_BASE_DOMAIN": "example.test",
    "RENRAKUMO_TOKEN_KEYS": "k:" + base64.b64encode(b"t" * 32).decode(),
    "RENRAKUMO_ADDRESS_KEYS": "k:" + base64.b64encode(b"a" * 32).decode(),
    "RENRAKUMO_SEAL_PUBLIC_KEYS": "registry:k:" + base64.b64encode(b"p" * 32).decode(),
    "RENRAKUMO_SENDER_KEY": base64.b64encode(b"s" * 32).decode(),
}


class Settings(ServiceSettings):
    health_port: int = 9102
    token_keys: KeyRingSetting
    address_keys: CipherKeysSetting
    seal_public_keys: PublicKeysSetting
    sender_key: SecretKeySetting


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_come_from_the_environment_and_show_no_secret(environment: pytest.MonkeyPatch) -> None:
    settings = load(Settings)
    assert settings.sender_key.value == b"s" * 32
    assert settings.token_keys.current == ("k", b"t" * 32)
    assert settings.seal_public_keys["registry"] == ("k", b"p" * 32)
    shown = repr(settings)
    assert not any(GOOD[name] in shown for name in GOOD if "KEY" in name and "PUBLIC" not in name)
    assert "s3cret" not in shown
    with pytest.raises(ValueError):
        settings.log_level = "DEBUG"  # type: ignore[misc]


def test_everything_missing_is_named_at_once(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("RENRAKUMO_TOKEN_KEYS", "RENRAKUMO_NATS_PASSWORD"):
        environment.delenv(name)
    with pytest.raises(SystemExit) as caught:
        load(Settings)
    assert caught.value.code == 78
    shown = capsys.readouterr().err
    assert "RENRAKUMO_TOKEN_KEYS is not set" in shown
    assert "RENRAKUMO_NATS_PASSWORD is not set" in shown


@pytest.mark.parametrize(
    "name, value",
    [
        ("RENRAKUMO_TOKEN_KEYS", "secretwithoutcolon"),
        ("RENRAKUMO_ADDRESS_KEYS", "k:" + base64.b64encode(b"short-secret-of-24-bytes").decode()),
        ("RENRAKUMO_SENDER_KEY", "not!base64!secret"),
        ("RENRAKUMO_HEALTH_PORT", "ninetyone"),
        ("RENRAKUMO_LOG_LEVEL", "LOUD"),
        ("RENRAKUMO_BASE_DOMAIN", "Not A Domain"),
    ],
)
def test_a_bad_value_is_named_and_not_shown(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        load(Settings)
    assert caught.value.code == 78
    shown = capsys.readouterr().err
    assert name in shown
    assert value not in shown


def test_how_much_of_a_mail_is_read_is_what_the_operator_says(environment: pytest.MonkeyPatch) -> None:
    class Reader(ReadingSettings):
        health_port: int = 9101

    assert Limits(**load(Reader).reading_limits()) == DEFAULT_LIMITS
    environment.setenv("RENRAKUMO_READING_MAX_LINE", "1000")
    environment.setenv("RENRAKUMO_READING_MAX_PARTS", "10")
    mail = read(b"Subject: s\r\n\r\n" + b"2" * 3000, Limits(**load(Reader).reading_limits()))
    assert mail.text.split() == ["2" * 1000] * 3
    environment.setenv("RENRAKUMO_READING_MAX_PARTS", "0")
    with pytest.raises(SystemExit):
        load(Reader)
