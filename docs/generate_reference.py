#!/usr/bin/env python3
"""Rewrites the generated parts of the documentation from the code.

    uv run python docs/generate_reference.py            # rewrite
    uv run python docs/generate_reference.py --check    # exit status 1 if a page is out of date

A section lies between `<!-- generated: NAME -->` and `<!-- end -->`; `SECTIONS` has its maker. The
documents that are generated as a whole, for programs, are those of `DOCUMENTS`.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ormsgpack
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from typer.models import OptionInfo

from ac_bridge import ACBridgeLocal, RealTimeStepper, Ticker
from ac_bridge.cli.actor import actor
from ac_bridge.cli.actors import actors
from ac_bridge.cli.cert import new as new_cert
from ac_bridge.cli.control import try_controls
from ac_bridge.cli.demo import demo
from ac_bridge.cli.doctor import doctor
from ac_bridge.cli.link_test import link_test
from ac_bridge.cli.relay import relay
from ac_bridge.cli.reset import reset
from ac_bridge.cli.schema import schema
from ac_bridge.cli.setup import setup
from ac_bridge.cli.simulate import simulate
from ac_bridge.cli.smoke import smoke_test
from ac_bridge.cli.telemetry import watch_telemetry
from ac_bridge.cli.token import new as new_token
from ac_bridge.control.gears import DEFAULT_SHIFTS
from ac_bridge.control.reset import DEFAULT_PLAN
from ac_bridge.control.smoothing import DEFAULT_PRESET, PRESETS, AxisSmoothing
from ac_bridge.game import Page
from ac_bridge.game.shared_pages import AC_PREFIX, MIN_BYTES
from ac_bridge.game.uinput import AXIS
from ac_bridge.game.vjoy_driver import AXIS_USAGES
from ac_bridge.machine.controls_ini import LINEAR
from ac_bridge.machine.mapping import UINPUT, VJOY
from ac_bridge.machine.preset import preset_text
from ac_bridge.relay.settings import RelaySettings
from ac_bridge.settings import ActorSettings, Settings
from ac_bridge.telemetry.layout import LAYOUTS
from ac_bridge.telemetry.observation import BRIDGE15, FEATURES, RACING, ObservationPlan
from ac_bridge_client import ProgressTask, RemoteEnv
from ac_bridge_client.drivers import LineDriver
from ac_bridge_client.laps import LapReport
from ac_bridge_client.stats import EnvStats
from ac_bridge_protocol import errors, limits, messages
from ac_bridge_protocol.asyncapi import TURNED_AWAY, asyncapi
from ac_bridge_protocol.edge import PolicyRefusal, PolicyState
from ac_bridge_protocol.frame import (
    Flag,
    GameState,
    GameStatics,
    GameStatus,
    SessionType,
    TelemetryFrame,
)
from ac_bridge_protocol.runs import RunEnd
from ac_bridge_protocol.schema import as_text, examples, json_schema, member_docs, plain
from ac_bridge_protocol.session import ACTOR, Move, SessionState, Way
from ac_bridge_protocol.spec import SHIFTING_ACTION, ActionSpec, EnvSpec, FeatureSpec, Mode
from ac_bridge_protocol.tasks import (
    Collision,
    LapLimit,
    LapTimeTask,
    LineSpeedTask,
    OffTrack,
    StepLimit,
    Stuck,
    TimeLimit,
    Wreck,
    WrongWay,
)
from ac_bridge_protocol.wire import WireModel

DOCS = Path(__file__).parent
PAGES = tuple(
    DOCS / f"{name}.md"
    for name in (
        "api_reference",
        "control",
        "observations",
        "protocol",
        "tasks",
        "telemetry",
        "timing",
    )
)
DOCUMENTS: dict[Path, Callable[[], str]] = {
    DOCS / "protocol" / "messages.schema.json": lambda: as_text(json_schema()),
    DOCS / "protocol" / "asyncapi.json": lambda: as_text(asyncapi()),
}
"""What is generated as a whole."""
MARKED = re.compile(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", re.DOTALL)

# --- Reading the code -----------------------------------------------------------------------------


def argument_docs(source: Callable[..., Any]) -> dict[str, str]:
    """Return the `Args:` of a class's (or its constructor's) docstring, by name."""
    text = inspect.getdoc(source) or ""
    if "Args:" not in text:
        text = inspect.getdoc(source.__init__) or ""
    section = re.search(r"Args:\n((?:    .*\n?|\n)*)", text)
    found = re.findall(
        r"^    (\w+): (.*(?:\n {8}.*)*)", section.group(1) if section else "", re.MULTILINE
    )
    return {name: " ".join(said.split()) for name, said in found}


def groups(model: type[WireModel]) -> dict[str, list[str]]:
    """Return a model's fields below the headings that its source gives them."""
    grouped: dict[str, list[str]] = {}
    heading = ""
    for line in inspect.getsource(model).splitlines():
        if comment := re.match(r" {4}# --- (.+?) -+$", line):
            heading = comment.group(1)
        elif (field := re.match(r" {4}(\w+):", line)) and field.group(1) in model.model_fields:
            grouped.setdefault(heading, []).append(field.group(1))
    return grouped


