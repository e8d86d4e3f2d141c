"""EPCIS events: read from JSON or XML into one form, written as EPCIS 2.0 JSON-LD."""

from careledger.serialization.epcis.documents import Document, DocumentType
from careledger.serialization.epcis.epc import digital_link, key_elements
from careledger.serialization.epcis.event_hash import event_hash, event_record, pre_hash, strict_hash
from careledger.serialization.epcis.events import (
    Action,
    AggregationEvent,
    AssociationEvent,
    BizTransaction,
    Destination,
    ErrorDeclaration,
    Event,
    ObjectEvent,
    PersistentDisposition,
    Place,
    Quantity,
    SensorElement,
    SensorMetadata,
    SensorReport,
    Source,
    TransactionEvent,
    TransformationEvent,
)
from careledger.serialization.epcis.forms import read_document
from careledger.serialization.epcis.json_form import document_json, event_json, read_json
from careledger.serialization.epcis.xml_form import read_xml

__all__ = [
    "Action",
    "AggregationEvent",
    "AssociationEvent",
    "BizTransaction",
    "Destination",
    "Document",
    "DocumentType",
    "ErrorDeclaration",
    "Event",
    "ObjectEvent",
    "PersistentDisposition",
    "Place",
    "Quantity",
    "SensorElement",
    "SensorMetadata",
    "SensorReport",
    "Source",
    "TransactionEvent",
    "TransformationEvent",
    "digital_link",
    "document_json",
    "event_hash",
    "event_json",
    "event_record",
    "key_elements",
    "pre_hash",
    "read_document",
    "read_json",
    "read_xml",
    "strict_hash",
]
