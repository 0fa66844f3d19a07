"""Whatever people, networks and clocks do, in any order: every vote is stored once, every tile is asked about once.

Hypothesis draws the schedules and shrinks what breaks. HAULOUT_FAULTS_LONG=1 draws 2,000 of 50 steps each.
"""

import os
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from haulout.collect import collect
from haulout.dispatch import dispatch
from tests.faults.schedules import (
    Season,
    every_tile_is_asked_about_once,
    every_vote_is_stored_as_it_was_given,
    label_studio_knows_what_is_wanted,
)

LONG = bool(os.environ.get("HAULOUT_FAULTS_LONG"))
SCHEDULES = int(os.environ.get("HAULOUT_SCHEDULES", 2000 if LONG else 60))
BREAKS = ["nothing", "request lost", "answer lost", "late", "statement lost", "commit unheard", "another at work"]
ANY = st.integers(0, 60)
PARTS = {
    "collect": lambda services: collect(services, sweep=False),
    "sweep": lambda services: collect(services, sweep=True),
    "dispatch": dispatch,
    "all": lambda services: (collect(services), dispatch(services)),
}


class Schedule(RuleBasedStateMachine):
    """People answer, parts of the loop run and break, clocks are put wrong; at the end everything works again."""

    def __init__(self) -> None:
        super().__init__()
        self.season = Season()

    @initialize()
    def begins(self) -> None:
        for _ in range(3):
            self.season.ask(2)
        dispatch(self.season.services)

    @rule(overlap=st.integers(1, 3))
    def another_tile_is_chosen(self, overlap: int) -> None:
        self.season.ask(overlap)

    @rule(which=ANY, state=st.sampled_from(["open", "retired"]), overlap=st.integers(1, 4))
    def what_is_wanted_changes(self, which: int, state: str, overlap: int) -> None:
        self.season.decide(which, state, overlap)

    @rule(person=st.integers(1, 6), left=st.integers(0, 300), skipped=st.booleans())
    def somebody_answers(self, person: int, left: int, skipped: bool) -> None:
        self.season.answer(person, left, skipped=skipped)

    @rule(person=st.integers(1, 6), left=st.integers(0, 300))
    def somebody_answers_again(self, person: int, left: int) -> None:
        self.season.answer(person, left, skipped=False)

    @rule(which=ANY, left=st.integers(0, 300))
    def somebody_changes_an_answer(self, which: int, left: int) -> None:
        self.season.change(which, left)

    @rule(which=ANY)
    def somebody_deletes_an_answer(self, which: int) -> None:
        self.season.take_back(which)

    @rule(which=ANY)
    def somebody_deletes_a_task(self, which: int) -> None:
        self.season.lose_task(which)

    @rule(part=st.sampled_from(sorted(PARTS)), how=st.sampled_from(BREAKS), nth=st.integers(1, 40))
    def a_part_of_the_loop_runs(self, part: str, how: str, nth: int) -> None:
        self.season.work(PARTS[part], how, nth)

    @rule()
    def an_import_arrives_late(self) -> None:
        self.season.arrive()

    @rule(hours=st.sampled_from([-24, -1, 0, 1, 24]))
    def the_coordinators_clock_is_put(self, hours: int) -> None:
        self.season.clock.wrong_by = timedelta(hours=hours)

    def teardown(self) -> None:
        self.season.converge()
        every_vote_is_stored_as_it_was_given(self.season)
        every_tile_is_asked_about_once(self.season)
        label_studio_knows_what_is_wanted(self.season)
        self.season.end()


Schedule.TestCase.settings = settings(
    max_examples=SCHEDULES,
    stateful_step_count=50,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
TestSchedules = Schedule.TestCase
