"""What an operator's variables do to the local stack."""

from pathlib import Path

import pytest

from renrakumo_cli.local import nats, ports
from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.services import SERVICES, default_ports
from renrakumo_cli.secret_store import SecretStore

INGRESS = next(spec for spec in SERVICES if spec.name == "ingress-smtp")
RESPONDER = next(spec for spec in SERVICES if spec.name == "responder")


def configured(tmp_path: Path, **variables: str) -> Configuration:
    return Configuration.from_environment({"RENRAKUMO_STATE_DIR": str(tmp_path), **variables})


def test_the_default_ports_are_the_documented_ones(tmp_path: Path) -> None:
    told = configured(tmp_path).ports
    assert told["RENRAKUMO_SMTP_PORT"] == 2525
    assert told["RENRAKUMO_WEB_PORT"] == 8080
    assert told["RENRAKUMO_INFO_PORT"] == 8081
    assert [told[spec.health_variable] for spec in SERVICES] == list(range(9101, 9108))


@pytest.mark.parametrize("variable", sorted(default_ports()))
def test_every_port_can_be_moved(tmp_path: Path, variable: str) -> None:
    assert configured(tmp_path, **{variable: "23456"}).ports[variable] == 23456


def test_a_port_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="RENRAKUMO_SMTP_PORT must be a port number"):
        configured(tmp_path, RENRAKUMO_SMTP_PORT="smtp")


def test_two_wishes_for_one_port_are_both_named(tmp_path: Path) -> None:
    wanted = configured(tmp_path, RENRAKUMO_WEB_PORT="23456", RENRAKUMO_INFO_PORT="23456").wanted_ports()
    with pytest.raises(LocalError, match="23456 is wanted twice, by RENRAKUMO_INFO_PORT and RENRAKUMO_WEB_PORT"):
        ports.check(
            {name: wanted[name] for name in sorted(wanted) if name in ("RENRAKUMO_WEB_PORT", "RENRAKUMO_INFO_PORT")}
        )


def test_settings_go_on_to_services_and_foreign_variables_do_not(tmp_path: Path) -> None:
    told = configured(tmp_path, RENRAKUMO_BASE_DOMAIN="xx.example", RENRAKUMO_SMTP_HOST="0.0.0.0", HOME="/root")
    variables = told.service_variables(INGRESS)
    assert variables["RENRAKUMO_BASE_DOMAIN"] == "xx.example"
    assert variables["RENRAKUMO_SMTP_HOST"] == "0.0.0.0"
    assert "HOME" not in variables


def test_a_secret_in_the_operators_environment_reaches_no_service(tmp_path: Path) -> None:
    told = configured(tmp_path, RENRAKUMO_ADDRESS_KEYS="k1:secret", RENRAKUMO_NATS_PASSWORD_REGISTRY="secret")
    assert all("secret" not in value for spec in SERVICES for value in told.service_variables(spec).values())


def test_a_trial_writes_to_no_stranger_unless_told(tmp_path: Path) -> None:
    assert configured(tmp_path).service_variables(RESPONDER)["RENRAKUMO_ROUTES"] == "*=127.0.0.1:2526"
    assert configured(tmp_path, RENRAKUMO_ROUTES="*=mx").service_variables(RESPONDER)["RENRAKUMO_ROUTES"] == "*=mx"


def test_external_servers_take_the_place_of_our_own(tmp_path: Path) -> None:
    told = configured(
        tmp_path,
        RENRAKUMO_NATS_URL="nats://bus.example:4222",
        RENRAKUMO_PERSONAL_DATABASE_URL="postgresql://database.example:5432/persons?sslmode=require",
        RENRAKUMO_GENERAL_DATABASE_URL="postgresql://db.example/general",
    )
    assert told.nats_url == "nats://bus.example:4222"
    assert (
        told.database_url("personal", "registry", "p/w")
        == "postgresql://renrakumo_registry:p%2Fw@database.example:5432/persons?sslmode=require"
    )
    assert not {"RENRAKUMO_NATS_PORT", "RENRAKUMO_POSTGRES_PORT"} & set(told.wanted_ports())


def test_half_of_an_external_pair_of_databases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="Set both"):
        configured(tmp_path, RENRAKUMO_GENERAL_DATABASE_URL="postgresql://db.example/general")


