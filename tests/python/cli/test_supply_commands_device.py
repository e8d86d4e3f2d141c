"""`careledger device`: data loggers that sign windows, excursions before receipt, and service records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from careledger.contract_enums import Curve
from careledger.serialization.cold_chain import DeviceKey
from cli.supply_world import MAKER, PHARMACY, SupplyWorld
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from identity.suite import travel

PASSPHRASE = "battery staple"
COLD = (400, 450, 500)
WARM = (400, 1250, 500)
MINUTE = 60


@dataclass(frozen=True)
class Logger:
    """A data logger of the maker's, whose key lies in a file."""

    world: SupplyWorld
    key: DeviceKey
    file: Path
    id: str

    def bound(self, container: str, *limits: str) -> int:
        """Goes with a container; returns when, after an hour that passed since."""
        self.world.ok(MAKER, "device", "bind", self.id, container, *limits)
        since = self.world.stage.suite.now
        travel(self.world.stage.connection, 60 * MINUTE)
        return since

    def readings(self, since: int, temperatures: Sequence[int], apart: int = 10 * MINUTE) -> Path:
        path = self.world.folder / f"readings-{since}-{apart}.csv"
        rows = [f"{since + apart * (place + 1)},{value}" for place, value in enumerate(temperatures)]
        path.write_text("\n".join(["time,temperature", *rows]))
        return path

    def record(self, file: Path, *options: object, exit_code: int = 0) -> dict[str, object]:
        result = self.world(MAKER, "device", "record", self.id, file, "--key", self.file, *options)
        assert result.exit_code == exit_code, result.err + result.out
        found: dict[str, object] = result.body
        return found


@pytest.fixture
def logger(trade: SupplyWorld) -> Logger:
    trade.careledger.monkeypatch.setenv("CARELEDGER_DEVICE_PASSPHRASE", PASSPHRASE)
    key = DeviceKey.generate(Curve.SECP256K1)
    file, public = trade.folder / "logger.pem", trade.folder / "logger.pub.pem"
    file.write_bytes(key.to_pem(PASSPHRASE))
    pem = key._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(pem)
    registered = trade.ok(MAKER, "device", "register", public)
    assert registered["device"] == key.public.device_id(trade.names[MAKER])
    assert trade.ok(MAKER, "device", "register", public)["transactions"] == []
    return Logger(trade, key, file, registered["device"])


LIMITS = ("--lowest", "2", "--highest", "8", "--highest-mean", "6")


def test_windows_are_recorded_and_held_against_the_readings(trade: SupplyWorld, logger: Logger) -> None:
    carton = trade.carton(trade.lot(20))
    since = logger.bound(carton, *LIMITS)
    body = logger.record(logger.readings(since, COLD))
    assert (body["sent"], body["excursions"]) == (True, [False])
    found = trade.ok(MAKER, "device", "show", logger.id)
    (window,) = found["windows"]
    assert (window["window"]["lowest"], window["window"]["highest"]) == (400, 500)
    assert (window["readings_kept"], window["differences"], window["excursion"]) == (True, [], False)
    assert "4.00 °C to 5.00 °C" in trade.shown(MAKER, "device", "show", logger.id)
    assert "as signed" in trade.shown(MAKER, "device", "show", logger.id)
    elsewhere = trade.ok(PHARMACY, "device", "show", logger.id, "--organization", trade.names[PHARMACY])
    assert [one["readings_kept"] for one in elsewhere["windows"]] == [False]
    again = trade(MAKER, "device", "record", logger.id, logger.readings(since, COLD), "--key", logger.file)
    assert again.exit_code == 2  # those readings are before the last window


def test_a_broken_cold_chain_is_seen_before_the_goods_are_accepted(trade: SupplyWorld, logger: Logger) -> None:
    made = trade.lot(20)
    trade.ok(MAKER, "lot", "limits", made.number, *LIMITS)
    carton = trade.carton(made)
    since = logger.bound(carton)
    logger.record(logger.readings(since, WARM), exit_code=9)
    bundle = trade.ship(carton, MAKER, PHARMACY)
    before = trade.sent_by(PHARMACY)
    refused = trade(PHARMACY, "receive", carton, "--bundle", bundle)
    assert (refused.exit_code, refused.body["received"], refused.body["excursion"]) == (9, False, True)
    assert trade.sent_by(PHARMACY) == before
    assert "its cold chain was broken" in trade.shown(PHARMACY, "receive", carton, exit_code=9)
    assert "COLD CHAIN BROKEN" in trade.shown(PHARMACY, "container", "show", carton)
    assert trade.ok(PHARMACY, "receive", carton, "--despite-excursion")["received"] is True
    assert trade.ok(PHARMACY, "unit", "verify", made.code(1))["packs"][0]["excursion"] is True
    assert "beware: its cold chain was broken" in trade.shown(PHARMACY, "unit", "verify", made.code(1))


