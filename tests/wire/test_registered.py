"""Classes of the program's own travel by name; who does not know them forwards them unchanged."""

import pickle
from dataclasses import dataclass, field, make_dataclass
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto

import pytest

from gossamer.errors import ConfigurationError, UnsendableValue
from gossamer.wire import registered
from gossamer.wire.values import FrozenList, Unknown, decode_value, encode_value, freeze, register


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Give each test a registry of its own."""
    monkeypatch.setattr(registered, "_by_class", {})
    monkeypatch.setattr(registered, "_by_name", {})


@dataclass(frozen=True, slots=True)
class Pose:
    x: float
    y: float = 0.0


@dataclass
class Robot:
    name: str
    pose: Pose
    tags: list = field(default_factory=list)

    def __post_init__(self):
        self.made_by_init = True


class Colour(Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796  (an alias)
    BLUE = b"raw"


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = auto()


class Rights(Flag):
    READ = auto()
    WRITE = auto()


class Bits(IntFlag):
    A = 1


def forget(cls):
    registration = registered._by_class.pop(cls)
    del registered._by_name[registration.name]


@pytest.mark.parametrize("value", [Pose(1.5, -0.5), Robot("r2", Pose(1.0), ["a"])])
def test_a_dataclass_is_read_as_it_was_written(value):
    register(Pose)
    register(Robot)

    read = decode_value(encode_value(value))

    assert read == value
    assert type(read) is type(value)
    assert freeze(value) == value
    assert freeze(value) is not value


@pytest.mark.parametrize(
    "value",
    [Colour.RED, Colour.CRIMSON, Colour.BLUE, Level.LOW, Word.YES, Rights.READ | Rights.WRITE, Rights(0), Bits.A],
)
def test_an_enums_member_is_read_as_the_member(value):
    register(type(value))

    for read in (
        decode_value(encode_value(value)),
        freeze(value),
        decode_value(encode_value({value: [value]}))[value][0],
    ):
        assert read is value


@pytest.mark.parametrize(
    ("value", "golden"),
    [
        (Pose(1.5), "d9e70b8264506f736557a26178fb3ff80000000000006179fb0000000000000000"),
        (Colour.RED, "d9e70b8266436f6c6f75724463524544"),
        (Rights.READ | Rights.WRITE, "d9e70b82665269676874734103"),
    ],
)
def test_the_bytes_of_a_registered_value_never_change(value, golden):
    register(type(value))

    assert encode_value(value).hex() == golden


def test_registered_values_may_be_keys_and_elements():
    register(Pose)
    value = {Pose(1.0): {Pose(2.0)}, "set": frozenset({Pose(3.0)})}

    assert decode_value(encode_value(value)) == value


def test_no_code_of_the_class_runs_when_one_is_read():
    register(Pose)
    register(Robot)
    robot = Robot("r2", Pose(1.0))

    read = decode_value(encode_value(robot))

    assert robot.made_by_init
    assert not hasattr(read, "made_by_init")


def test_containers_in_its_fields_are_frozen_and_the_writers_stay_its_own():
    register(Pose)
    register(Robot)
    robot = Robot("r2", Pose(1.0), ["a"])
    frozen = freeze(robot)
    robot.tags.append("b")

    assert frozen.tags == ["a"]
    assert type(frozen.tags) is type(decode_value(encode_value(robot)).tags) is FrozenList


def test_who_has_not_registered_the_class_forwards_it_unchanged():
    register(Pose)
    data = encode_value([Pose(1.5), {Pose(2.0)}])
    forget(Pose)

    unknown = decode_value(data)

    assert type(unknown[0]) is Unknown
    assert unknown[0].name == "Pose"
    assert repr(unknown[0]) == "<Unknown 'Pose', 23 bytes: gossamer.register its class to read it>"
    assert encode_value(unknown) == encode_value(freeze(unknown)) == data
    assert pickle.loads(pickle.dumps(unknown[0])) == unknown[0]
    register(Pose)
    assert decode_value(encode_value(unknown)) == [Pose(1.5), {Pose(2.0)}]


def test_fields_that_only_the_writer_has_are_left_out_by_older_readers():
    newer = make_dataclass("Pose", [("x", float), ("y", float), ("z", float)])
    register(newer)
    data = encode_value(newer(1.0, 2.0, 3.0))
    forget(newer)
    register(Pose)

    assert decode_value(data) == Pose(1.0, 2.0)


def test_fields_that_only_the_reader_has_take_their_defaults():
    older = make_dataclass("Robot", [("name", str), ("pose", float)])
    register(older)
    data = encode_value(older("r2", 1.0))
    forget(older)
    register(Robot)

    assert decode_value(data).tags == []


def test_what_the_readers_class_cannot_hold_is_unknown_and_travels_on():
    older = make_dataclass("Pose", [("y", float)])
    wider = Enum("Colour", "RED GREEN")
    more = Flag("Rights", "READ WRITE RUN")
    for cls in (older, wider, more):
        register(cls)
    data = encode_value([older(1.0), wider.GREEN, more.RUN])
    for cls in (older, wider, more):
        forget(cls)
    for cls in (Pose, Colour, Rights):
        register(cls)

    read = decode_value(data)

    assert [type(each) for each in read] == [Unknown] * 3
    assert encode_value(read) == data


def test_a_class_in_place_of_an_enum_of_that_name_reads_unknown():
    register(Colour, "Thing")
    data = encode_value(Colour.RED)
    forget(Colour)
    register(Pose, "Thing")

    assert type(decode_value(data)) is Unknown


def test_register_is_a_decorator_with_and_without_a_name():
    @register
    @dataclass
    class Plain:
        x: int

    @register(name="lab.Named")
    @dataclass
    class Named:
        x: int

    assert decode_value(encode_value([Plain(1), Named(2)])) == [Plain(1), Named(2)]
    assert b"lab.Named" in encode_value(Named(2))


def test_a_name_stands_for_one_class():
    register(Pose, "Thing")
    assert register(Pose, "Thing") is Pose

    with pytest.raises(ConfigurationError, match=r"the name 'Thing' is taken by test_registered.Pose; .*another name="):
        register(Robot, "Thing")
    with pytest.raises(ConfigurationError, match="registered already, as 'Thing'"):
        register(Pose, "Other")
    assert decode_value(encode_value(Pose(1.0))) == Pose(1.0)


def test_a_class_defined_anew_takes_the_place_of_its_old_self():
    def cell():
        @register
        @dataclass
        class Cell:
            x: int

        return Cell

    old, new = cell(), cell()

    assert type(decode_value(encode_value(new(1)))) is new
    assert type(decode_value(encode_value(old(1)))) is new


class Plain:
    pass


@dataclass
class Number(int):
    x: int = 0


class SubPose(Pose):
    pass


@pytest.mark.parametrize("cls", [Plain, int, SubPose, Number, 3, Pose(1.0)], ids=lambda value: type(value).__name__)
def test_only_dataclasses_and_enums_can_be_registered(cls):
    with pytest.raises(ConfigurationError):
        register(cls)


@pytest.mark.parametrize("name", ["", "a" * 256, "\ud800", "a\n", 3, b"a"])
def test_a_name_is_short_and_printable(name):
    with pytest.raises(ConfigurationError, match="cannot name Pose"):
        register(Pose, name)


def test_a_subclass_of_a_registered_class_does_not_travel_as_it():
    register(Pose)

    with pytest.raises(UnsendableValue, match=r"gossamer.register\(SubPose\)"):
        encode_value(SubPose(1.0))


def test_the_path_to_what_cannot_travel_goes_through_fields():
    register(Pose)
    register(Robot)

    with pytest.raises(UnsendableValue, match=r'value\["poses"\]\[1\]\.x is an object'):
        encode_value({"poses": [Pose(1.0), Pose(object())]})
    with pytest.raises(UnsendableValue, match=r"value\.tags\[0\] is a bytearray"):
        encode_value(Robot("r2", Pose(1.0), [bytearray()]))


def test_what_lost_a_field_or_has_unnamed_flags_does_not_travel():
    register(Robot)
    register(Bits)
    robot = Robot("r2", None)
    del robot.name

    for value in (robot, Bits(6)):
        with pytest.raises(UnsendableValue, match="lacks a field, or has flags without a name"):
            encode_value(value)


@pytest.mark.parametrize("unknown", [Unknown("", b""), Unknown(3, b""), Unknown("a", "b"), Unknown("\ud800", b"")])
def test_an_unknown_that_a_program_made_up_does_not_travel(unknown):
    with pytest.raises(UnsendableValue, match="was not read from a mesh"):
        encode_value(unknown)


def test_registered_values_nest_sixteen_levels_and_no_more():
    register(Pose)
    deepest = 1.0
    for _ in range(16):
        deepest = Pose(deepest)
    assert decode_value(encode_value(deepest)) == deepest

    with pytest.raises(UnsendableValue, match="deeper than 16 levels"):
        encode_value([deepest])


def test_as_many_registered_values_as_may_be_written_may_be_read(monkeypatch):
    for module in ("value_encoder", "value_decoder"):
        monkeypatch.setattr(f"gossamer.wire.{module}.CONTAINERS_MAX", 100)
    register(Pose)
    assert decode_value(encode_value([Pose(1.0)] * 49)) == [Pose(1.0)] * 49

    with pytest.raises(UnsendableValue, match="more than 100 containers"):
        encode_value([Pose(1.0)] * 50)


@pytest.mark.parametrize("container", [list, dict, set], ids=lambda container: container.__name__)
def test_what_changes_while_it_is_encoded_travels_as_it_was(container):
    """Another thread may change it; here a field does so when it is looked at, at the worst moment."""
    changing = {}

    @register
    @dataclass(frozen=True)
    class Nosy:
        x: int

        def __getattribute__(self, name):
            if name == "x" and changing:
                changing.pop("now")()
            return object.__getattribute__(self, name)

    shared = {list: [Nosy(1), 2.0], dict: {"a": Nosy(1), "b": 2.0}, set: {Nosy(1), 2.0}}[container]
    before = container(shared)
    changing["now"] = shared.clear

    read = decode_value(encode_value(shared))

    assert not shared
    assert read == before
