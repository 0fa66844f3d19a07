"""Animals on a beach and experts who compare them, for tests of who is who."""

import numpy as np

from haulout.collect import collect
from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.identify.catalogue import settle_catalogue
from haulout.identify.likeness import compare_animals
from haulout.identify.questions import plan_questions
from haulout.tables import AnimalRow, EmbeddingRow, SightingRow, TaskRow, TileRow
from labeling_configs import pair
from labeling_configs.vocabulary import AnimalId, Rectangle, Same

VERSION = "reid-frozen"
BIG, SMALL = (20, 50, 120, 150), (220, 50, 260, 90)


class Beach:
    """Animals in photos of their own, and experts."""

    def __init__(self, coordinator) -> None:
        self.coordinator, self.services = coordinator, coordinator.services

    def animal(self, name: str, looks: tuple[float, float], box=BIG, photo=None) -> str:
        photo = photo or self.coordinator.photo([box])
        whole = [0, 0, photo.width, photo.height]
        vector = np.array(looks, dtype=np.float64) / np.linalg.norm(looks)
        moment = self.services.now()
        with writing(self.services.database) as session:
            session.merge(TileRow(id=f"{photo.id}-tile", photo=photo.id, shown=whole, core=whole))
            session.flush()
            values = {"photo": photo.id, "tile": f"{photo.id}-tile", "box": list(box), "probability": 0.9}
            session.add(AnimalRow(id=name, crop=list(box), settled_at=moment, **values))
            session.flush()
            packed = vector.astype(np.float16).tobytes()
            session.add(EmbeddingRow(animal=name, model=VERSION, packed=packed))
        return name

    def plan(self) -> set[str]:
        """Compare the animals, plan questions, send them, and return the keys of those that are open."""
        compare_animals(self.services, VERSION)
        plan_questions(self.services, VERSION)
        dispatch(self.services)
        return {task.key for task in self.coordinator.rows(TaskRow, TaskRow.state == "open")}

    def ask(self, *pairs: tuple[str, str]) -> None:
        """Ask experts about these pairs, whatever the planner makes of them."""
        with writing(self.services.database) as session:
            for first, second in pairs:
                key, now = f"pair:{first}|{second}", self.services.now()
                session.add(TaskRow(question="pair", subject=f"{first}|{second}", key=key, overlap=2, created_at=now))
        dispatch(self.services)

    def judge(self, expert: str, first: str, second: str, same: Same, marks=(), looks=()) -> int:
        crop = Rectangle(*BIG)
        result = pair.write(same, AnimalId(first), AnimalId(second), crop, crop, marks=marks, conditions=looks)
        return self.coordinator.say(expert, f"{first}|{second}", result, "pair")

    def agree(self, first: str, second: str, same: Same = Same.SAME) -> None:
        """Let two experts say the same of a pair."""
        for expert in ("elena", "finn"):
            self.judge(expert, first, second, same)

    def settle(self) -> set[tuple[str, ...]]:
        """Take the answers in; return the individuals as sets of animals."""
        collect(self.services)
        settle_catalogue(self.services)
        found: dict[str, list[str]] = {}
        for row in self.coordinator.rows(SightingRow):
            found.setdefault(row.individual, []).append(row.animal)
        return {tuple(sorted(animals)) for animals in found.values()}