def first_sentence(text: str | None) -> str:
    """Return a docstring's first paragraph on one line."""
    return " ".join((text or "").split("\n\n")[0].split())


def kind(annotation: Any) -> str:
    """Return a type as a reader says it."""
    if typing.get_origin(annotation) is typing.Annotated:
        return kind(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(annotation))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " or ".join(kind(part) for part in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        first, *rest = typing.get_args(annotation)
        return f"{kind(first)}[{'n' if rest == [...] else len(rest) + 1}]"
    if annotation is SecretStr:
        return "str"
    return "none" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def bounds(field: FieldInfo) -> str:
    """Return the range that a field's constraints leave."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return ", ".join(
        f"{sign} {number(getattr(constraint, name))}"
        for constraint in field.metadata
        for name, sign in signs.items()
        if hasattr(constraint, name)
    )


def number(value: Any) -> str:
    """Return a number as short as it can be said."""
    if isinstance(value, int) and value > 0 and value == 2 ** (value.bit_length() - 1) > 2**20:
        return f"2^{value.bit_length() - 1}"
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- Writing markdown -----------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; every cell on one line."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(text: str) -> str:
    """Return text that stays within its cell and reads as markdown."""
    text = re.sub(r"\[(`\w+`)\]\[\]", r"\1", text)
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def code(value: Any) -> str:
    """Return a value as code; nothing for an empty one."""
    value = value.value if isinstance(value, enum.Enum) else value
    return f"`{number(value)}`" if value != "" else '`""`'


def unit(said: str) -> str:
    """Return a unit, or a dash for a plain number."""
    return said or "-"


# --- Sections -------------------------------------------------------------------------------------


def frame_section(model: type[WireModel] = TelemetryFrame) -> str:
    """Return a page's fields, by group."""
    parts = []
    for heading, names in groups(model).items():
        rows = [_page_field(name, model.model_fields[name]) for name in names]
        title = [f"**{heading}**"] if heading else []
        head = ("field", "type", "unit", "range", "source", "byte", "meaning")
        parts += [*title, table(head, rows)]
    return "\n\n".join(parts)


def _page_field(name: str, field: FieldInfo) -> Sequence[str]:
    extra = field.json_schema_extra
    said: Mapping[str, Any] = extra if isinstance(extra, dict) else {}
    range_, source = str(said.get("range", "")), str(said.get("source", ""))
    return (
        f"`{name}`",
        kind(field.annotation),
        unit(str(said.get("unit", ""))),
        range_,
        source,
        _first_byte(source),
        field.description or "",
    )


def _first_byte(source: str) -> str:
    """Return where in its page a source begins; empty if it comes from none."""
    label, _, name = source.partition(".")
    layouts = [layout for page, layout in LAYOUTS.items() if page.label == label]
    return str(layouts[0].fields[name].offset) if layouts else ""


def left_out_section() -> str:
    """Return the fields of the pages that no model has."""
    taken = {
        str(field.json_schema_extra.get("source", ""))
        for model in (TelemetryFrame, GameStatics)
        for field in model.model_fields.values()
        if isinstance(field.json_schema_extra, dict)
    }
    there = [f"{page.label}.{name}" for page, layout in LAYOUTS.items() for name in layout.fields]
    return ", ".join(f"`{name}`" for name in there if name not in taken)


WRITTEN = {
    Page.PHYSICS: "every 3 ms step, 333.3 times a second, while the car is simulated",
    Page.GRAPHICS: "once a drawn frame",
    Page.STATIC: "once, when the car is there",
}
"""How often the game writes each page."""


def page_section() -> str:
    """Return the three pages: names, sizes, how often they are written."""
    rows = [
        (
            f"`Local\\{AC_PREFIX}{page.label}`",
            f"`/dev/shm/{AC_PREFIX}{page.label}`",
            str(page.size_bytes),
            str(MIN_BYTES[page]),
            WRITTEN[page],
        )
        for page in Page
    ]
    head = ("Windows", "Linux, by a bridge", "bytes that 1.16 writes", "least accepted", "written")
    return table(head, rows)


def state_words_section() -> str:
    """Return the game's states."""
    docs = member_docs(GameState)
    return table(("state", "meaning"), [(code(word), docs[word.name]) for word in GameState])


def page_words_section() -> str:
    """Return the numbers that the pages use, one line an enumeration."""
    lines = []
    for words_of in (GameStatus, SessionType, Flag):
        said = ", ".join(f"{word.value} {word.name}" for word in words_of)
        lines.append(f"- **`{words_of.__name__}`** - {first_sentence(words_of.__doc__)} {said}.")
    return "\n".join(lines)


def statics_section() -> str:
    """Return the fields of the static page."""
    return frame_section(GameStatics)


def model_section(*models: type[WireModel]) -> str:
    """Return the fields of small models, one table each."""
    parts = []
    for model in models:
        docs = member_docs(model)
        rows = [
            (f"`{name}`", kind(field.annotation), bounds(field), docs.get(name, ""))
            for name, field in model.model_fields.items()
            if name != "type"  # which the overview has
        ]
        title = f"**`{model.__name__}`** - {first_sentence(model.__doc__)}"
        parts += [cell(title), table(("field", "type", "range", "meaning"), rows)]
    return "\n\n".join(parts)


def message_section() -> str:
    """Return an overview of the messages."""
    rows = []
    for name, model in messages.MESSAGE_TYPES.items():
        way, meaning = way_of(name, model)
        fields = [field for field in model.model_fields if field != "type"]
        said = ", ".join(f"`{field}`" for field in fields)
        rows.append((f"[`{name}`](protocol.md#{name})", way, said, meaning))
    return table(("type", "from, to", "fields", "meaning"), rows)


def way_of(name: str, model: type[WireModel]) -> tuple[str, str]:
    """Return who sends a message to whom, and what it means."""
    way, _, meaning = first_sentence(model.__doc__).partition(": ")
    if not meaning:
        way, meaning = "Actor to learner" if name == "failure" else "Either way", way
    return way, meaning[0].upper() + meaning[1:]


ON_THE_WIRE = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "none": "null",
}
"""Python's types, as a reader says it who has another language."""


