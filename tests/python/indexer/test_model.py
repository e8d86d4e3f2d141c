"""What handlers may do with the state, and the versions that follow."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from careledger.chain.indexer.model import Entity, Kind, ReadModel, State, Version
from careledger.contract_events import KeyAdded

MODEL = ReadModel("test", 1)
THING = MODEL.entity("thing", {"id": Kind.TEXT}, {"a": Kind.INTEGER, "b": Kind.TEXT})


class At(NamedTuple):
    block_number: int
    log_index: int
    block_time: int = 1_000
    transaction_hash: str = "0x01"


def loaded(version: Version | None = None) -> State:
    state = State()
    keys = state.missing(THING, [("x",)])
    state.load(THING, keys, [] if version is None else [(("x",), version)])
    return state


def acts(state: State, *steps: tuple[At, Any]) -> list[tuple[int, int, tuple[int, int] | None, dict[str, Any]]]:
    """The versions opened: since, until, values."""
    for row, act in steps:
        state.handle(row, [lambda state, _, act=act: act(state)])
    return [(*v.since[:2], v.until, v.values) for _, v in state.opened(THING)]


def put(**values: Any) -> Any:
    return lambda state: state.put(THING, ("x",), **values)


def remove(state: State) -> None:
    state.remove(THING, ("x",))


def test_each_change_is_a_version() -> None:
    assert acts(loaded(), (At(1, 0), put(a=1, b="p")), (At(2, 3), put(a=2))) == [
        (1, 0, (2, 3), {"a": 1, "b": "p"}),
        (2, 3, None, {"a": 2, "b": "p"}),
    ]


def test_the_same_values_are_no_version() -> None:
    assert len(acts(loaded(), (At(1, 0), put(a=1, b="p")), (At(2, 3), put(b="p")))) == 1


def test_two_changes_by_one_event_are_one_version() -> None:
    def both(state: State) -> None:
        put(a=2)(state)
        put(b="q")(state)

    opened = acts(loaded(), (At(1, 0), put(a=1, b="p")), (At(1, 1), both))
    assert [row[3] for row in opened] == [{"a": 1, "b": "p"}, {"a": 2, "b": "q"}]


def test_removed_and_put_again() -> None:
    opened = acts(loaded(), (At(1, 0), put(a=1, b="p")), (At(2, 0), remove), (At(3, 0), put(a=1, b="p")))
    assert [row[:3] for row in opened] == [(1, 0, (2, 0)), (3, 0, None)]


def test_opened_and_removed_by_one_event_never_held() -> None:
    def both(state: State) -> None:
        put(a=1, b="p")(state)
        remove(state)

    assert acts(loaded(), (At(1, 0), both), (At(2, 0), remove)) == []


def test_a_stored_version_is_closed_once() -> None:
    stored = Version((1, 0, 5, "0x00"), {"a": 1, "b": "p"}, stored=True)
    state = loaded(stored)
    assert len(acts(state, (At(2, 0), put(a=2)), (At(3, 0), put(a=3)))) == 2
    assert [(key, version.until) for key, version in state.closed(THING)] == [(("x",), (2, 0))]


def test_get_is_a_copy() -> None:
    state = loaded(Version((1, 0, 5, "0x00"), {"a": 1, "b": "p"}, stored=True))
    state.get(THING, ("x",))["a"] = 9  # type: ignore[index]
    assert state.get(THING, ("x",)) == {"a": 1, "b": "p"}


@pytest.mark.parametrize("act", [put(a=1), put(a=1, b="p", c=2)])
def test_values_missing_or_unknown_are_refused(act: Any) -> None:
    with pytest.raises(TypeError):
        acts(loaded(), (At(1, 0), act))


def test_keys_that_touches_does_not_name_are_refused() -> None:
    state = loaded()
    for act in (
        lambda state: state.get(THING, ("y",)),
        lambda state: state.put(THING, ("y",), a=1, b="p"),
        lambda state: state.remove(THING, ("y",)),
        lambda state: state.get(Entity("other", {"id": Kind.TEXT}, {}), ("x",)),
    ):
        with pytest.raises(LookupError):
            acts(state, (At(1, 0), act))


def test_declarations_that_clash_are_refused() -> None:
    for name, key, values in (
        ("thing", {"id": Kind.TEXT}, {}),
        ("other", {"id": Kind.TEXT}, {"id": Kind.TEXT}),
        ("other", {"id": Kind.TEXT}, {"since_block": Kind.TEXT}),
        ("other", {}, {"a": Kind.TEXT}),
    ):
        with pytest.raises(ValueError, match="declared twice"):
            MODEL.entity(name, key, values)


def test_handlers_are_kept_in_their_order() -> None:
    model = ReadModel("order", 1)
    seen: list[int] = []
    for number in (1, 2):
        model.on(KeyAdded, touches=lambda _: ())(lambda _, __, number=number: seen.append(number))
    State().handle(At(1, 0), [handler for _, handler in model.handlers[KeyAdded]])
    assert seen == [1, 2]
