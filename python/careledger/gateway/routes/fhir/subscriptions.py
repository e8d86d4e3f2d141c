"""Rest-hook subscriptions: who is told when a request that waited was decided."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from careledger.authorization.fhir.writing import filled
from careledger.gateway.access import Principal
from careledger.gateway.deps import OpenServices, allowed
from careledger.gateway.fhir_claims import Claims
from careledger.gateway.fhir_notifying import final_block
from careledger.gateway.fhir_outcomes import FHIR_JSON
from careledger.gateway.fhir_subscriptions import TOPIC, Subscription, Subscriptions, read_subscription
from careledger.gateway.fhir_targets import target_of
from careledger.gateway.routes.fhir.exchange import (
    FhirBody,
    FhirResponse,
    body_schema,
    negotiated,
    outcomes,
    require_own,
    resource_schema,
)

__all__ = ["router"]

router = APIRouter(responses=outcomes(401, 403, 404, 406, 422, 429, 503))

Subscriber = Annotated[Principal, allowed("system/Subscription.cruds")]
SubscriptionId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
RESOURCE: dict[str, Any] = {"content": {FHIR_JSON: {"schema": resource_schema("Subscription")}}}


@router.post(
    "/Subscription",
    status_code=201,
    response_class=FhirResponse,
    response_model=None,
    dependencies=[negotiated],
    responses={201: RESOURCE, **outcomes(409, 413, 415)},
    openapi_extra=body_schema("Subscription"),
)
def create(services: OpenServices, subscriber: Subscriber, body: FhirBody) -> FhirResponse:
    """Be told of decisions from now on. The endpoint's host must be one that this gateway's settings allow; what is
    sent there says that something was decided, and nothing of what."""
    require_own(services, subscriber)
    Claims(services)
    channel = read_subscription(body)
    target_of(channel.endpoint, services.settings.subscription_hosts, services.connection.is_local)
    found = Subscriptions(services.database, services.vault).create(
        subscriber.subject, channel, max(0, final_block(services) + 1)
    )
    location = f"{services.settings.public_url}/fhir/Subscription/{found.subscription_id}"
    return FhirResponse(_resource(found), 201, {"Location": location})


@router.get(
    "/Subscription/{subscription_id}",
    response_class=FhirResponse,
    response_model=None,
    dependencies=[negotiated],
    responses={200: RESOURCE},
)
def read(services: OpenServices, subscriber: Subscriber, subscription_id: SubscriptionId) -> FhirResponse:
    """One of this client's subscriptions, without the headers that it gave. Its status is `error` when its endpoint
    took nothing for long: nothing more is sent then."""
    return FhirResponse(
        _resource(Subscriptions(services.database, services.vault).get(subscription_id, subscriber.subject))
    )


@router.delete("/Subscription/{subscription_id}", status_code=204, response_class=Response)
def end(services: OpenServices, subscriber: Subscriber, subscription_id: SubscriptionId) -> Response:
    """End one of this client's subscriptions. What is not delivered yet is not any more."""
    Subscriptions(services.database, services.vault).delete(subscription_id, subscriber.subject)
    return Response(status_code=204)


def _resource(found: Subscription) -> dict[str, Any]:
    channel = found.channel
    until = None if channel.until is None else dt.datetime.fromtimestamp(channel.until, dt.UTC).isoformat()
    return dict(
        filled(
            {
                "resourceType": "Subscription",
                "id": found.subscription_id,
                "status": found.state,
                "reason": channel.reason,
                "criteria": TOPIC,
                "end": until,
                "channel": filled({"type": "rest-hook", "endpoint": channel.endpoint, "payload": channel.payload}),
            }
        )
    )
