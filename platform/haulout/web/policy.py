"""Whose each address is; an address that is not here is nobody's, and a test says so."""

from collections.abc import Mapping

from haulout.accounts import Role

ANYBODY = 0
VOLUNTEER, EXPERT, OPERATOR = (role.rank for role in Role)

GUARD_THEMSELVES = frozenset({"webhooks.label_studio", "metrics.metrics"})
"""Addresses that ask for a key or a place of their own instead of a session."""
GUARDED_BY_TOKENS = "api"
"""The blueprint of the programming interface: each of its addresses declares what a token must open."""

ADDRESSES: Mapping[str, int] = {
    "static": ANYBODY,
    "health.alive": ANYBODY,
    "health.ready": ANYBODY,
    "handbook.read": ANYBODY,
    "handbook.picture": ANYBODY,
    "pages.first": ANYBODY,  # sends everybody to what is theirs
    "welcome.page": ANYBODY,
    # Coming in, and one's own account.
    "entry.sign_in": ANYBODY,
    "entry.sign_up": ANYBODY,
    "entry.enter": ANYBODY,
    "second_factor.code": ANYBODY,  # for who has shown only a password so far
    "second_factor.picture": ANYBODY,
    "entry.sign_out": ANYBODY,
    "account.page": VOLUNTEER,
    "account.rename": VOLUNTEER,
    "account.password": VOLUNTEER,
    "account.sign_out": VOLUNTEER,
    "account.new_second_factor": VOLUNTEER,
    "account.erase": VOLUNTEER,
    "me.page": VOLUNTEER,
    "me.picture": VOLUNTEER,
    # The desk: which questions are whose, `desk.giving` says.
    "desk.page": VOLUNTEER,
    "desk.next_question": VOLUNTEER,
    "desk.take": VOLUNTEER,
    "desk.pass_on": VOLUNTEER,
    "desk.comment": VOLUNTEER,
    "desk.picture": VOLUNTEER,
    "editor.file": VOLUNTEER,
    "tutorial.page": VOLUNTEER,
    "tutorial.task": VOLUNTEER,
    "tutorial.answer": VOLUNTEER,
    "tutorial.finish": VOLUNTEER,
    "tutorial.guide": ANYBODY,
    "tutorial.picture": ANYBODY,
    # The season: photos, figures, networks.
    "pages.running": EXPERT,
    "pages.photo_list": EXPERT,
    "pages.photo": EXPERT,
    "pages.tile": EXPERT,
    "pages.batch_list": EXPERT,
    "pages.batch": EXPERT,
    "pages.model_list": EXPERT,
    "pages.model": EXPERT,
    "pages.individual_list": EXPERT,
    "pages.individual": EXPERT,
    "pages.walrus_table": EXPERT,
    "pages.report": EXPERT,
    "pages.year_list": EXPERT,
    "paper.report_pdf": EXPERT,
    "pictures.photo": EXPERT,
    "pictures.thumbnail": EXPERT,
    "pictures.tile": EXPERT,
    "pictures.crop": EXPERT,
    "api_page.api": EXPERT,
    "comments.page": EXPERT,
    "comments.read": EXPERT,
    "comments.left": EXPERT,
    "decisions.page": EXPERT,
    "decisions.take_back": EXPERT,
    "decisions.split": EXPERT,
    "disputes.page": EXPERT,
    "disputes.dispute": EXPERT,
    "disputes.answer": EXPERT,
    "search.page": EXPERT,
    "search.find": EXPERT,
    # What names people, shows what nobody checked, or changes anything.
    "pages.people_list": OPERATOR,
    "pages.person": OPERATOR,
    "pages.quarantine": OPERATOR,
    "things.place_list": OPERATOR,
    "things.picture": OPERATOR,
    "things.say": OPERATOR,
    "watch.page": OPERATOR,
    "withheld.page": OPERATOR,
    "withheld.say": OPERATOR,
}
"""The least rank that may use an endpoint."""
