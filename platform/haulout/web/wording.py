"""How the words of the database read to people; `N_` marks a message for translation without translating it yet."""

from flask import Flask

from haulout.localisation import Language
from haulout.web.here import language


def N_(message: str) -> str:  # noqa: N802  (the name that message extractors know)
    """Return the message as it is."""
    return message


WORDS: dict[tuple[str, str], str] = {
    ("question", "boxes"): N_("Mark the walruses"),
    ("question", "box_dispute"): N_("Settle disputed boxes"),
    ("question", "pair"): N_("Is it the same walrus?"),
    ("question", "gallery"): N_("Which walrus is it?"),
    ("role", "volunteers"): N_("volunteers"),
    ("role", "experts"): N_("experts"),
    ("reason", "uncertain"): N_("the machine is unsure here"),
    ("reason", "misplaced"): N_("two looks of the machine draw the boxes elsewhere"),
    ("reason", "missed"): N_("animals may have been missed"),
    ("reason", "count"): N_("the machine is unsure how many there are"),
    ("reason", "novel"): N_("looks unlike what is known"),
    ("reason", "rare"): N_("a rare kind of picture"),
    ("reason", "positive"): N_("likely to show walruses, which are rare so far"),
    ("reason", "easy"): N_("easy, so that volunteers keep heart"),
    ("reason", "random"): N_("drawn at random, to keep the figures honest"),
    ("reason", "exam"): N_("for the exam, never trained on"),
    ("reason", "figure"): N_("narrows the interval of a figure"),
    ("doubt", "uncertain"): N_("unsure boxes"),
    ("doubt", "misplaced"): N_("misplaced boxes"),
    ("doubt", "missed"): N_("missed animals"),
    ("doubt", "count"): N_("how many"),
    ("goal", "teach"): N_("to teach the detector"),
    ("novelty", "new"): N_("looks new"),
    ("novelty", "somewhat new"): N_("looks somewhat new"),
    ("novelty", "familiar"): N_("looks familiar"),
    ("figure", "mean"): N_("Animals in a photo, on average"),
    ("figure", "total"): N_("Animals in all photos together"),
    ("figure", "maximum"): N_("Most animals in one photo"),
    ("figure", "empty"): N_("Tiles without an animal"),
    ("figure", "recall"): N_("Animals that the detector finds"),
    ("figure", "precision"): N_("Boxes of the detector that are animals"),
    ("run", "running"): N_("running"),
    ("run", "done"): N_("done"),
    ("run", "failed"): N_("failed"),
    ("run", "interrupted"): N_("interrupted"),
    ("stage", "collect"): N_("Reading the answers"),
    ("stage", "learn about people"): N_("Learning how well people draw"),
    ("stage", "settle"): N_("Merging the votes"),
    ("stage", "identify"): N_("Settling who is who"),
    ("stage", "retrain the detector"): N_("Training and examining the detector"),
    ("stage", "measure the choice"): N_("Measuring whether choosing beats chance"),
    ("stage", "retrain re-identification"): N_("Training and examining re-identification"),
    ("stage", "propose"): N_("The detector looks at the photos"),
    ("stage", "identify anew"): N_("Looking at each animal anew"),
    ("stage", "estimate"): N_("Estimating the figures of all photos"),
    ("stage", "select"): N_("Choosing what to ask next"),
    ("stage", "gold"): N_("Adding tiles with a known answer"),
    ("stage", "dispatch"): N_("Sending the questions to Label Studio"),
    ("dispute", "experts_disagree"): N_("The experts contradict each other."),
    ("dispute", "one_photo"): N_("Two animals in one photo would be the same walrus."),
    ("dispute", "called_different"): N_("Called different, yet linked through others."),
    ("by", "exam"): N_("the exam"),
    ("by", "operator"): N_("the operator"),
    ("consensus", "open"): N_("votes wanted"),
    ("consensus", "agreed"): N_("agreed"),
    ("consensus", "disputed"): N_("disputed, with the experts"),
    ("consensus", "unusable"): N_("unusable"),
    ("one", "volunteer"): N_("volunteer"),
    ("one", "expert"): N_("expert"),
    ("one", "operator"): N_("operator"),
    ("suspicion", "box_flood"): N_("far too many boxes"),
    ("suspicion", "empty_clicks"): N_("empty answers"),
    ("suspicion", "copied_predictions"): N_("copies the machine"),
    ("suspicion", "impossible_speed"): N_("impossibly fast"),
    ("suspicion", "random_boxes"): N_("boxes at random"),
    ("next", "not_asked"): N_("Nobody has been asked about it yet."),
    ("next", "merge"): N_("The next pass merges the answers and decides."),
    ("next", "expert"): N_("An expert decides: more volunteers would not settle it."),
    ("next", "done"): N_(
        "Nothing more is asked. The boxes count; networks learn from them unless they are for the exam."
    ),
    ("next", "done_by_expert"): N_("An expert has settled it; the expert's boxes are the consensus."),
    ("next", "left_out"): N_("It is left out: nobody can judge this picture."),
    ("kind", "detector"): N_("Detector"),
    ("kind", "reidentifier"): N_("Re-identifier"),
    ("model", "candidate"): N_("candidate"),
    ("model", "serving"): N_("serving"),
    ("model", "refused"): N_("refused"),
    ("model", "retired"): N_("retired"),
    ("decision", "promoted"): N_("promoted"),
    ("decision", "refused"): N_("refused"),
    ("decision", "rolled back"): N_("rolled back"),
    ("measure", "ap50"): N_("Average precision, AP50"),
    ("measure", "ap"): N_("Average precision, AP50:95"),
    ("measure", "recall"): N_("Animals found"),
    ("measure", "precision"): N_("Boxes that are animals"),
    ("measure", "count_mae"): N_("Count error per tile"),
    ("measure", "count_relative_error"): N_("All animals together, counted"),
    ("measure", "expected_relative_error"): N_("All animals together, expected"),
    ("measure", "ece"): N_("Calibration error"),
    ("measure", "rank1"): N_("First guess right"),
    ("measure", "map"): N_("Mean average precision"),
    ("condition", "light"): N_("Light"),
    ("condition", "crowd"): N_("Crowd"),
    ("condition", "camera"): N_("Camera"),
    ("light", "clear"): N_("clear"),
    ("light", "veiled"): N_("fog or low contrast"),
    ("light", "night"): N_("dark"),
    ("crowd", "none"): N_("without animals"),
    ("crowd", "few"): N_("1 to 5 animals"),
    ("crowd", "many"): N_("6 to 15 animals"),
    ("crowd", "heap"): N_("more than 15 animals"),
    ("split", "train"): N_("training"),
    ("split", "exam"): N_("exam"),
    ("mark", "tusk_tip"): N_("tusk tip"),
    ("mark", "chip"): N_("chip"),
    ("mark", "crack"): N_("crack"),
    ("mark", "scar"): N_("scar"),
    ("mark", "wrinkle"): N_("wrinkle"),
    ("mark", "scratch"): N_("scratch"),
    ("mark", "spot"): N_("spot"),
}


def say(kind: str, word: str, to: Language | None = None) -> str:
    """Return how this kind's word reads; a word nobody knows yet is shown as it is stored."""
    return (to or language()).gettext(WORDS.get((kind, word), word))


def teach(app: Flask) -> None:
    """Let templates write the words."""
    app.jinja_env.globals.update(say=say)
