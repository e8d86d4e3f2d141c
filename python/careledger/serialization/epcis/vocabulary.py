"""The Core Business Vocabulary: one spelling for each of its values (CBV 2.0, clauses 7 and 8).

A value comes as a bare word (`shipping`), a compact URI (`cbv:BizStep-shipping`), a web URI
(`https://ref.gs1.org/cbv/BizStep-shipping`) or, from EPCIS 1.2, a URN (`urn:epcglobal:cbv:bizstep:shipping`).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BIZ_STEP",
    "BIZ_TRANSACTION_TYPE",
    "COMPONENT",
    "DISPOSITION",
    "ERROR_REASON",
    "MEASUREMENT_TYPE",
    "SENSOR_ALERT_TYPE",
    "SOURCE_DESTINATION_TYPE",
    "Vocabulary",
]

CBV = "https://ref.gs1.org/cbv/"
GS1 = "https://gs1.org/voc/"
FORMER_HOSTS = {"https://www.gs1.org/voc/": GS1, "http://gs1.org/voc/": GS1, "http://www.gs1.org/voc/": GS1}


@dataclass(frozen=True)
class Vocabulary:
    """One vocabulary: the web URI of a value is `uri` and its word; `urn` is what it began with in EPCIS 1.2."""

    name: str
    uri: str
    words: frozenset[str]
    urn: str | None = None

    def spelling(self, text: str) -> str | None:
        """The word of a value, its web URI for one that is newer or older than this list, the text itself for a URI of
        another vocabulary; None for what is neither."""
        if text in self.words:
            return text
        uri = self._web_uri(text)
        if uri.startswith(self.uri):
            word = uri.removeprefix(self.uri)
            return word if word in self.words else uri
        return uri if ":" in uri else None

    def expanded(self, value: str) -> str:
        """The URI of what `spelling` gave."""
        return self.uri + value if value in self.words else value

    def _web_uri(self, text: str) -> str:
        if self.urn is not None and text.startswith(self.urn):
            return self.uri + text.removeprefix(self.urn)
        for prefix, uri in (("cbv:", CBV), ("gs1:", GS1), *FORMER_HOSTS.items()):
            if text.startswith(prefix):
                return uri + text.removeprefix(prefix)
        return text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BIZ_STEP = Vocabulary(
    "business step",
    CBV + "BizStep-",
    _words("""accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting
        decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting
        installing killing loading other packing picking receiving removing repackaging repairing replacing reserving
        retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting
        unloading unpacking void_shipping"""),
    "urn:epcglobal:cbv:bizstep:",
)

DISPOSITION = Vocabulary(
    "disposition",
    CBV + "Disp-",
    _words("""active available completeness_inferred completeness_verified conformant container_closed
        container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive
        mismatch_class mismatch_instance mismatch_quantity needs_replacement no_pedigree_match
        non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned
        sellable_accessible sellable_not_accessible stolen unavailable unknown"""),
    "urn:epcglobal:cbv:disp:",
)

BIZ_TRANSACTION_TYPE = Vocabulary(
    "type of business transaction",
    CBV + "BTT-",
    _words("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt"),
    "urn:epcglobal:cbv:btt:",
)

SOURCE_DESTINATION_TYPE = Vocabulary(
    "type of source or destination",
    CBV + "SDT-",
    _words("location owning_party possessing_party"),
    "urn:epcglobal:cbv:sdt:",
)

ERROR_REASON = Vocabulary(
    "reason of an error", CBV + "ER-", _words("did_not_occur incorrect_data"), "urn:epcglobal:cbv:er:"
)

COMPONENT = Vocabulary(
    "component",
    CBV + "Comp-",
    _words("""altitude axial_distance azimuth easting elevation_angle height latitude longitude northing polar_angle
        spherical_radius x y z"""),
)

SENSOR_ALERT_TYPE = Vocabulary("sensor alert", GS1, _words("ALARM_CONDITION ERROR_CONDITION"))

MEASUREMENT_TYPE = Vocabulary(
    "measurement type",
    GS1,
    _words("""AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
        AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area Capacitance
        Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate DynamicViscosity
        ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency
        Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux
        LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate
        MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure RadiantFlux
        RadiantIntensity Radioactivity RelativeHumidity Resistance Resistivity SolidAngle SpecificVolume Speed
        SurfaceDensity SurfaceTension Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction
        VolumetricFlux Wavenumber"""),
)
