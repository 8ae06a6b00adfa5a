"""Broadcasts: who is told of what once, when and on which channel, and what is known of it, whatever breaks."""

from tests.announced import announce, got, one, person, states, tick
from tests.world import World


def test_those_who_agreed_hear_of_it_once(world: World) -> None:
    person(world)
    person(world, who=2, topics=("news",))
    id = announce(world)
    assert tick(world) == 1
    assert got(world) == ["Reunión en el parque\n\nEl sábado a las 9 hablamos del parque.\n\nPara no recibir más: BAJA"]
    assert got(world, who=2) == []
    assert tick(world) == 0
    assert one(world, id).state == "sent"
    assert states(world) == {("settled", ""): 1}
