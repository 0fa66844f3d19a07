"""Settings come from the environment, secrets from the home, and mistakes are told all at once."""

import json
import stat
from pathlib import Path

import pytest

from haulout.config import Settings, make_secrets
from haulout.errors import BadConfiguration


def test_without_any_variable_the_defaults_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    settings = Settings.from_env({})

    assert settings == Settings()
    assert settings.database == f"sqlite:///{tmp_path / 'data' / 'haulout.sqlite'}"
    assert (settings.redis, settings.label_studio) == ("redis://127.0.0.1:8302/0", "http://127.0.0.1:8301")


def test_all_wrong_settings_are_named_at_once_with_what_is_wrong():
    wrong = {"HAULOUT_PORT": "99999", "HAULOUT_BATCH_SIZE": "many", "HAULOUT_STARTER": "best", "HAULOUT_LANGUAGE": "de"}

    with pytest.raises(BadConfiguration) as told:
        Settings.from_env(wrong)

    for name in wrong:
        assert name in str(told.value)
    assert "builtin, none, or the path of an .onnx file" in str(told.value)
    assert "haulout --help" in str(told.value)
    assert told.value.exit_code == 2


def test_another_process_gets_the_same_settings_from_the_variables(tmp_path):
    make_secrets(tmp_path)
    given = {
        "HAULOUT_HOME": str(tmp_path),
        "HAULOUT_SITE": "Остров Матвеева",
        "HAULOUT_BATCH_SIZE": "24",
        "HAULOUT_EXAM_SHARE": "0.35",
        "DATABASE_URL": "postgresql://somebody@db/season",
        "REDIS_URL": "redis://queue:6379/3",
    }
    settings = Settings.from_env(given)

    again = Settings.from_env(settings.to_env())

    assert again == settings
    assert (again.site, again.batch_size, again.database_url) == (given["HAULOUT_SITE"], 24, given["DATABASE_URL"])


def test_no_secret_leaves_the_home_in_the_variables(tmp_path):
    make_secrets(tmp_path)
    settings = Settings.from_env({"HAULOUT_HOME": str(tmp_path)})
    kept = json.loads((tmp_path / "secrets.json").read_text())

    told = " ".join(settings.to_env().values())

    assert len(kept) == 5 and all(len(secret) == 40 for secret in kept.values())
    assert not any(secret in told for secret in kept.values())


def test_secrets_are_readable_by_their_owner_only_and_made_once(tmp_path):
    home = tmp_path / "new"
    make_secrets(home)
    first = (home / "secrets.json").read_text()

    make_secrets(home)

    assert stat.S_IMODE((home / "secrets.json").stat().st_mode) == 0o600
    assert (home / "secrets.json").read_text() == first
    assert Settings.from_env({"HAULOUT_HOME": str(home)}).secret_key == json.loads(first)["secret_key"]


def test_a_home_of_an_older_haulout_gets_the_secrets_it_lacks_and_keeps_the_others(tmp_path):
    make_secrets(tmp_path)
    older = json.loads((tmp_path / "secrets.json").read_text())
    del older["redis_password"]
    (tmp_path / "secrets.json").write_text(json.dumps(older))

    make_secrets(tmp_path)

    now = json.loads((tmp_path / "secrets.json").read_text())
    assert older.items() <= now.items() and len(now["redis_password"]) == 40
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_variable_wins_over_the_secret_of_the_home(tmp_path):
    make_secrets(tmp_path)

    settings = Settings.from_env({"HAULOUT_HOME": str(tmp_path), "LABEL_STUDIO_TOKEN": "of-my-own-server"})

    assert settings.label_studio_token == "of-my-own-server"


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '"text"'])
def test_damaged_secrets_are_named(tmp_path, content):
    (tmp_path / "secrets.json").write_text(content)

    with pytest.raises(BadConfiguration, match=r"secrets\.json"):
        Settings.from_env({"HAULOUT_HOME": str(tmp_path)})


def test_the_starter_may_be_a_file_of_ones_own():
    assert Settings.from_env({"HAULOUT_STARTER": "/models/yolox.onnx"}).starter == "/models/yolox.onnx"
    assert Settings.from_env({"HAULOUT_LABEL_STUDIO_PYTHON": "/env/bin/python"}).label_studio_python == Path(
        "/env/bin/python"
    )


def test_shares_that_do_not_fit_in_a_batch_are_refused_at_the_start(tmp_path):
    with pytest.raises(BadConfiguration, match=r"add up to 1\.25; at most 1 fits in a batch"):
        Settings.from_env({"HAULOUT_HOME": str(tmp_path), "HAULOUT_RANDOM_SHARE": "0.8"})
