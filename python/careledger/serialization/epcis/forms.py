"""Reading a document of whatever form."""

from __future__ import annotations

from careledger.serialization.epcis.documents import Document
from careledger.serialization.epcis.json_form import read_json
from careledger.serialization.epcis.xml_form import read_xml

__all__ = ["read_document"]

UTF_8_MARK = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_document(content: bytes) -> Document:
    """The document of a text in EPCIS 1.2 or 2.0 XML, or in EPCIS 2.0 JSON: what begins with `<` is XML.

    An event that is wrong is an EpcisInvalid in its place. Raises EpcisInvalid as `read_xml` and `read_json` do.
    """
    is_xml = content.startswith(UTF_16_MARKS) or content.removeprefix(UTF_8_MARK).lstrip().startswith(b"<")
    return read_xml(content) if is_xml else read_json(content)
