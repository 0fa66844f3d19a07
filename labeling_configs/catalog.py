"""Which question is which: its title, its Label Studio configuration and the module that reads its answers."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType, ModuleType

from labeling_configs import box_dispute, boxes, gallery, pair
from labeling_configs.vocabulary import Question


@dataclass(frozen=True)
class Entry:
    """One question: titles of 3 to 50 characters, as Label Studio wants its projects', and its reader and writer."""

    question: Question
    title_en: str
    title_ru: str
    module: ModuleType

    @property
    def xml(self) -> str:
        """The labelling configuration for Label Studio."""
        return xml(self.question)


_ENTRIES = (
    Entry(Question.BOXES, "Find the walruses", "Найдите моржей", boxes),
    Entry(Question.BOX_DISPUTE, "Settle disputed boxes", "Разберите спорные рамки", box_dispute),
    Entry(Question.PAIR, "One walrus or two?", "Один морж или два?", pair),
    Entry(Question.GALLERY, "Who is this walrus?", "Кто этот морж?", gallery),
)
CATALOG = MappingProxyType({entry.question: entry for entry in _ENTRIES})


@cache
def xml(question: Question) -> str:
    """Return the labelling configuration of a question, as packaged beside this module."""
    return resources.files("labeling_configs").joinpath(f"{question.value}.xml").read_text(encoding="utf-8")
