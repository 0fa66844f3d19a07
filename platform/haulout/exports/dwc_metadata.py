"""What a Darwin Core archive says of itself: meta.xml and eml.xml."""

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from haulout.exports.contents import printable
from haulout.exports.deployments import Deployments
from haulout.exports.source import Source
from haulout.places import Place, public_place

TERMS = "http://rs.tdwg.org/dwc/terms/"
TEXT = "http://rs.tdwg.org/dwc/text/"
EML = "eml://ecoinformatics.org/eml-2.1.1"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
PROFILE = "http://rs.gbif.org/schema/eml-gbif-profile/1.1/eml.xsd"
METHOD = (
    "Fixed cameras photograph the haulout. Volunteers draw boxes round walruses; their answers are joined, and experts "
    "settle what they dispute. A detector, trained on these boxes, looks at the remaining photos; what rests on it "
    "alone is marked unverified. Experts say which boxes show the same individual. An absence is a day on which what "
    "was visible was looked at and no walrus was found."
)


def title(source: Source) -> str:
    """Return the name of the data set."""
    return printable(f"Walruses on camera at {', '.join(source.sites)}")


def meta(columns: Sequence[str]) -> bytes:
    """Return the description of occurrence.txt, whose first column is its key."""
    archive = Element("archive", {"xmlns": TEXT, "metadata": "eml.xml"})
    form = {"encoding": "UTF-8", "fieldsTerminatedBy": ",", "linesTerminatedBy": "\\n", "fieldsEnclosedBy": '"'}
    core = SubElement(archive, "core", form | {"ignoreHeaderLines": "1", "rowType": f"{TERMS}Occurrence"})
    _say(SubElement(core, "files"), "location", "occurrence.txt")
    SubElement(core, "id", {"index": "0"})
    for index, name in enumerate(columns):
        SubElement(core, "field", {"index": str(index), "term": f"{TERMS}{name}"})
    return _written(archive)


def eml(source: Source, deployments: Deployments) -> bytes:
    """Return what GBIF wants to know of the data set, without names of people."""
    root = Element(
        "eml:eml",
        {
            "xmlns:eml": EML,
            "xmlns:xsi": INSTANCE,
            "xsi:schemaLocation": f"{EML} {PROFILE}",
            "packageId": f"{title(source)}/{source.newest.isoformat()}",
            "system": "Haulout",
            "scope": "system",
            "xml:lang": "en",
        },
    )
    dataset = SubElement(root, "dataset")
    _say(dataset, "title", title(source))
    for role in ("creator", "metadataProvider"):
        _organisation(dataset, role, source)
    _say(dataset, "pubDate", source.newest.date().isoformat())
    _say(dataset, "language", "en")
    _say(SubElement(dataset, "abstract"), "para", "Walruses counted, and known ones recognised, in camera-trap photos.")
    _say(SubElement(dataset, "intellectualRights"), "para", "No licence is given here: ask the operator.")
    _coverage(SubElement(dataset, "coverage"), source, deployments)
    _organisation(dataset, "contact", source)
    _methods(SubElement(dataset, "methods"), source)
    return _written(root)


def _organisation(dataset: Element, role: str, source: Source) -> None:
    _say(SubElement(dataset, role), "organizationName", printable(f"Haulout at {', '.join(source.sites)}"))


def _coverage(coverage: Element, source: Source, deployments: Deployments) -> None:
    places = [place for site in source.sites if (place := public_place(source.session, site))]
    if places:
        _geography(SubElement(coverage, "geographicCoverage"), source, places)
    span = SubElement(SubElement(coverage, "temporalCoverage"), "rangeOfDates")
    first, last = min(one.start for one in deployments.all), max(one.end for one in deployments.all)
    _say(SubElement(span, "beginDate"), "calendarDate", first.date().isoformat())
    _say(SubElement(span, "endDate"), "calendarDate", last.date().isoformat())
    taxon = SubElement(SubElement(coverage, "taxonomicCoverage"), "taxonomicClassification")
    _say(taxon, "taxonRankName", "species")
    _say(taxon, "taxonRankValue", "Odobenus rosmarus")
    _say(taxon, "commonName", "walrus")


def _geography(geography: Element, source: Source, places: Sequence[Place]) -> None:
    _say(geography, "geographicDescription", printable(", ".join(source.sites)))
    box = SubElement(geography, "boundingCoordinates")
    _say(box, "westBoundingCoordinate", str(min(place.longitude for place in places)))
    _say(box, "eastBoundingCoordinate", str(max(place.longitude for place in places)))
    _say(box, "northBoundingCoordinate", str(max(place.latitude for place in places)))
    _say(box, "southBoundingCoordinate", str(min(place.latitude for place in places)))


def _methods(methods: Element, source: Source) -> None:
    _say(SubElement(SubElement(methods, "methodStep"), "description"), "para", METHOD)
    sampling = SubElement(methods, "sampling")
    extent = printable(f"The haulouts {', '.join(source.sites)}.")
    _say(SubElement(SubElement(sampling, "studyExtent"), "description"), "para", extent)
    _say(
        SubElement(sampling, "samplingDescription"),
        "para",
        "Each camera's day is one event; its photos are the effort.",
    )


def _say(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _written(root: Element) -> bytes:
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"
