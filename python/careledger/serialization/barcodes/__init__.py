"""Barcodes of packs, containers and devices: read, with what is wrong with them, and written."""

from careledger.serialization.barcodes.items import (
    BarcodeFault,
    Container,
    DeviceUdi,
    Elements,
    NmpaCode,
    Pack,
    device_udi,
    same_but_for_case,
)
from careledger.serialization.barcodes.reading import BarcodeForm, Finding, Scan, elements, read
from careledger.serialization.barcodes.writing import bracketed, digital_link, element_string, epc_urn, lot_urn

__all__ = [
    "BarcodeFault",
    "BarcodeForm",
    "Container",
    "DeviceUdi",
    "Elements",
    "Finding",
    "NmpaCode",
    "Pack",
    "Scan",
    "bracketed",
    "device_udi",
    "digital_link",
    "element_string",
    "elements",
    "epc_urn",
    "lot_urn",
    "read",
    "same_but_for_case",
]
