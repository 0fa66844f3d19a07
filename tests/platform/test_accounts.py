"""Who gets in, with what, and what is left of somebody who goes."""

import base64
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pyotp
import pytest
from altcha import ChallengeV1, solve_challenge_v1
from argon2 import PasswordHasher
from sqlmodel import select

from haulout.accounts import Role, names, own, passes, passwords, sessions
from haulout.accounts.erasing import erase
from haulout.accounts.managing import erase_named, invite, listed, reset, set_role, way_in
from haulout.accounts.proof import LASTS, QUICKEST, Doorkeeper
from haulout.accounts.refusals import Reason, Refused, UnknownAccount
from haulout.accounts.second_factor import STEP, SecondFactors
from haulout.accounts.sign_in import LONGEST_WAIT, PATIENT, Given, enter, show_code, sign_in
from haulout.accounts.sign_up import Wish, sign_up
from haulout.accounts.tidying import tidy
from haulout.db import connect, create_tables, reading, writing
from haulout.tables import AccountRow, CommentRow, PassRow, SessionRow, SpoolRow, TaskRow

START = datetime(2026, 11, 23, 12)
PASSWORD = "quiet rocks under fog"


class Clock:
    """Shows the time that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def passes(self, time: timedelta) -> None:
        self.now += time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(services, clock):
    settings = services.settings.model_copy(update={"secret_key": "key", "sign_up": "open"})
    return replace(services, settings=settings, now=clock)


@pytest.fixture
def anna(home) -> str:
    """Return the token of a volunteer's session."""
    return sign_up(home, Wish("Anna", PASSWORD, "anna@example.org"))


def asker_of(services, token: str) -> sessions.Asker | None:
    with reading(services.database) as session:
        found = sessions.find(session, token, services.now())
        return found[1] if found else None


def row_of(services, token_or_name: str) -> AccountRow:
    with reading(services.database) as session:
        return session.exec(select(AccountRow).where(AccountRow.folded == token_or_name.casefold())).one()


def rows(services, table: type) -> list:
    with reading(services.database) as session:
        return list(session.exec(select(table)))


def refused(act, *arguments, **named) -> Reason:
    with pytest.raises(Refused) as caught:
        act(*arguments, **named)
    return caught.value.reason


def link_of(address: str) -> str:
    return address.split("=", 1)[1]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("  Anna \t Maria ", "Anna Maria"), ("Ａｎｎａ", "Anna"), ("Ёжик", "Ёжик"), ("é" * 40, "é" * 40)],
)
def test_a_name_is_kept_as_people_read_it(given, kept):
    assert names.clean(given.replace("\t", " ")) == kept


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("A", Reason.NAME_LENGTH),
        ("", Reason.NAME_LENGTH),
        (" " * 9, Reason.NAME_LENGTH),
        ("A" * 41, Reason.NAME_LENGTH),
        ("An\u200bna", Reason.NAME_SIGNS),
        ("An\x00na", Reason.NAME_SIGNS),
        ("An\nna", Reason.NAME_SIGNS),
        ("\u202eannA", Reason.NAME_SIGNS),
    ],
)
def test_a_name_that_nobody_can_read_is_refused(name, reason):
    assert refused(names.clean, name) is reason


@pytest.mark.parametrize("other", ["anna", "ANNA", "Ａnna", " Anna "])
def test_nobody_takes_a_name_that_reads_like_another_s(home, anna, other):
    assert refused(sign_up, home, Wish(other, PASSWORD)) is Reason.NAME_TAKEN


def test_nobody_takes_another_s_pseudonym_for_a_name(home, anna):
    assert refused(sign_up, home, Wish(row_of(home, "Anna").id, PASSWORD)) is Reason.NAME_TAKEN


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", Reason.PASSWORD_SHORT),
        ("x" * 129, Reason.PASSWORD_LONG),
        ("password123", Reason.PASSWORD_GUESSED),
        ("qwertyuiop", Reason.PASSWORD_GUESSED),
        ("Annabella Berg", Reason.PASSWORD_GUESSED),  # their own name
        ("walruswalrus", Reason.PASSWORD_GUESSED),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(home, password, reason):
    assert refused(sign_up, home, Wish("Annabella Berg", password)) is reason
    assert listed(home) == []


@pytest.mark.parametrize("password", ["пингвин кочерга туман", "🦭🦭🌊 tide-pools at nine", "x9" + "кит" * 42])
def test_any_script_and_length_that_is_hard_to_guess_will_do(home, password):
    sign_up(home, Wish("Anna", password))
    assert sign_in(home, Given("anna", password))


