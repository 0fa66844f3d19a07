import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from haulout.label_studio import BrokenPrediction, LabelStudio, LabelStudioRefused, NewTask, local_file_url
from haulout.testing import answers_in, tasks_in
from labeling_configs.vocabulary import Question

pytestmark = pytest.mark.label_studio

XML = """<View><Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image"><Label value="walrus"/></RectangleLabels></View>"""


def box(left: float, label: str = "walrus") -> list[dict[str, object]]:
    value = {"x": left, "y": 5, "width": 10, "height": 10, "rotation": 0, "rectanglelabels": [label]}
    shape = {"original_width": 100, "original_height": 100, "image_rotation": 0}
    names = {"id": f"box{left}", "from_name": "box", "to_name": "image", "type": "rectanglelabels"}
    return [{**names, **shape, "value": value}]


def task(key: str, priority: float, left: float = 1, overlap: int = 1) -> NewTask:
    data = {"image": local_file_url("tiles/a b.jpg"), "key": key}
    return NewTask(data, box(left), priority, "detector-1", overlap, meta={"batch": 1})


def uid() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def project(label_studio, label_studio_server) -> Iterator[int]:
    number = label_studio.ensure_project(Question.BOXES, "Walruses", XML, "Draw a box round each walrus.", overlap=1)
    yield number
    httpx.delete(
        f"{label_studio_server.url}/api/projects/{number}/",
        headers={"Authorization": f"Token {label_studio_server.token}"},
        timeout=60,
    )


@pytest.fixture(scope="module")
def anna(label_studio):
    return label_studio.as_person(label_studio.sign_up("anna@haulout.invalid", "long-enough-1", "Anna").api_key)


@pytest.fixture(scope="module")
def boris(label_studio):
    return label_studio.as_person(label_studio.sign_up("boris@haulout.invalid", "long-enough-2", "Boris").api_key)


def send(label_studio: LabelStudio, project: int, *tasks: NewTask) -> list[int]:
    ids = label_studio.send_tasks(project, tasks)
    label_studio.serve_version(project, "detector-1")
    return ids


def test_the_task_with_the_highest_priority_is_asked_first(label_studio, project, anna):
    send(label_studio, project, task("low", 0.1), task("high", 0.9), task("middle", 0.5))

    asked = []
    while served := anna.next_task(project):
        asked.append(served.key)
        anna.submit(served.id, served.result, 1.0, uid(), served.prediction)

    assert asked == ["high", "middle", "low"]


def test_changing_a_priority_changes_what_is_asked_next(label_studio, project, anna, boris):
    low, _high, middle = send(label_studio, project, task("low", 0.1), task("high", 0.9), task("middle", 0.5))

    before = anna.next_task(project)  # stays locked for Anna, so Boris is asked another one
    label_studio.prioritise(project, {low: 2.0, middle: 0.5})
    after = boris.next_task(project)

    assert (before.key, after.key) == ("high", "low")


def test_replaced_predictions_are_what_people_see_and_running_it_twice_adds_none(label_studio, project, anna):
    first, second = send(label_studio, project, task("a", 0.9, left=1), task("b", 0.1, left=2))
    new = {first: (box(30), 0.2), second: (box(40), 0.8)}

    label_studio.replace_predictions(project, "detector-2", new)
    label_studio.replace_predictions(project, "detector-2", new)
    served = anna.next_task(project)

    assert (served.key, served.model_version, served.result[0]["value"]["x"]) == ("b", "detector-2", 40)
    stored = label_studio._tasks(project, "id,predictions")
    assert [len(each["predictions"]) for each in stored] == [2, 2]


def test_the_version_that_people_see_cannot_be_forgotten_and_an_older_one_can(label_studio, project):
    (number,) = send(label_studio, project, task("a", 0.9))
    label_studio.replace_predictions(project, "detector-2", {number: (box(30), 0.2)})

    label_studio.forget_version(project, "detector-1")
    with pytest.raises(LabelStudioRefused, match="the one that people see"):
        label_studio.forget_version(project, "detector-2")

    # On SQLite under load Label Studio may have taken the import twice.
    stored = next(one for one in label_studio._tasks(project, "id,predictions") if one["id"] == number)
    assert [each["model_version"] for each in stored["predictions"]] == ["detector-2"]


