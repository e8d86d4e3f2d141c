"""FHIR R4 at the edge: Da Vinci PAS 2.2.1 bundles in and out. Only these modules load `fhir.resources`."""
