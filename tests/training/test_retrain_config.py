"""The file of a retraining, and what is wrong with one."""

from pathlib import Path

import pytest

from tests.training.retraining import CONFIG, RECIPE, latest, prepare, retrain, unreachable
from training.retraining import config as retrain_config
from training.sources.open_source import CsvSource


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "m"', 'nam = "m"'), "nam: not known here; known are name, recipe, seed, source"),
        (('name = "m"', "name = 7"), "name = 7: Input should be a valid string"),
        (('name = "m"', 'name = "../m"'), "'../m' cannot name a model"),
        (('name = "m"', 'name = "m"\nseed = "1"'), "seed = '1': Input should be a valid integer"),
        (('name = "m"', "name ="), "not TOML"),
        (("[evaluation]", "[evaluations]"), "evaluations: not known here"),
        (("sessions = 80", "sessions = 0"), "evaluation.sessions = 0: Input should be greater"),
        (("sessions = 80", "session = 80"), "evaluation.session: not known here; known are sess"),
        (("level = 1e-9", "level = nan"), "verdict.level = nan: Input should be a finite number"),
        (("[0.5, 1.0]", "[1.0, 0.5]"), "coverage_90 = [1.0, 0.5]: the first must be below"),
        (("[0.5, 1.0]", "[0.5]"), "verdict.coverage_90"),
        (('kind = "csv"', 'kind = "ftp"'), "source: Input tag 'ftp'"),
        (('kind = "csv"\nfolder = "prices"', ""), "source: Unable to extract tag"),
        (('folder = "prices"', ""), "source.folder is missing"),
        (('folder = "prices"', 'folder = "prices"\nurl = "x"'), "source.url: not known here"),
        (('folder = "prices"', "folder = 7"), "source.folder: "),
        (('[source]\nkind = "csv"\nfolder = "prices"', ""), "source is missing"),
        (('folder = "prices"', 'folder = "${ABSENT_1}"'), "source asks for ${ABSENT_1}, which the"),
        (('"small.toml"', '"fb-lstm45"'), "recipe = 'fb-lstm45': forecasts points"),
        (('"small.toml"', '"absent"'), "no recipe 'absent'"),
        (('"small.toml"', '"absent.toml"'), "absent.toml: No such file"),
    ],
)
def test_what_is_wrong_with_a_config_is_said_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    prepare(tmp_path)
    changed = CONFIG.replace(*change)
    assert changed != CONFIG
    (tmp_path / "retrain.toml").write_text(changed)

    assert retrain(tmp_path) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_config_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert retrain(tmp_path) == 2
    assert "No such file" in capsys.readouterr().err


def test_paths_of_a_config_lie_beside_it_and_the_rest_has_defaults(tmp_path: Path) -> None:
    path = tmp_path / "retrain.toml"
    path.write_text('[source]\nkind = "csv"\nfolder = "prices"\n[fit]\nepochs = 7\n')

    plan = retrain_config.load(path)

    config = plan.config
    assert config.source == CsvSource(kind="csv", folder=tmp_path / "prices")
    assert (config.name, config.seed, config.recipe) == ("default", 1, "global-ohlc")
    assert (config.evaluation.sessions, config.evaluation.refit_sessions) == (252, None)
    assert (config.verdict.level, config.verdict.coverage_90) == (0.05, (0.85, 0.95))
    assert config.store.keep == 10
    assert plan.recipe.fit.epochs == 7


def test_a_secret_is_no_part_of_what_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    unreachable(tmp_path, attempts=1, wait=0, login=":${SECRET}")
    plans = []
    for secret in ("hush-hush", "hush"):
        monkeypatch.setenv("SECRET", secret)
        plans.append(retrain_config.load(tmp_path / "retrain.toml"))

    first, second = plans
    assert first.digest == second.digest
    assert first.config.source != second.config.source
    assert "hush" not in repr(plans)


def test_another_recipe_is_another_question(tmp_path: Path) -> None:
    prepare(tmp_path)
    before = retrain_config.load(tmp_path / "retrain.toml").digest
    (tmp_path / "small.toml").write_text(RECIPE.replace("units = 2", "units = 3"))

    assert retrain_config.load(tmp_path / "retrain.toml").digest != before


@pytest.mark.parametrize("name", ["retrain.toml", "small.toml"])
def test_a_config_that_everybody_may_write_is_reported_and_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    prepare(tmp_path)
    # a source that cannot be read, so that nothing is fitted
    (tmp_path / "prices").rename(tmp_path / "moved")
    for mode, is_reported in ((0o666, True), (0o664, False)):
        (tmp_path / name).chmod(mode)

        assert retrain(tmp_path) == 1

        said, notes = capsys.readouterr().err, latest(tmp_path).notes
        assert (f"chmod o-w {tmp_path / name}\n" in said) == is_reported
        assert [f"chmod o-w {tmp_path / name}" in note for note in notes] == [True] * is_reported
