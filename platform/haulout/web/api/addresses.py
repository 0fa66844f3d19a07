"""All addresses of the interface; routes, description and the page /api are made from this list."""

from haulout.tokens import Scope
from haulout.web.api import about, catalogue, people, photos, season, sites, work
from haulout.web.api.endpoint import AnyEndpoint, Endpoint
from haulout.web.api.paging import Listed
from haulout.web.api.parameters import (
    AtSite,
    AtSiteInYear,
    During,
    Nothing,
    OfPhotos,
    OfSeasons,
    OfSite,
    Paged,
    PagedOfSite,
)
from haulout.web.wording import N_

READ, PEOPLE, PLACES = Scope.READ, Scope.PEOPLE, Scope.PLACES

_PLACES: tuple[AnyEndpoint, ...] = (
    Endpoint(
        "sites",
        "/sites",
        N_("All haulouts: where, in which time zone, how many photos."),
        READ,
        Nothing,
        Listed[sites.Site],
        sites.sites,
        more={PLACES: N_("true coordinates instead of public ones")},
    ),
    Endpoint(
        "cameras",
        "/cameras",
        N_("The cameras, what they share a view with, and when they were moved."),
        READ,
        OfSite,
        Listed[sites.Camera],
        sites.cameras,
    ),
)
_PHOTOS: tuple[AnyEndpoint, ...] = (
    Endpoint(
        "photos",
        "/photos",
        N_("Photos, oldest first, those without a time last."),
        READ,
        OfPhotos,
        Listed[photos.Photo],
        photos.photos,
        example={"from": "2026-08-01", "to": "2026-08-31", "animals": "yes", "boxes": "yes"},
    ),
    Endpoint(
        "photo",
        "/photos/{photo}",
        N_("One photo with the boxes of people and machine, and the tiles that people are asked about."),
        READ,
        Nothing,
        photos.WholePhoto,
        photos.photo,
        names={"photo": N_("The photo's id, the SHA-256 of its file.")},
    ),
    Endpoint(
        "votes",
        "/photos/{photo}/votes",
        N_("What each person answered about a photo."),
        PEOPLE,
        Nothing,
        Listed[people.PhotoVote],
        people.votes,
        names={"photo": N_("The photo's id, the SHA-256 of its file.")},
    ),
)
_SEASON: tuple[AnyEndpoint, ...] = (
    Endpoint(
        "occupancy",
        "/occupancy",
        N_("Each day of a site: whether animals were ashore and how many, with intervals."),
        READ,
        During,
        Listed[season.Day],
        season.days,
        example={"from": "2026-08-01", "limit": "500"},
    ),
    Endpoint(
        "events",
        "/events",
        N_("Haulout events: arrival, departure and peak with their limits."),
        READ,
        OfSeasons,
        Listed[season.Event],
        season.events,
    ),
    Endpoint(
        "seasons",
        "/seasons",
        N_("Each year of a site in figures that can be put beside other years."),
        READ,
        OfSeasons,
        Listed[season.Season],
        season.seasons,
    ),
    Endpoint(
        "figures",
        "/figures",
        N_("What holds for all photos of a site, estimated from tiles that chance drew."),
        READ,
        PagedOfSite,
        Listed[season.Estimated],
        season.figures,
    ),
    Endpoint(
        "disturbances",
        "/disturbances",
        N_("People, boats, bears and aircraft near the animals, by day."),
        READ,
        AtSite,
        Listed[season.Disturbance],
        season.disturbances,
    ),
)
_CATALOGUE: tuple[AnyEndpoint, ...] = (
    Endpoint(
        "individuals",
        "/individuals",
        N_("The catalogue of known walruses."),
        READ,
        PagedOfSite,
        Listed[catalogue.Individual],
        catalogue.individuals,
    ),
    Endpoint(
        "individual",
        "/individuals/{individual}",
        N_("One walrus: its sightings, marks and conditions."),
        READ,
        Nothing,
        catalogue.WholeIndividual,
        catalogue.individual,
        names={"individual": N_("The walrus's name in the catalogue, as in W-0001.")},
        more={PEOPLE: N_("which expert pointed at each mark and described each condition")},
    ),
)
_WORK: tuple[AnyEndpoint, ...] = (
    Endpoint(
        "models",
        "/models",
        N_("The networks and what their exams measured."),
        READ,
        Nothing,
        Listed[work.Model],
        work.models,
    ),
    Endpoint(
        "model",
        "/models/{version}",
        N_("One network, its exam and what was decided about it."),
        READ,
        Nothing,
        work.WholeModel,
        work.model,
        names={"version": N_("The network's version, as in det-0003.")},
    ),
    Endpoint(
        "batches",
        "/batches",
        N_("The batches of tiles that people were asked about, and why."),
        READ,
        Paged,
        Listed[work.Batch],
        work.batches,
    ),
    Endpoint(
        "batch",
        "/batches/{batch}",
        N_("One batch: each tile, why it was chosen and what became of it."),
        READ,
        Nothing,
        work.WholeBatch,
        work.batch,
        names={"batch": N_("The batch's number.")},
    ),
    Endpoint(
        "effort",
        "/effort",
        N_("How much time people gave, and how much they agreed."),
        READ,
        AtSiteInYear,
        work.Effort,
        work.effort,
    ),
    Endpoint(
        "people",
        "/people",
        N_("Who answers, by pseudonym, and how well each draws."),
        PEOPLE,
        Nothing,
        Listed[people.Person],
        people.people,
    ),
    Endpoint(
        "version",
        "/version",
        N_("The versions of code and data."),
        READ,
        Nothing,
        about.Version,
        about.versions,
    ),
)
ENDPOINTS: tuple[AnyEndpoint, ...] = _PLACES + _SEASON + _PHOTOS + _CATALOGUE + _WORK