def test_a_retired_task_is_asked_of_nobody_until_it_is_reopened_for_more_people(label_studio, project, anna, boris):
    (number,) = send(label_studio, project, task("a", 0.9))

    label_studio.retire(number)
    while_retired = anna.next_task(project)
    label_studio.reopen(number, overlap=2)
    first = anna.next_task(project)
    anna.submit(first.id, first.result, 1.0, uid())
    second = boris.next_task(project)

    assert (while_retired, first.id, second.id) == (None, number, number)


def test_answers_come_back_with_who_gave_them_what_they_saw_and_skips(label_studio, project, anna, boris):
    (number,) = send(label_studio, project, task("tile-7", 0.9, overlap=2))
    served = anna.next_task(project)
    annotation = anna.submit(number, box(50), 12.5, uid(), served.prediction)
    skipped = boris.skip(boris.next_task(project).id, uid())

    mine, other = label_studio.answers_since(project, None)

    assert (mine.annotation, mine.task, mine.key, mine.seconds) == (annotation, number, "tile-7", 12.5)
    assert (mine.model_version, mine.skipped, mine.result[0]["value"]["x"]) == ("detector-1", False, 50)
    assert (other.annotation, other.skipped, other.result) == (skipped, True, [])
    names = {person.id: person.first_name for person in label_studio.people()}
    assert [names[answer.user] for answer in (mine, other)] == ["Anna", "Boris"]
    assert answers_in(label_studio, project) == {annotation, skipped}
    assert tasks_in(label_studio, project) == {number}


def test_a_corrected_answer_is_read_again_and_untouched_tasks_are_not(label_studio, project, anna):
    first, second = send(label_studio, project, task("a", 0.9), task("b", 0.1))
    changed = anna.submit(first, box(1), 1.0, uid())
    anna.submit(second, box(2), 1.0, uid())
    read_to = datetime.now(UTC).replace(tzinfo=None)

    anna.change(changed, box(33))
    (again,) = label_studio.answers_since(project, read_to)

    assert (again.annotation, again.result[0]["value"]["x"]) == (changed, 33)
    assert again.updated_at > again.created_at


def test_an_answer_sent_twice_is_stored_once(label_studio, project, anna):
    (number,) = send(label_studio, project, task("a", 0.9, overlap=2))
    unique = uid()

    first = anna.submit(number, box(1), 1.0, unique)
    second = anna.submit(number, box(1), 1.0, unique)

    assert first == second
    assert answers_in(label_studio, project) == {first}


def test_tasks_are_found_by_their_keys_whatever_these_hold(label_studio, project):
    keys = ["photo:0,0,100,100", 'Матвеев "остров" & co', "c/d?e=f"]
    ids = send(label_studio, project, *(task(key, 0.5) for key in keys))

    found = label_studio.find_tasks(project, [*keys, *(f"absent-{n}" for n in range(100))])

    assert found == dict(zip(keys, ids, strict=True))


def test_a_prediction_that_does_not_fit_is_noticed_before_anything_is_sent(label_studio, project):
    broken = NewTask({"image": "x", "key": "bad"}, box(1, label="seal"), 0.5, "detector-1")

    with pytest.raises(BrokenPrediction, match="bad: "):
        label_studio.send_tasks(project, [task("good", 0.5), broken])

    assert tasks_in(label_studio, project) == set()


def test_making_a_project_again_finds_it_and_keeps_the_overlap_of_its_tasks(label_studio, project, label_studio_server):
    (number,) = send(label_studio, project, task("a", 0.9, overlap=4))
    tiles = label_studio_server.documents / "tiles"

    again = label_studio.ensure_project(Question.BOXES, "Моржи", XML, "Обведите моржей.", overlap=1)
    for _ in range(2):
        label_studio.ensure_local_files(project, tiles)
        label_studio.register_webhook(project, "http://127.0.0.1:9/hook", "secret")

    assert again == project
    assert label_studio._get(f"/api/tasks/{number}/")["overlap"] == 4
    assert len(label_studio._get("/api/storages/localfiles", {"project": project})) == 1
    assert len(label_studio._get("/api/webhooks/", {"project": project})) == 1