def test_passwords_are_kept_as_argon2id_with_owasp_s_costs(home, anna):
    kept = row_of(home, "Anna").password
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and PASSWORD not in kept


def test_a_password_hashed_with_older_costs_is_hashed_anew_at_the_next_sign_in(home, anna):
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    account = row_of(home, "Anna").id
    with writing(home.database) as session:
        session.get_one(AccountRow, account).password = old

    sign_in(home, Given("Anna", PASSWORD))

    assert row_of(home, "Anna").password != old and not passwords.outdated(row_of(home, "Anna").password)
    assert sign_in(home, Given("Anna", PASSWORD))


def test_a_session_is_kept_as_its_digest_alone_and_another_begins_at_each_sign_in(home, anna):
    second = sign_in(home, Given("Anna", PASSWORD, before=anna))

    assert asker_of(home, anna) is None and asker_of(home, second).name == "Anna"
    with reading(home.database) as session:
        assert {anna, second} & {row.id for row in session.exec(select(SessionRow))} == set()


@pytest.mark.parametrize(
    "given", [Given("Anna", "wrong"), Given("nobody", PASSWORD), Given("", ""), Given("\x00", "x")]
)
def test_a_wrong_password_and_an_unknown_name_are_told_alike(home, anna, given):
    assert refused(sign_in, home, given) is Reason.WRONG


def test_an_unknown_name_costs_as_many_hashes_as_a_wrong_password(home, anna, monkeypatch):
    verified = []

    class Counting(PasswordHasher):
        def verify(self, kept, password):
            verified.append(password)
            return super().verify(kept, password)

    monkeypatch.setattr(passwords, "_HASHER", Counting(time_cost=2, memory_cost=19 * 1024, parallelism=1))
    for name in ("Anna", "nobody"):
        refused(sign_in, home, Given(name, "wrong"))

    assert len(verified) == 2


def test_after_five_wrong_passwords_the_account_waits_twice_as_long_each_time_up_to_a_quarter_of_an_hour(
    home, anna, clock
):
    for _ in range(PATIENT):
        assert refused(sign_in, home, Given("Anna", "wrong")) is Reason.WRONG
    waits = []
    for _ in range(7):
        with pytest.raises(Refused) as caught:
            sign_in(home, Given("Anna", PASSWORD))  # even the right one
        assert caught.value.reason is Reason.WAIT
        waits.append(caught.value.seconds)
        clock.passes(timedelta(seconds=caught.value.seconds))
        refused(sign_in, home, Given("Anna", "wrong"))

    assert waits == [30, 60, 120, 240, 480, LONGEST_WAIT.total_seconds(), LONGEST_WAIT.total_seconds()]
    clock.passes(LONGEST_WAIT)
    assert sign_in(home, Given("Anna", PASSWORD)) and row_of(home, "Anna").failures == 0


def test_the_bot_check_takes_each_solution_once_in_its_time_and_no_other_s(clock):
    keeper, other = Doorkeeper("key", hardest=50), Doorkeeper("another key", hardest=50)
    solution, foreign = solved(keeper, clock.now), solved(other, clock.now)

    assert refused(keeper.take, solution, clock.now) is Reason.TOO_QUICK
    keeper.take(solution, clock.now + QUICKEST)
    late = solved(keeper, clock.now)
    for bad in (solution, foreign, "", "e30=", "bm90IGpzb24=", "[" * 5000, solution[:-9] + "AAAAAAAAA"):
        assert refused(keeper.take, bad, clock.now + QUICKEST) is Reason.NO_PROOF
    assert refused(keeper.take, late, clock.now + LASTS + QUICKEST) is Reason.NO_PROOF


def test_a_changed_time_in_the_bot_check_s_salt_is_noticed(clock):
    keeper = Doorkeeper("key", hardest=50)
    given = json.loads(base64.b64decode(solved(keeper, clock.now)))
    given["salt"] = given["salt"].replace("at=", "at=9")

    assert refused(keeper.take, base64.b64encode(json.dumps(given).encode()).decode(), clock.now) is Reason.NO_PROOF


def solved(keeper: Doorkeeper, now: datetime) -> str:
    task = keeper.task(now)
    challenge = ChallengeV1(task["algorithm"], task["challenge"], task["maxNumber"], task["salt"], task["signature"])
    found = solve_challenge_v1(challenge=challenge.challenge, salt=challenge.salt, algorithm="SHA-256", max_number=50)
    told = {name: task[name] for name in ("algorithm", "challenge", "salt", "signature")} | {"number": found.number}
    return base64.b64encode(json.dumps(told).encode()).decode()


