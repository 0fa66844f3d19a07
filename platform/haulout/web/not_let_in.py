"""What people read when they are not let in: why, and what to do."""

from haulout.accounts.refusals import Reason, Refused
from haulout.web.here import language
from haulout.web.wording import N_

WORDS: dict[Reason, str] = {
    Reason.NAME_LENGTH: N_("A name has 2 to 40 letters or other signs."),
    Reason.NAME_SIGNS: N_("The name holds signs that nobody can see. Please type it anew."),
    Reason.NAME_TAKEN: N_("Somebody here is called that already. Choose another name."),
    Reason.EMAIL: N_("This does not look like an e-mail address. You may also leave it empty."),
    Reason.PASSWORD_SHORT: N_("The password needs at least 8 signs."),
    Reason.PASSWORD_LONG: N_("The password has more than 128 signs. A shorter one is safe as well."),
    Reason.PASSWORD_GUESSED: N_(
        "This password would soon be guessed. Three or four words that have nothing to do with each other are better."
    ),
    Reason.WRONG: N_("The name or the password is wrong. Look whether capitals are locked."),
    Reason.WRONG_CODE: N_("The code is wrong, or was used before. Wait for the next one; the clock must be right."),
    Reason.WAIT: N_("Too many wrong tries. Try again in %(time)s."),
    Reason.CLOSED: N_("Nobody can sign up here without an invitation. Ask the people who run this Haulout for one."),
    Reason.NO_INVITE: N_("This invitation was used up or is over. Ask whoever gave it to you for another."),
    Reason.NO_PROOF: N_("Your browser had not finished its task, or it took too long. Please send it once more."),
    Reason.TOO_QUICK: N_("That was faster than people type. Please wait a moment and send it once more."),
    Reason.LINK_OVER: N_("This link was used already, or its ten minutes are over. Ask for another."),
}
WHY_GUESSED = {
    "This is a top-10 common password.": N_("It is among the ten passwords that are tried first."),
    "This is a top-100 common password.": N_("It is among the hundred passwords that are tried first."),
    "This is a very common password.": N_("Many people have this password."),
    "This is similar to a commonly used password.": N_("Many people have a password much like it."),
    "A word by itself is easy to guess.": N_("It is a single word."),
    "Names and surnames by themselves are easy to guess.": N_("It is a name."),
    "Common names and surnames are easy to guess.": N_("It is a name."),
    "Dates are often easy to guess.": N_("It is mostly a date."),
    "Recent years are easy to guess.": N_("It is mostly a year."),
    "Straight rows of keys are easy to guess.": N_("Its keys lie side by side."),
    "Short keyboard patterns are easy to guess.": N_("Its keys lie side by side."),
    "Sequences like 'abc' or '6543' are easy to guess.": N_("It is mostly a row such as abc or 6543."),
}
"""What zxcvbn says of a password, as far as people can do something about it."""
MINUTE = 60


def in_words(refused: Refused) -> str:
    """Return why somebody is not let in, in their language."""
    say = language().gettext
    told = say(WORDS[refused.reason])
    if refused.reason is Reason.WAIT:
        return told % {"time": _wait(refused)}
    why = next((words for part, words in WHY_GUESSED.items() if refused.detail.startswith(part.rstrip("."))), "")
    return f"{say(why)} {told}" if why else told


def _wait(refused: Refused) -> str:
    seconds = max(1, round(refused.seconds))
    if seconds < 2 * MINUTE:
        return language().ngettext("%(num)s second", "%(num)s seconds", seconds) % {"num": seconds}
    minutes = -(-seconds // MINUTE)
    return language().ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes}