def test_an_answer_rings_the_bell_with_the_secret_and_the_project(label_studio, project, anna):
    rung = []

    class Bell(BaseHTTPRequestHandler):
        def do_POST(self):
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rung.append((self.headers["X-Haulout-Secret"], event["action"], event["project"]["id"]))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    (number,) = send(label_studio, project, task("a", 0.9))
    with HTTPServer(("127.0.0.1", 0), Bell) as bell:
        Thread(target=bell.handle_request, daemon=True).start()
        label_studio.register_webhook(project, f"http://127.0.0.1:{bell.server_port}/hook", "secret")
        anna.submit(number, box(1), 1.0, uid())  # Label Studio rings before it says that the answer is stored

    assert rung == [("secret", "ANNOTATION_CREATED", project)]


def test_only_the_coordinators_own_address_may_be_a_webhook(label_studio, project):
    label_studio.register_webhook(project, "http://127.0.0.1:9/hook", "secret")

    with pytest.raises(LabelStudioRefused, match="reserved network"):
        label_studio.register_webhook(project, "http://127.0.0.2:9/hook", "secret")


def test_pictures_are_served_to_people_who_are_logged_in_only(label_studio, project, label_studio_server, anna):
    label_studio.ensure_local_files(project, label_studio_server.documents / "tiles")
    (label_studio_server.documents / "tiles" / "a b.jpg").write_bytes(b"picture")
    address = label_studio_server.url + local_file_url("tiles/a b.jpg")

    assert anna._http.get(address).content == b"picture"
    assert httpx.get(address).status_code == 401


def test_signing_up_twice_gives_the_same_person_and_a_wrong_password_is_refused(label_studio):
    first = label_studio.sign_up("clara@haulout.invalid", "long-enough-3", "Clara")
    again = label_studio.sign_up("Clara@haulout.invalid", "long-enough-3", "Clara")
    other = label_studio.sign_up("dmitri@haulout.invalid", "long-enough-4", "Dmitri")

    assert first == again
    assert first.user_id != other.user_id and first.api_key != other.api_key
    with pytest.raises(LabelStudioRefused, match="clara"):
        label_studio.sign_up("clara@haulout.invalid", "another-password", "Clara")


def test_nobody_signs_up_without_an_invitation(label_studio_server):
    with httpx.Client(base_url=label_studio_server.url) as browser:
        token = browser.get("/user/login/").cookies["csrftoken"]
        form = {"email": "eve@haulout.invalid", "password": "long-enough-5", "csrfmiddlewaretoken": token}
        told = browser.post("/user/signup/", data=form)

    assert told.status_code == 403


def test_a_bare_labeling_link_respects_priorities_too(label_studio, project, anna):
    send(label_studio, project, task("low", 0.1), task("high", 0.9))
    bare = {"ordering": ["tasks:id"], "filters": {"conjunction": "and", "items": []}, "project": str(project)}

    body = {**bare, "selectedItems": {"all": True, "excluded": []}}
    told = anna._http.post(f"/api/dm/actions?id=next_task&tabID=1&project={project}", json=body)

    assert told.json()["data"]["key"] == "high"


def test_the_start_page_sends_people_to_the_stream_by_way_of_the_log_in(label_studio):
    page = httpx.get(f"{label_studio.url}/haulout/start?project=12")
    stream = httpx.get(f"{label_studio.url}/projects/12/data?labeling=1")
    foul = httpx.get(f"{label_studio.url}/haulout/start?project=<script>")

    assert 'localStorage.setItem("dm:labelstream:mode", "all")' in page.text
    assert 'location.replace("/projects/12/data?labeling=1")' in page.text
    assert stream.headers["location"].startswith("/user/login/?next=/projects/12/data")
    assert foul.status_code == 400 and "script" not in foul.text
