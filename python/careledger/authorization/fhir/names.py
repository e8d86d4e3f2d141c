"""The names that Da Vinci PAS 2.2.1 gives to extensions, profiles and code systems."""

from __future__ import annotations

__all__ = [
    "ADJUDICATION",
    "ADMINISTRATION_REFERENCE_NUMBER",
    "AUTHORIZATION_NUMBER",
    "CAGC",
    "CARC",
    "CARIN_ADJUDICATION",
    "CARIN_DISCRIMINATOR",
    "CERTIFICATION_TYPE",
    "CERTIFICATION_TYPE_SYSTEM",
    "CLAIM_RELATION",
    "CLAIM_RESPONSE",
    "CLAIM_TYPE",
    "INFO_CANCELLED",
    "INFO_CHANGED",
    "INQUIRY_CLAIM_RESPONSE",
    "INQUIRY_RESPONSE_BUNDLE",
    "ITEM_AUTHORIZED_DETAIL",
    "ITEM_ISSUE_DATE",
    "ITEM_PERIOD",
    "ITEM_REQUESTED_SERVICE_DATE",
    "ITEM_TRACE_NUMBER",
    "LEVEL_OF_SERVICE",
    "LEVEL_OF_SERVICE_SYSTEM",
    "PRODUCT_OR_SERVICE_CODE_END",
    "REASON_SYSTEM",
    "RESPONSE_BUNDLE",
    "REVIEWER",
    "REVIEW_ACTION",
    "REVIEW_ACTION_CODE",
    "REVIEW_ACTION_SYSTEM",
    "URI_AS_IDENTIFIER",
]

PAS = "http://hl7.org/fhir/us/davinci-pas/"
DEFINITION = PAS + "StructureDefinition/"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
X12 = "https://codesystem.x12.org/"

# ------------------------------------------------------------------ profiles

RESPONSE_BUNDLE = DEFINITION + "profile-pas-response-bundle"
CLAIM_RESPONSE = DEFINITION + "profile-claimresponse"
INQUIRY_RESPONSE_BUNDLE = DEFINITION + "profile-pas-inquiry-response-bundle"
INQUIRY_CLAIM_RESPONSE = DEFINITION + "profile-claiminquiryresponse"

# ------------------------------------------------------------------ extensions

LEVEL_OF_SERVICE = DEFINITION + "extension-levelOfServiceCode"
CERTIFICATION_TYPE = DEFINITION + "extension-certificationType"
INFO_CHANGED = DEFINITION + "extension-infoChanged"
INFO_CANCELLED = DEFINITION + "modifierextension-infoCancelled"
ITEM_TRACE_NUMBER = DEFINITION + "extension-itemTraceNumber"
AUTHORIZATION_NUMBER = DEFINITION + "extension-authorizationNumber"
ADMINISTRATION_REFERENCE_NUMBER = DEFINITION + "extension-administrationReferenceNumber"
PRODUCT_OR_SERVICE_CODE_END = DEFINITION + "extension-productOrServiceCodeEnd"
REVIEW_ACTION = DEFINITION + "extension-reviewAction"
REVIEW_ACTION_CODE = DEFINITION + "extension-reviewActionCode"
ITEM_ISSUE_DATE = DEFINITION + "extension-itemPreAuthIssueDate"
ITEM_PERIOD = DEFINITION + "extension-itemPreAuthPeriod"
ITEM_REQUESTED_SERVICE_DATE = DEFINITION + "extension-itemRequestedServiceDate"
ITEM_AUTHORIZED_DETAIL = DEFINITION + "extension-itemAuthorizedDetail"
REVIEWER = DEFINITION + "extension-claimResponseReviewer"

# ------------------------------------------------------------------ code systems

REVIEW_ACTION_SYSTEM = X12 + "005010/306"
CERTIFICATION_TYPE_SYSTEM = X12 + "005010/1322"
LEVEL_OF_SERVICE_SYSTEM = X12 + "005010/1338"
REASON_SYSTEM = X12 + "external/886"
"""Reasons of a review (PAS 2.2.1, X12278ReviewDecisionReasonCode)."""
ADJUDICATION = TERMINOLOGY + "adjudication"
CLAIM_TYPE = TERMINOLOGY + "claim-type"
CLAIM_RELATION = TERMINOLOGY + "ex-relatedclaimrelationship"
CARC = "https://x12.org/codes/claim-adjustment-reason-codes"
CAGC = "https://x12.org/codes/claim-adjustment-group-codes"
CARIN_ADJUDICATION = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication"
CARIN_DISCRIMINATOR = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator"
TRACE_NUMBER = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ExplanationOfBenefit.item.traceNumber"
"""What R5 calls `ExplanationOfBenefit.item.traceNumber`, in R4."""
URI_AS_IDENTIFIER = "urn:ietf:rfc:3986"
"""The system of an identifier that is a URI (FHIR R4, Identifier.system)."""