def every_message_section() -> str:
    """Return each message: its fields, and its examples in both codecs."""
    return "\n\n".join(map(_message_section, messages.MESSAGE_TYPES.items()))


def _message_section(named: tuple[str, type[WireModel]]) -> str:
    name, model = named
    way, meaning = way_of(name, model)
    parts = [f"### `{name}`", cell(plain(f"{way}: {meaning}"))]
    docs = member_docs(model)
    rows = [
        (
            f"`{field}`",
            re.sub(
                r"\w+", lambda found: ON_THE_WIRE.get(found[0], found[0]), kind(about.annotation)
            ),
            bounds(about),
            "required" if about.is_required() else f"`{json.dumps(about.default)}`",
            plain(docs.get(field, "")),
        )
        for field, about in model.model_fields.items()
        if field != "type"
    ]
    if rows:
        parts.append(table(("field", "type", "range", "default", "meaning"), rows))
    for said, example in examples()[name]:
        parts += [f"{said[0].upper()}{said[1:]}:", _as_json(example), _as_msgpack(example)]
    return "\n\n".join(parts)


MANY = {list: 8, dict: 20}
"""How many elements an example shows in full."""
SHOWN = {list: 3, dict: 4}
"""How many of more it shows."""


def _as_json(message: Mapping[str, Any]) -> str:
    """Return a message as JSON for the eye: what is long is cut, and says so."""
    lines = _json_lines(message, "")
    cut = any("..." in line for line in lines)
    return "\n".join([f"```{'text' if cut else 'json'}", *lines, "```"])