def test_an_external_database_with_one_user_for_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="must name no user"):
        configured(
            tmp_path,
            RENRAKUMO_PERSONAL_DATABASE_URL="postgresql://me:pw@db.example/p",
            RENRAKUMO_GENERAL_DATABASE_URL="postgresql://db.example/g",
        )


def test_a_trial_has_free_ports_of_its_own_everywhere(tmp_path: Path) -> None:
    chosen = Configuration.for_trial(tmp_path).ports
    assert set(chosen) == set(default_ports())
    assert len(set(chosen.values())) == len(chosen)


def test_several_dispatchers_are_asked_for_by_their_number_alone(tmp_path: Path) -> None:
    configuration = configured(tmp_path, RENRAKUMO_DISPATCHERS="3")
    names = [spec.name for spec in configuration.processes if spec.service == "dispatcher"]
    assert names == ["dispatcher", "dispatcher-2", "dispatcher-3"]
    ports = {configuration.ports[spec.health_variable] for spec in configuration.processes}
    assert len(ports) == len(configuration.processes)


def test_several_ingresses_share_one_port_and_only_then_they_are_told_so(tmp_path: Path) -> None:
    configuration = configured(tmp_path, RENRAKUMO_INGRESSES="2", RENRAKUMO_DISPATCHERS="2")
    doors = [spec for spec in configuration.processes if spec.service == "ingress-smtp"]
    told = [configuration.service_variables(spec) for spec in doors]
    assert [spec.name for spec in doors] == ["ingress-smtp", "ingress-smtp-2"]
    assert {each["RENRAKUMO_SMTP_PORT"] for each in told} == {"2525"}
    assert {each["RENRAKUMO_SMTP_SHARE_PORT"] for each in told} == {"on"}
    assert len({configuration.ports[spec.health_variable] for spec in configuration.processes}) == 9
    assert "RENRAKUMO_SMTP_SHARE_PORT" not in configured(tmp_path).service_variables(INGRESS)


@pytest.mark.parametrize("number", ["0", "10", "many"])
def test_a_number_of_dispatchers_that_cannot_be_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(LocalError, match="RENRAKUMO_DISPATCHERS"):
        configured(tmp_path, RENRAKUMO_DISPATCHERS=number)


def test_a_cluster_of_the_bus_has_ports_for_each_server_and_services_know_them_all(tmp_path: Path) -> None:
    told = configured(tmp_path, RENRAKUMO_NATS_SERVERS="3", RENRAKUMO_NATS_2_PORT="23456")
    assert told.nats_url == "nats://127.0.0.1:14222,nats://127.0.0.1:23456,nats://127.0.0.1:14224"
    assert told.service_variables(INGRESS)["RENRAKUMO_NATS_URL"] == told.nats_url
    assert {"RENRAKUMO_NATS_CLUSTER_PORT", "RENRAKUMO_NATS_2_CLUSTER_PORT"} <= set(told.wanted_ports())
    outside = configured(tmp_path, RENRAKUMO_NATS_SERVERS="3", RENRAKUMO_NATS_URL="nats://bus.example:4222")
    assert not [name for name in outside.wanted_ports() if "NATS" in name]


def test_a_cluster_of_two_is_refused_since_it_could_not_spare_one(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="RENRAKUMO_NATS_SERVERS must be 1, or 3 for a cluster"):
        configured(tmp_path, RENRAKUMO_NATS_SERVERS="2")


def test_a_store_kept_by_another_number_of_servers_is_left_alone(tmp_path: Path) -> None:
    secrets = SecretStore(tmp_path / "secrets")
    secrets.init()
    (tmp_path / "nats" / "store").mkdir(parents=True)
    assert list(nats.of_stack(configured(tmp_path), secrets)) == ["nats"]
    with pytest.raises(LocalError, match="kept by 1 NATS server"):
        nats.of_stack(configured(tmp_path, RENRAKUMO_NATS_SERVERS="3"), secrets)
    (tmp_path / "nats-2").mkdir()
    assert list(nats.of_stack(configured(tmp_path, RENRAKUMO_NATS_SERVERS="3"), secrets)) == [
        "nats",
        "nats-2",
        "nats-3",
    ]
    with pytest.raises(LocalError, match="kept by 3 NATS server"):
        nats.of_stack(configured(tmp_path), secrets)
