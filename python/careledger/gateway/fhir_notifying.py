"""Tells subscribers that a request which waited was decided: a thread that looks at final blocks and delivers."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Iterator

from careledger.anchoring.canonical_json import Json
from careledger.authorization.fhir.resources import dump
from careledger.contract_events import AppealDecided, ContractEvent, InformationRequested, LineDecided
from careledger.errors import CareLedgerError
from careledger.gateway.fhir_outcomes import FHIR_JSON
from careledger.gateway.fhir_subscriptions import TOPIC, Due, Subscriptions
from careledger.gateway.fhir_targets import Undelivered, address_of, post, target_of
from careledger.gateway.services import Services
from careledger.logs import logger

__all__ = ["Notifying", "final_block", "notification"]

POLL_SECONDS = 1.0
EVENTS: tuple[type[ContractEvent], ...] = (LineDecided, AppealDecided, InformationRequested)
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
NO_REVIEWER = 0


class Notifying:
    """Start it in every process of the gateway: each takes what no other has. Use as a context manager."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._subscriptions = Subscriptions(services.database, services.vault)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._log = logger("gateway")

    def __enter__(self) -> Notifying:
        if self._services.settings.payer is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    # ------------------------------------------------------------------ inner

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self._look()
                for due in self._subscriptions.due():
                    if self._stop.is_set():
                        return  # the lease runs out, and another process delivers it
                    self._deliver(due)
            except (CareLedgerError, OSError) as error:
                self._log.error("notify.trouble", error=type(error).__name__)

    def _look(self) -> None:
        active = self._subscriptions.active()
        if not active:
            return
        last = final_block(self._services)
        decisions: dict[int, int] = {}
        for subscription_id, first in active:
            if first > last:
                continue
            if first not in decisions:
                decisions[first] = len(set(self._decided(first, last)))
            self._subscriptions.looked_at(subscription_id, first, last, decisions[first])

    def _decided(self, first: int, last: int) -> Iterator[tuple[str, str]]:
        """The requests of this gateway's organization that a person decided or asked about in these blocks, with the
        transaction."""
        authorizations = self._services.payer.authorizations
        for entry in self._services.connection.logs(authorizations.address, EVENTS, first, last):
            event = entry.event
            assert isinstance(event, (LineDecided, AppealDecided, InformationRequested))
            if event.provider != self._services.organization:
                continue
            if isinstance(event, LineDecided) and int(event.reviewer, 16) == NO_REVIEWER:
                continue
            yield event.request_id, entry.transaction_hash

    def _deliver(self, due: Due) -> None:
        settings, is_local = self._services.settings, self._services.connection.is_local
        channel = self._subscriptions.channel(due.subscription_id)
        if channel is None:
            return
        headers = {**channel.headers, "User-Agent": "careledger"}
        body = b""
        if channel.payload is not None:
            headers["Content-Type"] = FHIR_JSON
            body = notification(due, f"{settings.public_url}/fhir/Subscription/{due.subscription_id}")
        try:
            target = target_of(channel.endpoint, settings.subscription_hosts, is_local)
            post(target, address_of(target, is_local), headers, body)
        except (CareLedgerError, Undelivered) as error:
            self._log.warning(
                "notify.undelivered", subscription=due.subscription_id, attempt=due.attempt, problem=str(error)
            )
            self._subscriptions.undelivered(due)
            return
        self._subscriptions.delivered(due)
        self._log.info("notify.delivered", subscription=due.subscription_id, attempt=due.attempt)


def final_block(services: Services) -> int:
    """The last block that counts as final; -1 if there is none."""
    return services.connection.block_number() - services.settings.confirmations + 1


def notification(due: Due, subscription: str) -> bytes:
    """That something was decided, and nothing of what: the Bundle that the Subscriptions R5 Backport has for R4, with
    the payload `empty`."""
    time = dt.datetime.fromtimestamp(due.time, dt.UTC).isoformat()
    own = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{subscription}#{due.number}')}"
    number = str(due.number)
    status: dict[str, Json] = {
        "resourceType": "Parameters",
        "meta": {"profile": [f"{BACKPORT}backport-subscription-status-r4"]},
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": subscription}},
            {"name": "topic", "valueCanonical": TOPIC},
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": "event-notification"},
            {"name": "eventsSinceSubscriptionStart", "valueString": number},
            {
                "name": "notificationEvent",
                "part": [{"name": "eventNumber", "valueString": number}, {"name": "timestamp", "valueInstant": time}],
            },
        ],
    }
    entry: dict[str, Json] = {
        "fullUrl": own,
        "resource": status,
        "request": {"method": "GET", "url": f"{subscription}/$status"},
        "response": {"status": "200"},
    }
    return dump(
        {
            "resourceType": "Bundle",
            "meta": {"profile": [f"{BACKPORT}backport-subscription-notification-r4"]},
            "type": "history",
            "timestamp": time,
            "entry": [entry],
        }
    )