def _json_lines(value: Any, indent: str) -> list[str]:
    if not isinstance(value, dict | list) or not value or _is_flat(value):
        return _cut_short(value)
    shown, left_out = _some_of(value)
    deeper = indent + "  "
    parts = [
        ["".join((deeper, label, lines[0])), *lines[1:]]
        for label, lines in ((label, _json_lines(part, deeper)) for label, part in shown)
    ]
    for part in parts[: len(parts) if left_out else -1]:
        part[-1] += ","
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    rest = [f"{deeper}... {left_out} more"] if left_out else []
    return [opening, *(line for part in parts for line in part), *rest, indent + closing]


def _is_flat(value: dict[str, Any] | list[Any]) -> bool:
    """Whether it fits a line: numbers and words alone, or a small map of them."""
    parts = value if isinstance(value, list) else list(value.values())
    fits = isinstance(value, list) or len(json.dumps(value)) <= 100
    return fits and not any(isinstance(part, dict | list) for part in parts)


def _cut_short(value: Any) -> list[str]:
    """Return a value on one line."""
    if isinstance(value, list) and len(value) > MANY[list]:
        first = ", ".join(json.dumps(part) for part in value[: SHOWN[list]])
        return [f"[{first}, ... {len(value) - SHOWN[list]} more]"]
    return [json.dumps(value, ensure_ascii=False)]


def _some_of(value: dict[str, Any] | list[Any]) -> tuple[list[tuple[str, Any]], int]:
    """Return the parts that are shown, each with its label; and how many are not."""
    if isinstance(value, dict):
        parts = [(f"{json.dumps(name)}: ", part) for name, part in value.items()]
    else:
        parts = [("", part) for part in value]
    if len(parts) <= MANY[type(value)]:
        return parts, 0
    return parts[: SHOWN[type(value)]], len(parts) - SHOWN[type(value)]


DUMPED_WHOLE = 256
"""Most bytes of an example in MessagePack that are all shown; of a longer one, a quarter is."""


