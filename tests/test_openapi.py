"""The published data is as its OpenAPI document says, whatever is asked of it."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from bot import upkeep
from cli.settings import read_settings
from tests import promises
from tests.served import whole
from tests.test_site import SLUG, client_of, count_and_publish, people_vote
from tests.world import World, environment

BOUNDED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=15,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def test_every_answer_is_as_described(little_world: World, tmp_path: Path) -> None:
    people_vote(little_world)
    count_and_publish(little_world, tmp_path / "public")
    promises.speak(little_world)
    upkeep.beat(little_world.desk.engine, little_world.clock())  # a desk without a worker is not ready
    app = whole(read_settings(environment(little_world.settings.database_url, tmp_path)), little_world.clock)
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)
    for found in document.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]

        @BOUNDED
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate()

        ask()


@pytest.mark.parametrize("name", ["papeletas.csv", "resultados.csv", "resultados.json", "columnas.csv"])
def test_what_is_described_is_there(little_world: World, tmp_path: Path, name: str) -> None:
    people_vote(little_world)
    count_and_publish(little_world, tmp_path / "public")
    app = whole(read_settings(environment(little_world.settings.database_url, tmp_path)), little_world.clock)
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)
    case = document[f"/consultas/{{slug}}/{name}"]["GET"].Case(path_parameters={"slug": SLUG})
    answer = case.call_and_validate()
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/plan.json", "/plan.csv", "/plan/columnas.csv", "/plan.atom", "/plan.ics"])
def test_what_is_described_of_the_plans_is_there(little_world: World, tmp_path: Path, path: str) -> None:
    promises.load_plan(little_world, promises.great_plan(3, 4))
    promises.speak(little_world)
    promises.speak(little_world, "grande-2.3")
    app = whole(read_settings(environment(little_world.settings.database_url, tmp_path)), little_world.clock)
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)
    answer = document[path]["GET"].Case().call_and_validate()
    assert answer.status_code == 200


def test_every_line_that_a_person_reads_is_in_both_languages(little_world: World) -> None:
    def read(part: Any) -> list[str]:
        if isinstance(part, dict):
            mine = [part[key] for key in ("title", "summary", "description") if isinstance(part.get(key), str)]
            return [*mine, *(line for each in part.values() for line in read(each))]
        return []

    lines = read(client_of(little_world).get("/openapi.json").get_json())
    assert len(lines) > 15
    assert [line for line in lines if " / " not in line] == []
