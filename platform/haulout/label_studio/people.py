"""People: inviting them, signing them up, and acting as one of them."""

import re
from urllib.parse import urljoin

import httpx

from haulout.errors import ServiceUnavailable
from haulout.label_studio.connection import Connection
from haulout.label_studio.labeler import Labeler
from haulout.label_studio.refusals import LabelStudioRefused
from haulout.label_studio.values import Person, PersonAccess

CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class People(Connection):
    """Knows the users; Label Studio has no roles, every one of them may do everything."""

    def people(self) -> list[Person]:
        """Return all users."""
        users = self._read("the list of people", lambda sdk: sdk.users.list())
        return [Person(int(user.id or 0), str(user.email), user.first_name or "") for user in users]

    def ensure_user(self, email: str) -> int:
        """Return the number of the user with this e-mail, made when missing; such a user cannot log in."""
        try:
            return int(self._send("POST", "/api/users/", {"email": email, "username": email.split("@")[0]})["id"])
        except LabelStudioRefused as refused:
            if refused.status != 400:
                raise
            # Made before, and the answer was lost; or by somebody else at the same time.
            found = [person.id for person in self.people() if person.email == email]
            if not found:
                raise
            return found[0]

    def invite(self) -> str:
        """Return the link with which anybody can sign up."""
        return urljoin(self.url, str(self._get("/api/invite")["invite_url"]))

    def sign_up(self, email: str, password: str, first_name: str) -> PersonAccess:
        """Make a person who can log in, or log in as the one with this e-mail; users made by the API cannot log in."""
        known = any(person.email == email.lower() for person in self.people())
        page = f"{self.url}/user/login/" if known else self.invite()
        try:
            with httpx.Client(base_url=self.url, timeout=self._timeout) as browser:
                _submit_form(browser, page, {"email": email, "password": password, "allow_newsletters": "false"})
                access = _access(browser)
        except httpx.TransportError as error:
            raise ServiceUnavailable(f"Label Studio at {self.url} broke off while {email} signed up") from error
        self._send("PATCH", f"/api/users/{access.user_id}/", {"first_name": first_name})
        return access

    def as_person(self, api_key: str) -> Labeler:
        """Act as one person, by the rules that hold in their browser."""
        return Labeler(self.url, api_key, self._timeout)


def _submit_form(browser: httpx.Client, page: str, fields: dict[str, str]) -> None:
    found = CSRF.search(browser.get(page).text)
    if found is None:
        raise LabelStudioRefused(f"the form {httpx.URL(page).path}", 403, "the page has no form")
    told = browser.post(page, data={**fields, "csrfmiddlewaretoken": found[1]}, headers={"Referer": page})
    if told.status_code != 302:  # a form that is not accepted is shown again, with status 200
        reason = re.findall(r'class="(?:field_errors|error)[^"]*"[^>]*>(.*?)<', told.text, re.DOTALL)
        said = " ".join(reason).strip() or "e-mail or password not accepted"
        raise LabelStudioRefused(f"the form {httpx.URL(page).path} of {fields['email']}", told.status_code, said)


def _access(browser: httpx.Client) -> PersonAccess:
    me, token = browser.get("/api/current-user/whoami"), browser.get("/api/current-user/token")
    for told in (me, token):
        if told.is_error:
            raise LabelStudioRefused(f"GET {told.request.url.path}", told.status_code, told.text)
    return PersonAccess(int(me.json()["id"]), str(token.json()["token"]))