def _as_msgpack(message: Mapping[str, Any]) -> str:
    """Return a message as MessagePack: a hex dump, with the characters beside it."""
    data = ormsgpack.packb(message)
    shown = data if len(data) <= DUMPED_WHOLE else data[: DUMPED_WHOLE // 4]
    lines = [
        f"{row.hex(' '):<47}  |{''.join(chr(one) if 32 <= one < 127 else '.' for one in row)}|"
        for row in (shown[at : at + 16] for at in range(0, len(shown), 16))
    ]
    rest = [f"... {len(data) - len(shown):,} bytes more"] if len(shown) < len(data) else []
    return "\n".join([f"{len(data):,} bytes of MessagePack:\n\n```text", *lines, *rest, "```"])


def turned_away_section() -> str:
    """Return the statuses of HTTP before a WebSocket opens."""
    rows = [
        (str(turned.status), ", ".join(f"`{code}`" for code in turned.codes), turned.when)
        for turned in TURNED_AWAY
    ]
    return table(("status", "code", "when"), rows)


def enum_section() -> str:
    """Return the words that messages and settings use."""
    words = (
        *(Mode, messages.Role, messages.ResetPhase, messages.EventKind),
        *(messages.EndReason, PolicyState, PolicyRefusal, RunEnd),
    )
    rows = []
    for words_of in words:
        docs = member_docs(words_of)
        rows += [
            (f"`{words_of.__name__}`", f"{code(member)} {member.name}", docs.get(member.name, ""))
            for member in words_of
        ]
    return table(("enumeration", "value", "meaning"), rows)


def error_section() -> str:
    """Return the tree of errors, and the codes under which they cross the wire."""
    rows = [
        ("&nbsp;" * 4 * depth + f"`{error.__name__}`", _code_of(error), first_sentence(doc))
        for depth, error, doc in _tree(errors.ACBridgeError, 0)
    ]
    docs = member_docs(errors.ErrorCode)
    codes = [(f"`{word.value}`", _raised_for(word), docs[word.name]) for word in errors.ErrorCode]
    return "\n\n".join(
        [
            table(("class", "code", "meaning"), rows),
            table(("code", "raised by the client as", "meaning"), codes),
        ]
    )


def _tree(
    error: type[errors.ACBridgeError], depth: int
) -> Iterator[tuple[int, type[errors.ACBridgeError], str]]:
    yield depth, error, error.__doc__ or ""
    for child in error.__subclasses__():
        yield from _tree(child, depth + 1)


def _code_of(error: type[errors.ACBridgeError]) -> str:
    own = "code" in inspect.signature(error.__init__).parameters
    if own:
        return "its own"
    return f"`{error.code.value}`" if error.code else ""


def _raised_for(word: errors.ErrorCode) -> str:
    return f"`{type(errors.error_from_wire(word, '', '')).__name__}`"


def settings_section(settings: type[Settings], command: Callable[..., Any]) -> str:
    """Return the settings of a program: flag, variable, key."""
    docs = member_docs(settings)
    options = dict(_options(command))
    prefix = settings.model_config.get("env_prefix", "")
    rows = []
    for name, field in settings.model_fields.items():
        # A flag that may be said several times is called after one; no secret has a flag.
        one = {"allow_origins": "allow_origin", "trusted_proxies": "trusted_proxy"}.get(name, name)
        said = _spellings(one, options[one]) if one in options else []
        flag = " / ".join(f"`{spelt}`" for spelt in said)
        values = bounds(field) or kind(field.annotation)
        default = f"`{str(field.default).lower()}`" if field.annotation is bool else ""
        rows.append(
            (
                flag,
                f"`{prefix}{name.upper()}`",
                f"`{name}`",
                values,
                default or code(field.default),
                docs.get(name, ""),
            )
        )
    return table(("flag", "variable", "TOML key", "values", "default", "meaning"), rows)


def options_section(command: Callable[..., Any]) -> str:
    """Return the options of a command that are not hidden."""
    parameters = inspect.signature(command).parameters
    rows = []
    for name, option in _options(command):
        ends = [
            f"{sign} {end:g}"
            for sign, end in ((">=", option.min), ("<=", option.max))
            if end is not None
        ]
        flags = " / ".join(f"`{spelt}`" for spelt in _spellings(name, option))
        default = _default_of(parameters[name].default, option.help or "")
        meaning = DEFAULT_IN_HELP.sub("", option.help or "").strip()
        rows.append((flags, ", ".join(ends), default, meaning))
    return table(("option", "range", "default", "meaning"), rows)


DEFAULT_IN_HELP = re.compile(r"Default:? ((?:[^.]|\.\w)+(?:, if any)?)\.")
"""How a help text says what happens without the option: in the table that is a column."""


def _default_of(value: Any, help_: str) -> str:
    if said := DEFAULT_IN_HELP.search(help_):
        return said.group(1)
    if value is None:
        return ""
    return "off" if value is False else code(value)


def _options(command: Callable[..., Any]) -> Iterator[tuple[str, OptionInfo]]:
    """Return the options of a command, by the name of their parameter, without hidden ones."""
    hints = typing.get_type_hints(command, include_extras=True)
    for name in inspect.signature(command).parameters:
        said = getattr(hints[name], "__metadata__", ())
        option = next((one for one in said if isinstance(one, OptionInfo)), None)
        if option is not None and not option.hidden:  # an argument is no option
            yield name, option


def _spellings(name: str, option: OptionInfo) -> list[str]:
    """Return the flags of an option: one, or two where it can be said and denied."""
    # Within Annotated, typer takes a flag's spelling for a default at first.
    said = [
        word
        for word in (option.default, *(option.param_decls or ()))
        if isinstance(word, str) and word.startswith("--")
    ]
    return said[0].split("/") if said else [f"--{name.replace('_', '-')}"]


def arguments_section(source: Callable[..., Any]) -> str:
    """Return the arguments of a class, with their defaults."""
    docs = argument_docs(source)
    rows = []
    for name, parameter in inspect.signature(source).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        has_word = isinstance(parameter.default, str | int | float | None)
        default = "required" if required else code(parameter.default) if has_word else ""
        rows.append((f"`{name}`", default, docs.get(name, "")))
    return table(("argument", "default", "meaning"), rows)


def attributes_section(source: type) -> str:
    """Return the attributes of a plain class, with what stands below them."""
    docs = member_docs(source)
    rows = [
        (f"`{name}`", str(said), docs.get(name, ""))
        for name, said in inspect.get_annotations(source).items()
    ]
    return table(("attribute", "type", "meaning"), rows)


BRIDGE15_SOURCES = (
    "speed_kmh", "velocity[0]", "velocity[1]", "velocity[2]", "throttle", "brake", "steer_angle",
    "rpm", "gear", "acc_g[0]", "acc_g[1]", "acc_g[2]", "avg_wheel_slip", "tyres_out", "car_damage",
)  # fmt: skip
"""Fields of the frame that the elements come from."""


def observation_section() -> str:
    """Return the default observation, element by element."""
    return elements_of(BRIDGE15)


def racing_section() -> str:
    """Return the profile `racing`, element by element."""
    return elements_of(RACING)


def elements_of(plan: ObservationPlan) -> str:
    """Return an observation, element by element, with where each comes from."""
    rows = []
    names = (name for feature in plan.features for name in feature.element_names)
    sources = {name: feature.source for name, feature in FEATURES.items()}
    described = [feature for feature in plan.features for _ in range(feature.size)]
    for index, (name, feature) in enumerate(zip(names, described, strict=True)):
        source = sources.get(feature.name, "") if plan is not BRIDGE15 else BRIDGE15_SOURCES[index]
        limits_ = (f"{feature.scale:g}", f"{feature.low:g}", f"{feature.high:g}")
        rows.append((str(index), f"`{name}`", unit(feature.unit), *limits_, source))
    return table(("index", "name", "unit", "divided by", "low", "high", "source"), rows)


def feature_section() -> str:
    """Return every feature of the registry, with its defaults."""
    rows = []
    for feature in FEATURES.values():
        spec = feature.spec(feature.read({}))
        elements = ", ".join(name.removeprefix(feature.name) for name in spec.element_names[:5])
        shown = f"{spec.size}: `{elements}`" if spec.size > 1 else "1"
        shown += " ..." * (spec.size > len(spec.element_names[:5]))
        options = "; ".join(
            f"`{name}` {option.default:g} ({option.low:g} to {option.high:g}): {option.meaning}"
            for name, option in feature.options.items()
        )
        bounds = f"{spec.low:g} to {spec.high:g}"
        meaning = f"{feature.meaning} {options}".strip()
        rows.append(
            (f"`{feature.name}`", shown, unit(feature.unit), f"{spec.scale:g}", bounds, meaning)
        )
    return table(("name", "elements", "unit", "divided by", "bounds", "meaning, and options"), rows)


def rules_section() -> str:
    """Return every rule that ends episodes, with its constants."""
    rows = []
    for rule in (OffTrack, Stuck, WrongWay, Collision, Wreck, LapLimit, StepLimit, TimeLimit):
        what = (rule.__doc__ or "").strip().splitlines()[0]
        docs = argument_docs(rule)
        constants = "; ".join(
            f"`{name}`"
            + ("" if p.default is inspect.Parameter.empty else f" {p.default:g}")
            + f": {docs.get(name, '').rstrip('.')}"
            for name, p in inspect.signature(rule).parameters.items()
        )
        rows.append((f"`{rule.__name__}`", what.replace("``", "`"), constants))
    return table(("rule", "ends an episode when", "constants"), rows)


def action_section() -> str:
    """Return the action, component by component."""
    rows = [
        (str(index), f"`{component.name}`", f"{component.low:g}", f"{component.high:g}")
        for index, component in enumerate(SHIFTING_ACTION)
    ]
    return table(("index", "name", "low", "high"), rows)


def preset_section() -> str:
    """Return the smoothing presets."""

    def axis(said: AxisSmoothing) -> str:
        if said == AxisSmoothing():
            return "at once"
        return f"+{said.rise_per_s:g} / -{said.fall_per_s:g}, {said.ema_tau_s:g} s"

    rows = [
        (
            f"`{name}`" + (" (default)" if name == DEFAULT_PRESET else ""),
            *(axis(a) for a in (config.steer, config.throttle, config.brake, config.clutch)),
        )
        for name, config in PRESETS.items()
    ]
    return table(("preset", "steer", "throttle", "brake", "clutch"), rows)


def plan_section(plan: Any) -> str:
    """Return every value of a plan, a dataclass; of a plan within it, that it has a table too."""
    docs = member_docs(type(plan))
    rows = []
    for field in dataclasses.fields(plan):
        value = getattr(plan, field.name)
        said = "see above" if dataclasses.is_dataclass(value) else code(value)
        rows.append((f"`{field.name}`", said, docs[field.name]))
    return table(("name", "value", "meaning"), rows)


def axes_section() -> str:
    """Return the wheel's axes, as vJoy, the kernel and the game number them."""
    names = dict(zip(("steer", "throttle", "brake", "clutch"), AXIS_USAGES, strict=True))
    rest = {"steer": "centre"}
    rows = [
        (
            action,
            f"`{axis}`",
            f"`ABS_{axis}`",
            rest.get(action, "low end"),
            f"`[{section}]`",
            f"`{VJOY.axles[section]}`",
            f"`{UINPUT.axles[section]}`",
        )
        for (action, axis), section in zip(names.items(), VJOY.axles, strict=True)
    ]
    head = ("control", "vJoy axis", "uinput axis", "at rest", "section in AC's controls.ini")
    return table((*head, "`AXLE`, Windows", "`AXLE`, Linux"), rows) + (
        f"\n\nuinput axes run from {AXIS.low} to {AXIS.high}; vJoy's driver is asked for its own "
        "range, usually 1 to 32768."
    )


BUTTON_SETTINGS = ("shift_up_button", "shift_down_button", "restart_button", "start_button")
"""The settings of the buttons in `WheelMapping.buttons`, in its order."""


def buttons_section() -> str:
    """Return the wheel's buttons."""
    docs = member_docs(ActorSettings)
    rows = [
        (str(button), f"`{setting}`", f"`[{section}] BUTTON={button - 1}`", docs[setting])
        for (section, button), setting in zip(VJOY.buttons.items(), BUTTON_SETTINGS, strict=True)
    ]
    return table(("button", "setting", "in AC's controls.ini", "meaning"), rows)


def linear_section() -> str:
    """Return the game's settings that bend what the wheel says."""
    rows = [
        (f"`[{section}] {key}`", f"`{value}`", why[0].upper() + why[1:])
        for (section, key), (value, why) in LINEAR.items()
    ]
    return table(("setting", "value that leaves it alone", "otherwise"), rows)


def preset_file_section() -> str:
    """Return the preset that `ac-bridge setup` makes of no bindings at all, on Windows."""
    return f"```ini\n{preset_text('', VJOY).rstrip()}\n```"


def limit_section() -> str:
    """Return the bounds of the wire, each with its reason."""
    rows = [
        (f"`{name}`", _limit(getattr(limits, name)), said)
        for name, said in member_docs(limits).items()
    ]
    return table(("limit", "value", "reason"), rows)


def _limit(value: float | Mapping[str, int]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"`{name}` {one:,}" for name, one in value.items())
    return f"{value:,}"


def state_section() -> str:
    """Return the actor's session as a diagram, drawn from its table."""
    everywhere = [
        move
        for move in {move for moves in ACTOR.values() for move in moves}
        if _changes_nothing(move)
    ]
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {state.name}' for state in SessionState]
    lines.append("    [*] --> CONNECTED")
    for state, moves in ACTOR.items():
        edges: dict[SessionState, list[str]] = {}
        for move, following in moves.items():
            if move not in everywhere:
                edges.setdefault(following, []).append(_said(move))
        lines += [
            f"    {state.name} --> {following.name}: {', '.join(said)}"
            for following, said in edges.items()
        ]
    lines += [
        "    note right of RESUMED: goes on in the state in which the link was lost",
        "    CLOSED --> [*]",
        "```",
        "",
    ]
    said = ", ".join(sorted(f"{_said(move)}" for move in everywhere))
    lines.append(f"Allowed in every state from the welcome on, and changing none: {said}.")
    return "\n".join(lines)


def _changes_nothing(move: Move) -> bool:
    at = [(state, moves[move]) for state, moves in ACTOR.items() if move in moves]
    return len(at) > 1 and all(state is following for state, following in at)


def _said(move: Move) -> str:
    way, name = move
    kind_of, _, rest = name.partition(":")
    said = f"{kind_of} ({rest.replace(':', ', ')})" if rest else kind_of
    return f"learner {said}" if way is Way.IN else f"actor {said}"


SECTIONS: dict[str, Callable[[], str]] = {
    "frame": frame_section,
    "statics": statics_section,
    "spec": lambda: model_section(EnvSpec, FeatureSpec, ActionSpec),
    "receipt": lambda: model_section(messages.Receipt, messages.WheelState),
    "messages": message_section,
    "every_message": every_message_section,
    "turned_away": turned_away_section,
    "message_fields": lambda: model_section(
        *(messages.Hello, messages.Welcome, messages.Reset, messages.ResetResult),
        *(messages.Step, messages.StepResult, messages.Ping, messages.Pong, messages.Event),
    ),
    "words": enum_section,
    "errors": error_section,
    "settings": lambda: settings_section(ActorSettings, actor),
    "relay_settings": lambda: settings_section(RelaySettings, relay),
    "token_new": lambda: options_section(new_token),
    "cert_new": lambda: options_section(new_cert),
    "actors": lambda: options_section(actors),
    "link_test": lambda: options_section(link_test),
    "schema": lambda: options_section(schema),
    "demo": lambda: options_section(demo),
    "doctor": lambda: options_section(doctor),
    "setup": lambda: options_section(setup),
    "test_telemetry": lambda: options_section(watch_telemetry),
    "test_control": lambda: options_section(try_controls),
    "reset": lambda: options_section(reset),
    "smoke_test": lambda: options_section(smoke_test),
    "simulate": lambda: options_section(simulate),
    "pages": page_section,
    "left_out": left_out_section,
    "game_states": state_words_section,
    "page_words": page_words_section,
    "axes": axes_section,
    "buttons": buttons_section,
    "linear": linear_section,
    "preset_file": preset_file_section,
    "shift_plan": lambda: plan_section(DEFAULT_SHIFTS),
    "reset_plan": lambda: plan_section(DEFAULT_PLAN),
    "local": lambda: arguments_section(ACBridgeLocal),
    "stepper": lambda: arguments_section(RealTimeStepper),
    "ticker": lambda: arguments_section(Ticker),
    "remote_env": lambda: arguments_section(RemoteEnv),
    "progress_task": lambda: arguments_section(ProgressTask),
    "line_driver": lambda: arguments_section(LineDriver),
    "env_stats": lambda: attributes_section(EnvStats),
    "lap_report": lambda: attributes_section(LapReport),
    "axis_smoothing": lambda: attributes_section(AxisSmoothing),
    "presets": preset_section,
    "observation": observation_section,
    "racing": racing_section,
    "features": feature_section,
    "line_speed_task": lambda: arguments_section(LineSpeedTask),
    "lap_time_task": lambda: arguments_section(LapTimeTask),
    "rules": rules_section,
    "action": action_section,
    "limits": limit_section,
    "states": state_section,
}

# --- The command ----------------------------------------------------------------------------------


def rewritten(text: str) -> str:
    """Return a page with its generated sections made anew."""

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        return f"<!-- generated: {name} -->\n\n{SECTIONS[name]()}\n\n<!-- end -->"

    return MARKED.sub(replace, text)


def wanted_texts() -> Iterator[tuple[Path, str]]:
    """Return every page and document as it should be."""
    for page in PAGES:
        yield page, rewritten(page.read_text(encoding="utf-8"))
    for document, make in DOCUMENTS.items():
        yield document, make()


def main() -> int:
    """Rewrite what is out of date, or only say what is; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if out of date")
    check = parser.parse_args().check
    stale = []
    for file, wanted in wanted_texts():
        if not file.exists() or file.read_text(encoding="utf-8") != wanted:
            stale.append(file.name)
            if not check:
                file.parent.mkdir(exist_ok=True)
                file.write_text(wanted, encoding="utf-8", newline="\n")
    if stale:
        done = "out of date; run docs/generate_reference.py" if check else "rewritten"
        sys.stdout.write(f"{', '.join(stale)}: {done}\n")
    return 1 if stale and check else 0


if __name__ == "__main__":
    raise SystemExit(main())
