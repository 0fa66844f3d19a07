"""What each alarm says, and what to do about it, for `haulout.watch`'s checks."""

from collections.abc import Mapping

from haulout.watch import Level
from haulout.web.wording import N_

NAMES: Mapping[str, str] = {
    "room": N_("Room on the disk"),
    "watched": N_("The watch itself"),
    "services": N_("Label Studio and the queue"),
    "silence": N_("Answers arrive"),
    "reading": N_("Answers are read in time"),
    "bell": N_("Label Studio rings"),
    "operations": N_("What was sent has arrived"),
    "untold": N_("Label Studio knows what holds"),
    "run": N_("The newest run"),
    "overdue": N_("The weekly run is in time"),
    "jobs": N_("Jobs"),
    "holds": N_("Answers that vanished"),
    "fsck": N_("The nightly check"),
    "backup": N_("Backups"),
    "models": N_("Networks that serve"),
    "quarantine": N_("Files put aside"),
    "delivery": N_("Answers on their way to Label Studio"),
    "withheld": N_("Photos that may show people"),
}
WRONG: Mapping[tuple[str, Level], tuple[str, str]] = {
    ("room", Level.ATTENTION): (
        N_("The disk of the home folder is nearly full."),
        N_("Make room before it is full: then nothing could be taken in, trained or exported any more."),
    ),
    ("room", Level.ALARM): (
        N_("The disk of the home folder is full: the pages only show, and nothing is stored, trained or exported."),
        N_(
            "See what fills the disk and delete or move it, or move the home folder to a larger disk and set "
            "HAULOUT_HOME. Nothing stored is damaged; everything goes on by itself once there is room."
        ),
    ),
    ("watched", Level.ALARM): (
        N_("Nobody looks at Label Studio and the queue: the scheduler does not run, so no weekly run starts either."),
        N_("See what runs, then start what does not; what runs is left alone. The next look is made within a minute."),
    ),
    ("services", Level.ALARM): (
        N_("A service does not answer, so people cannot work, or their answers wait there."),
        N_("See what runs and start the rest. If it runs, its log in the home folder says more."),
    ),
    ("silence", Level.ALARM): (
        N_("People answer in Label Studio and nothing is stored here: their answers are safe there, but not here."),
        N_("Read them now; that says what is in the way. If it works, see why the worker does not: does it run?"),
    ),
    ("reading", Level.ATTENTION): (
        N_("Answers are stored more slowly than people give them."),
        N_("Read them now. If it stays so, the worker has too little time: start another one with haulout worker."),
    ),
    ("bell", Level.ATTENTION): (
        N_("Answers come, but Label Studio does not ring; each is found up to a minute late, and nothing is lost."),
        N_(
            "Either the secret of the bell has changed (HAULOUT_WEBHOOK_SECRET), or Label Studio's protection against "
            "forged requests keeps it from calling these pages: an embedded one may call them after a restart; for one "
            "of your own, allow this address in USER_ADDITIONAL_BANNED_SUBNETS."
        ),
    ),
    ("operations", Level.ALARM): (
        N_("Tasks were sent to Label Studio, and nobody knows whether they arrived."),
        N_("The next pass looks them up there before it sends anything twice. Start one now."),
    ),
    ("untold", Level.ATTENTION): (
        N_("Label Studio still asks what is answered, or does not ask yet what is wanted."),
        N_("The next pass tells it. Start one now; if tasks stay untold, its message says what Label Studio refuses."),
    ),
    ("run", Level.ALARM): (
        N_("The run has given no sign of life: its process was killed, or hangs."),
        N_("See what runs. It is begun again by itself, or by you; each step does only what is still to do."),
    ),
    ("run", Level.ATTENTION): (
        N_("The newest run did not reach its end. What it finished is kept."),
        N_("The overview and the log of the worker say why. Mend that, then let it go on."),
    ),
    ("overdue", Level.ALARM): (
        N_("The weekly run was due and has not begun."),
        N_("See whether scheduler and worker run. Start it by hand meanwhile."),
    ),
    ("jobs", Level.ALARM): (
        N_("A job has failed for good."),
        N_("The log of the worker says why. Mend that, then start the work by hand."),
    ),
    ("jobs", Level.ATTENTION): (
        N_("A job waits for a worker, or was begun again because its process died."),
        N_("See whether the worker runs. If its processes die often, the computer runs out of memory: see its log."),
    ),
    ("holds", Level.ALARM): (
        N_("Many answers have vanished from Label Studio at once. Nothing learns until a person says what that means."),
        N_("Either put them back, with the first command, or say with the second one that they shall be gone."),
    ),
    ("fsck", Level.ALARM): (
        N_("The last check found something that must never be."),
        N_("Check again: each finding says what to do. Until then believe no figure that rests on it."),
    ),
    ("fsck", Level.ATTENTION): (
        N_("Nobody has checked for more than a day whether everything is as it must be."),
        N_("It happens nightly by itself while scheduler and worker run. Check now."),
    ),
    ("backup", Level.ALARM): (
        N_("There is no backup of the last day: if this disk breaks, people's work is lost."),
        N_("It happens daily by itself while scheduler and worker run. Make one now."),
    ),
    ("models", Level.ALARM): (
        N_("The file of a network that serves is not there."),
        N_("Restore it from a backup, or let the network serve again that served before."),
    ),
    ("quarantine", Level.ATTENTION): (
        N_("Files were put aside today: broken, or no photos."),
        N_("The page of files put aside says why for each. Many at once mean a bad card or reader: copy it again."),
    ),
    ("delivery", Level.ALARM): (
        N_("Answers wait for Label Studio. They are safe and people can work on, but nothing learns from them yet."),
        N_("See whether Label Studio runs, and start it. They are delivered by themselves as soon as it answers."),
    ),
    ("withheld", Level.ATTENTION): (
        N_("Photos may show people. Until you have looked at them, nobody but you sees them and nobody is asked."),
        N_("Look at each and say whether anybody can be recognised."),
    ),
}
"""What is wrong, and what to do, in words."""
