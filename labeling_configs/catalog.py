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
    instruction: str
    """HTML that people read before they begin, in English and in Russian."""
    module: ModuleType

    @property
    def xml(self) -> str:
        """The labelling configuration for Label Studio."""
        return xml(self.question)


_BOXES = (
    "<p>Draw a box round every walrus, as tight as you can, round what you see of it. Some photos already have boxes "
    "from the machine: move the ones that are off, delete the ones that are wrong, add the ones that are missing. "
    "No walrus? Submit it empty. Too dark, foggy or wet to tell? Press 2. People, a boat, a bear or an aircraft? "
    "Tick it below the photo, or press 3 to 6.</p>"
    "<p>Обведите рамкой каждого моржа как можно точнее: то, что от него видно. На некоторых фото уже есть рамки "
    "машины: поправьте неточные, удалите ошибочные, добавьте недостающие. Моржей нет? Отправьте пустой ответ. "
    "Слишком темно, туман или капли на стекле? Нажмите 2. Люди, лодка, медведь или самолёт? Отметьте их под снимком "
    "или нажмите от 3 до 6.</p>"
)
_DISPUTE = (
    "<p>Volunteers could not agree here. All their boxes are shown: leave one box for each walrus. What most of them "
    "saw disturb the animals is ticked below the photo; your word is final there too.</p>"
    "<p>Волонтёры не пришли к согласию. Показаны все их рамки: оставьте по одной рамке на каждого моржа. Под снимком "
    "отмечено, что, по мнению большинства, тревожит зверей; и здесь последнее слово за вами.</p>"
)
_PAIR = (
    "<p>Is this one walrus or two? Look at tusks, scars, spots and wrinkles; mark what convinced you. "
    "Left and right flank cannot be compared: then say that you cannot tell. If you can, say how each looks.</p>"
    "<p>Это один морж или два? Смотрите на клыки, шрамы, пятна и складки; отметьте то, что вас убедило. "
    "Левый и правый бок сравнить нельзя: тогда выберите «нельзя сказать». Отметьте, если можете, вид каждого.</p>"
)
_GALLERY = (
    "<p>Which of these walruses is the one in the large picture? Choose it, or say that it is new or that you "
    "cannot tell.</p>"
    "<p>Кто из этих моржей на большом снимке? Выберите его, либо «новый морж», либо «нельзя сказать».</p>"
)
_ENTRIES = (
    Entry(Question.BOXES, "Find the walruses", "Найдите моржей", _BOXES, boxes),
    Entry(Question.BOX_DISPUTE, "Settle disputed boxes", "Разберите спорные рамки", _DISPUTE, box_dispute),
    Entry(Question.PAIR, "One walrus or two?", "Один морж или два?", _PAIR, pair),
    Entry(Question.GALLERY, "Who is this walrus?", "Кто этот морж?", _GALLERY, gallery),
)
CATALOG = MappingProxyType({entry.question: entry for entry in _ENTRIES})


@cache
def xml(question: Question) -> str:
    """Return the labelling configuration of a question, as packaged beside this module, with the style for phones."""
    # Without it Label Studio squeezes the photo to half the width of a phone and puts "Submit" off the screen.
    inside, end, _ = _packaged(f"{question.value}.xml").rpartition("</View>")
    return f"{inside}<Style>\n{_packaged('phone.css')}</Style>\n{end}\n"


def _packaged(name: str) -> str:
    return resources.files("labeling_configs").joinpath(name).read_text(encoding="utf-8")