def test_a_time_without_readings_is_a_window_of_its_own(trade: SupplyWorld, logger: Logger) -> None:
    carton = trade.carton(trade.lot(20))
    since = logger.bound(carton, *LIMITS)
    file = logger.readings(since, COLD)
    options = ("--longest-gap", 11 * MINUTE, "--until", since + 50 * MINUTE)
    body = logger.record(file, *options, exit_code=9)
    assert body["excursions"] == [False, True]
    assert "no readings, EXCURSION" in trade.shown(MAKER, "device", "show", logger.id)


def test_a_logger_signs_by_itself(trade: SupplyWorld, logger: Logger) -> None:
    carton = trade.carton(trade.lot(20))
    since = logger.bound(carton, *LIMITS)
    file = logger.readings(since, COLD)
    asked = trade.ok(MAKER, "device", "record", logger.id, file)
    assert (asked["sent"], asked["digest"][:2]) == (False, "0x")
    signature = "0x" + logger.key.sign(asked["message"]).hex()
    done = trade.ok(MAKER, "device", "record", logger.id, file, "--signature", signature)
    assert done["windows"] == [asked["window"]]
    wrong = trade(MAKER, "device", "record", logger.id, file, "--signature", "0x12")
    assert wrong.exit_code == 2


def test_a_logger_is_unbound_and_retired(trade: SupplyWorld, logger: Logger) -> None:
    carton = trade.carton(trade.lot(20))
    logger.bound(carton, *LIMITS)
    trade.ok(MAKER, "device", "unbind", logger.id)
    assert trade.ok(MAKER, "device", "show", logger.id)["binding"] is None
    nothing = trade(MAKER, "device", "record", logger.id, logger.readings(1, COLD), "--key", logger.file)
    assert (nothing.exit_code, nothing.error["fields"]["name"]) == (2, "device")
    trade.ok(MAKER, "device", "retire", logger.id)
    assert trade.ok(MAKER, "device", "show", logger.id)["device"]["retired"] is True
    unknown = trade(MAKER, "device", "show", "0x" + 64 * "1")
    assert (unknown.exit_code, unknown.body["device"]) == (9, None)


@pytest.mark.parametrize("options", [("--lowest", "2"), ("--lowest", "2", "--highest", "8")])
def test_limits_are_stated_all_or_none(trade: SupplyWorld, options: tuple[str, ...]) -> None:
    result = trade(MAKER, "device", "bind", "0x" + 64 * "1", "0x" + 24 * "1", *options)
    assert (result.exit_code, result.error["fields"]["name"]) == (2, "limits")


# ---------------------------------------------------------------------- medical devices


def test_a_device_s_service_history_is_kept_and_checked(trade: SupplyWorld) -> None:
    made = trade.lot(3, "--device")
    code = f"(01){made.code(0)[4:18]}(21){made.serials[1]}(10){made.number}"
    content, first, second = (trade.folder / name for name in ("done.json", "r1.json", "r2.json"))
    content.write_text(json.dumps({"result": "within tolerance", "certificate": "C-2207"}))
    add = ("device", "service", "add", code, "--at", "now", "--content", content)
    done = trade.ok(MAKER, *add, "--kind", "calibration", "--record", first)
    assert (done["sequence"], done["number"]) == (1, 1)
    assert first.stat().st_mode & 0o777 == 0o600
    events = [event["event"] for sent in done["transactions"] for event in sent["events"]]
    assert events == ["DeviceServiced"]
    assert "C-2207" not in json.dumps(done)
    again = trade.ok(MAKER, *add, "--kind", "calibration", "--record", first)
    assert (again["sequence"], again["transactions"][0]["events"]) == (1, [])
    part = f"{made.lot}/2"
    engineer = "development:5"
    replaced = (*add, "--kind", "part-replacement", "--part", part, "--record", second, "--engineer", engineer)
    assert trade.ok(MAKER, *replaced)["sequence"] == 2
    whole = trade.ok(MAKER, "device", "service", "check", code, second, first)
    assert (whole["whole"], whole["faults"]) == (True, [])
    missing = trade(MAKER, "device", "service", "check", code, first)
    assert (missing.exit_code, [one["sequence"] for one in missing.body["faults"]]) == (9, [2])
    kept = json.loads(first.read_text())
    first.write_text(json.dumps({**kept, "content": {"result": "out of tolerance"}}))
    assert trade(MAKER, "device", "service", "check", code, first, second).exit_code == 9
    shown = trade.shown(MAKER, "device", "service", "check", code, first, second, exit_code=9)
    assert "record 1 has a content that is not what it commits to" in shown
    without = trade(MAKER, *add, "--kind", "part-replacement", "--record", trade.folder / "r3.json")
    assert (without.exit_code, without.error["fields"]["name"]) == (2, "part")