def test_an_invitation_lets_so_many_in_with_its_role_until_its_day(home, clock):
    link = link_of(invite(home, Role.EXPERT, 2, 7))

    sign_up(home, Wish("First", PASSWORD, invite=link))
    clock.passes(timedelta(days=6))
    sign_up(home, Wish("Second", PASSWORD, invite=link))

    assert [row.role for row in listed(home)] == ["expert", "expert"]
    assert refused(sign_up, home, Wish("Third", PASSWORD, invite=link)) is Reason.NO_INVITE
    late = link_of(invite(home, Role.OPERATOR, 2, 7))
    clock.passes(timedelta(days=7))
    assert refused(sign_up, home, Wish("Fourth", PASSWORD, invite=late)) is Reason.NO_INVITE
    assert refused(enter, home, late) is Reason.LINK_OVER, "an invitation opens no account"


@pytest.mark.parametrize(("way", "invited"), [("invite", False), ("closed", False), ("closed", True)])
def test_nobody_signs_up_where_they_may_not(home, way, invited):
    link = link_of(invite(home, Role.VOLUNTEER, 1, 7)) if invited else ""
    strict = replace(home, settings=home.settings.model_copy(update={"sign_up": way}))

    assert refused(sign_up, strict, Wish("Anna", PASSWORD, invite=link)) is Reason.CLOSED


@pytest.fixture
def expert(home) -> str:
    """Return the token of an expert who has shown a password so far."""
    return sign_up(home, Wish("Boris", PASSWORD, invite=link_of(invite(home, Role.EXPERT, 1, 7))))


@pytest.fixture
def factors(home) -> SecondFactors:
    return SecondFactors(home.settings.secret_key)


def code(factors, sealed, account, at: datetime) -> str:
    return pyotp.TOTP(factors.secret(sealed, account)).generate_otp(int(at.timestamp() + utc_offset(at)) // STEP)


def utc_offset(at: datetime) -> float:
    return (at.astimezone().utcoffset() or timedelta()).total_seconds()


def test_an_expert_may_do_nothing_before_a_code_was_shown_and_each_code_opens_once(home, expert, factors, clock):
    half = asker_of(home, expert)
    offer = factors.offer(half.account, clock.now)
    shown = code(factors, offer, half.account, clock.now)
    whole = show_code(home, half, shown, offer=offer)

    assert half.rank == 0 and asker_of(home, whole).rank == Role.EXPERT.rank
    assert asker_of(home, expert) is None, "the session changed"
    again = asker_of(home, sign_in(home, Given("Boris", PASSWORD)))
    assert refused(show_code, home, again, shown) is Reason.WRONG_CODE
    clock.passes(timedelta(seconds=2 * STEP))
    assert show_code(home, again, code(factors, offer, half.account, clock.now))


def test_a_second_factor_that_is_set_up_cannot_be_replaced_by_who_knows_the_password(home, expert, factors, clock):
    half = asker_of(home, expert)
    offer = factors.offer(half.account, clock.now)
    show_code(home, half, code(factors, offer, half.account, clock.now), offer=offer)
    thief = asker_of(home, sign_in(home, Given("Boris", PASSWORD)))
    clock.passes(timedelta(minutes=5))
    own_offer = factors.offer(thief.account, clock.now)

    shown = code(factors, own_offer, thief.account, clock.now)
    assert refused(show_code, home, thief, shown, offer=own_offer) is Reason.WRONG_CODE


@pytest.mark.parametrize("foreign", ["another account", "another home", "old", "rubbish"])
def test_an_offered_secret_serves_its_account_for_a_while_only(home, expert, factors, clock, foreign):
    half = asker_of(home, expert)
    offers = {
        "another account": factors.offer("somebody", clock.now),
        "another home": SecondFactors("else").offer(half.account, clock.now),
        "old": factors.offer(half.account, clock.now - timedelta(hours=1)),
        "rubbish": "rubbish",
    }
    assert refused(show_code, home, half, "000000", offer=offers[foreign]) is Reason.WRONG_CODE
    assert not row_of(home, "Boris").totp


def test_codes_cannot_be_tried_one_after_the_other(home, expert, factors, clock):
    half = asker_of(home, expert)
    reasons = [refused(show_code, home, half, f"{n:06}") for n in range(PATIENT + 1)]
    assert reasons == [Reason.WRONG_CODE] * PATIENT + [Reason.WAIT] or reasons[-1] is Reason.WAIT


def test_the_secret_of_the_second_factor_is_not_readable_in_the_database(home, expert, factors, clock):
    half = asker_of(home, expert)
    offer = factors.offer(half.account, clock.now)
    show_code(home, half, code(factors, offer, half.account, clock.now), offer=offer)

    assert factors.secret(offer, half.account) not in row_of(home, "Boris").totp


def test_the_operator_at_the_machine_comes_in_by_a_link_that_opens_once(home, clock):
    link = link_of(way_in(home))
    token = enter(home, link)

    assert asker_of(home, token).rank == Role.OPERATOR.rank
    assert refused(enter, home, link) is Reason.LINK_OVER
    late = link_of(way_in(home))
    clock.passes(timedelta(minutes=10))
    assert refused(enter, home, late) is Reason.LINK_OVER
    assert [row.name for row in listed(home)] == ["operator"], "it is made once"


def test_another_role_and_a_reset_end_all_sessions(home, anna):
    set_role(home, "anna", Role.EXPERT)
    assert asker_of(home, anna) is None
    second = asker_of(home, sign_in(home, Given("Anna", PASSWORD)))
    assert (second.role, second.complete) == (Role.EXPERT, False)

    link = link_of(reset(home, "anna"))
    assert refused(sign_in, home, Given("Anna", PASSWORD)) is Reason.WRONG
    assert asker_of(home, enter(home, link)).rank == Role.EXPERT.rank
    with pytest.raises(UnknownAccount, match="haulout account list"):
        set_role(home, "nobody", Role.EXPERT)


def test_a_new_password_ends_every_other_session(home, anna):
    other = sign_in(home, Given("Anna", PASSWORD))
    assert refused(own.change_password, home, asker_of(home, anna), "wrong", "five seals and a boat") is Reason.WRONG

    token = own.change_password(home, asker_of(home, anna), PASSWORD, "five seals and a boat")

    assert [asker_of(home, one) is None for one in (anna, other, token)] == [True, True, False]
    assert refused(sign_in, home, Given("Anna", PASSWORD)) is Reason.WRONG


def test_people_end_their_own_sessions_and_nobody_else_s(home, anna):
    boris = sign_up(home, Wish("Boris", PASSWORD))
    own.end_sessions(home, asker_of(home, anna), asker_of(home, boris).session)
    assert asker_of(home, boris) is not None

    own.end_sessions(home, asker_of(home, anna))
    assert asker_of(home, anna) is None


@pytest.mark.parametrize(
    ("role", "idle", "longest"),
    [(Role.VOLUNTEER, sessions.IDLE, sessions.LONGEST), (Role.OPERATOR, sessions.BRIEF_IDLE, sessions.BRIEF_LONGEST)],
)
def test_a_session_ends_when_it_is_not_used_and_at_last_in_any_case(home, clock, role, idle, longest):
    with writing(home.database) as session:
        row = AccountRow(id="1", name="Anna", folded="anna", role=role, created_at=clock.now)
        session.add(row)
        session.flush()
        token = sessions.begin(session, row, clock.now, complete=True)

    clock.passes(idle)
    assert asker_of(home, token) is not None
    clock.passes(timedelta(seconds=1))
    assert asker_of(home, token) is None
    with writing(home.database) as session:
        session.get_one(SessionRow, sessions.digest(token)).seen_at = START + longest
    clock.now = START + longest
    assert asker_of(home, token) is None


def test_erasing_leaves_the_votes_and_nothing_that_leads_to_the_person(home, anna, caplog):
    who = asker_of(home, anna)
    with writing(home.database) as session:
        session.add(TaskRow(question="boxes", subject="tile", key="k", model="", created_at=START))
        session.flush()
        session.add(CommentRow(task=1, account=who.account, text="it is me, Anna", at=START))
        session.add(SpoolRow(unique_id="u", served="s", task=1, account=who.account, result=[], given_at=START))

    assert refused(own.erase_own, home, who, "wrong") is Reason.WRONG
    with caplog.at_level(logging.DEBUG):
        own.erase_own(home, who, PASSWORD)
    told = list(caplog.records)

    assert asker_of(home, anna) is None and refused(sign_in, home, Given("Anna", PASSWORD)) is Reason.WRONG
    with reading(home.database) as session:
        row = session.get_one(AccountRow, who.account)
        assert session.exec(select(CommentRow)).all() == [] and session.exec(select(SessionRow)).all() == []
        assert session.exec(select(SpoolRow)).one().account == who.account
    assert (row.name, row.folded, row.email, row.password, row.totp) == ("", who.account, "", "", "")
    assert [vars(record)["account"] for record in told] == [who.account] and "Anna" not in caplog.text
    erase(home, who.account)  # once more changes nothing
    sign_up(home, Wish("Anna", PASSWORD))  # the name is free again


def test_what_was_erased_is_not_left_in_the_file_either(home, tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'season.sqlite'}")
    create_tables(database)
    kept = replace(home, database=database)
    token = sign_up(kept, Wish("Anna Sealoch", PASSWORD, "anna@example.org"))

    def written() -> bytes:
        with database.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return b"".join(path.read_bytes() for path in tmp_path.glob("season.sqlite*"))

    before = written()
    erase(kept, asker_of(kept, token).account)
    after = written()
    database.dispose()

    assert [secret in before for secret in (b"anna@example.org", b"Anna Sealoch")] == [True, True]
    assert [secret in after for secret in (b"anna@example.org", b"Anna Sealoch")] == [False, False]


def test_the_operator_erases_somebody_by_name(home, anna):
    account = row_of(home, "Anna").id
    assert erase_named(home, "ANNA") == account and listed(home) == []


def test_the_log_tells_of_every_change_and_of_nobody(home, caplog):
    with caplog.at_level(logging.INFO, "haulout.accounts"):
        token = sign_up(home, Wish("Secret Name", PASSWORD, "secret@example.org"))
        sign_in(home, Given("Secret Name", PASSWORD))
        refused(sign_in, home, Given("Secret Name", "wrong"))
        own.rename(home, asker_of(home, token), "Other Name", "")
        set_role(home, "Other Name", Role.EXPERT)
        link = reset(home, "Other Name")

    told = [(record.getMessage(), *sorted(set(vars(record)) & {"account", "role"})) for record in caplog.records]
    assert len(told) == 7 and all("account" in one for one in told)
    written = str([vars(record) for record in caplog.records])
    for secret in ("Secret", "Other Name", "secret@", PASSWORD, token, link_of(link)):
        assert secret not in written


def test_what_opens_nothing_any_more_is_thrown_away_after_a_week(home, anna, clock):
    over = sign_in(home, Given("Anna", PASSWORD))
    with writing(home.database) as session:
        sessions.revoke(session, sessions.digest(over), home.now())
        passes.invite(session, Role.VOLUNTEER, 1, 1, home.now())
    clock.passes(timedelta(days=5))
    kept = sign_in(home, Given("Anna", PASSWORD))

    clock.passes(timedelta(days=1))
    tidy(home)
    early = len(rows(home, SessionRow)), len(rows(home, PassRow))
    clock.passes(timedelta(days=3))
    tidy(home)

    assert early == (3, 1)
    assert sessions.digest(over) not in {row.id for row in rows(home, SessionRow)}
    assert sessions.digest(kept) in {row.id for row in rows(home, SessionRow)}
    assert rows(home, PassRow) == []


def test_what_is_typed_beyond_the_longest_password_is_not_cut_off(home):
    longest = ("fog walrus ledge " * 8)[: passwords.LONGEST]
    sign_up(home, Wish("Long", longest))

    assert asker_of(home, sign_in(home, Given("Long", longest))).name == "Long"
    assert refused(sign_in, home, Given("Long", longest + "!")) is Reason.WRONG


def test_every_failure_to_come_in_is_logged_without_what_was_typed(home, expert, factors, caplog):
    half = asker_of(home, expert)
    with caplog.at_level(logging.INFO, "haulout.accounts"):
        refused(sign_in, home, Given("Nobody At All", "secret-1"))
        refused(sign_in, home, Given("Boris", "secret-2"))
        refused(show_code, home, half, "123456", offer=factors.offer(half.account, home.now()))

    assert len(caplog.records) == 3
    written = str([vars(record) for record in caplog.records])
    assert not [typed for typed in ("Nobody", "secret-1", "secret-2", "123456") if typed in written]


@pytest.mark.postgres
def test_on_postgres_links_open_once_and_tries_are_counted_though_all_come_at_once(
    make_services, tmp_path, new_postgres_database, clock
):
    plain = make_services(tmp_path / "home", new_postgres_database())
    home = replace(plain, settings=plain.settings.model_copy(update={"secret_key": "key"}), now=clock)
    sign_up(home, Wish("Anna", PASSWORD, invite=link_of(invite(home, Role.VOLUNTEER, 1, 7))))
    link = link_of(invite(home, Role.OPERATOR, 1, 7))

    def come(_number: int) -> bool:
        with suppress(Refused), writing(home.database) as session:
            passes.use(session, passes.INVITE, link, home.now())
            session.flush()
            time.sleep(0.1)  # what else a sign-up writes
            return True
        return False

    with ThreadPoolExecutor(4) as pool:
        entered = list(pool.map(come, range(4)))
        list(pool.map(lambda _: refused(sign_in, home, Given("Anna", "wrong")), range(4)))

    assert entered.count(True) == 1
    assert row_of(home, "Anna").failures == 4
