"""`deploy/windows/`: a script and a task that nobody here can run, read as closely as we can."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

WINDOWS = Path(__file__).parents[2] / "deploy" / "windows"
SCRIPT = WINDOWS / "install.ps1"
TASK = WINDOWS / "ac-bridge-task.xml"
SPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
ORDER = {
    "Task": ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"],
    # Those two are a sequence in the schema; the others may stand in any order there, and stand
    # here as Task Scheduler writes them.
    "LogonTrigger": ["Repetition", "UserId"],
    "Repetition": ["Interval", "Duration", "StopAtDurationEnd"],
    "Principal": ["UserId", "LogonType", "RunLevel"],
    "Settings": [
        "MultipleInstancesPolicy",
        "DisallowStartIfOnBatteries",
        "StopIfGoingOnBatteries",
        "AllowHardTerminate",
        "StartWhenAvailable",
        "RunOnlyIfNetworkAvailable",
        "AllowStartOnDemand",
        "Enabled",
        "Hidden",
        "RunOnlyIfIdle",
        "WakeToRun",
        "ExecutionTimeLimit",
        "Priority",
        "RestartOnFailure",
    ],
    "RestartOnFailure": ["Interval", "Count"],
    "Exec": ["Command", "Arguments", "WorkingDirectory"],
}


def task() -> ET.Element:
    """Return the task's definition."""
    return ET.fromstring(TASK.read_text(encoding="ascii"))  # noqa: S314 -- our own file


def said(path: str) -> str | None:
    """Return what an element of the task says."""
    return task().findtext("/".join(SPACE + name for name in path.split("/")))


def test_the_task_is_in_the_order_that_task_scheduler_wants() -> None:
    """Nothing that its schema does not know, and each where it belongs."""
    root = task()
    assert (root.tag, root.attrib) == (f"{SPACE}Task", {"version": "1.2"})
    for element in root.iter():
        order = ORDER.get(element.tag.removeprefix(SPACE))
        children = [child.tag.removeprefix(SPACE) for child in element]
        if order is not None:
            assert children == [name for name in order if name in children]
            assert len(set(children)) == len(children)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Principals/Principal/LogonType", "InteractiveToken"),
        ("Principals/Principal/RunLevel", "LeastPrivilege"),
        ("Settings/DisallowStartIfOnBatteries", "false"),
        ("Settings/StopIfGoingOnBatteries", "false"),
        ("Settings/ExecutionTimeLimit", "PT0S"),
        ("Settings/MultipleInstancesPolicy", "IgnoreNew"),
        ("Settings/RestartOnFailure/Interval", "PT1M"),
        ("Triggers/LogonTrigger/Repetition/Interval", "PT5M"),
    ],
)
def test_the_task_runs_in_the_session_and_for_ever(path: str, value: str) -> None:
    """At log-on, as the user, without more rights, without an end, once."""
    assert said(path) == value


def test_the_task_refers_to_its_own_principal_and_one_user() -> None:
    """Who logs on is who it runs as, and the actions are that principal's."""
    root = task()
    principal = root.find(f"{SPACE}Principals/{SPACE}Principal")
    actions = root.find(f"{SPACE}Actions")
    assert principal is not None
    assert actions is not None
    assert actions.get("Context") == principal.get("id")
    assert said("Triggers/LogonTrigger/UserId") == said("Principals/Principal/UserId")


def test_the_script_has_no_error_of_syntax() -> None:
    """As far as a grammar of PowerShell can tell."""
    tree_sitter = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_powershell")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    assert not parser.parse(SCRIPT.read_bytes()).root_node.has_error
    broken = SCRIPT.read_bytes().replace(b"param(", b"param((", 1)
    assert parser.parse(broken).root_node.has_error


def test_the_script_is_ascii() -> None:
    """Windows PowerShell 5.1 takes a file without a mark to be in the machine's own code page."""
    assert SCRIPT.read_text(encoding="ascii")


def test_every_parameter_is_explained_and_no_other() -> None:
    """`Get-Help` knows each, and each has a way to be used."""
    text = SCRIPT.read_text()
    explained = re.findall(r"^\.PARAMETER (\w+)$", text, re.M)
    block = text[text.index("\nparam(") : text.index("\n)\n")]
    declared = re.findall(r"\[(?:string|switch)\] \$(\w+)", block)
    assert explained == declared
    assert text.count(".EXAMPLE") >= 4
    for name in re.findall(r"install\.ps1 (?:-(\w+))", text):
        assert name in [*declared, "WhatIf"]


def test_every_function_is_used_and_every_used_one_defined() -> None:
    """No call of a function of ours that is misspelt, none that nobody calls."""
    text = SCRIPT.read_text()
    body = text[text.index("#>") :]
    defined = re.findall(r"^function ([\w-]+)", body, re.M)
    for name in defined:
        assert len(re.findall(rf"(?<![\w-]){name}(?![\w-])", body)) >= 2, name
    nouns = {name.partition("-")[2] for name in defined}
    for called in re.findall(
        r"(?<![\w-])[A-Z]\w+-(?:Task|Actor\w*|Firewall|Health|Loopback)\b", body
    ):
        assert called in defined, called
    assert nouns


def test_the_script_sets_what_the_task_has() -> None:
    """Each element that it fills in exists in the definition, and says the same but for places."""
    text = SCRIPT.read_text()
    for path in re.findall(r"\$xml\.Task\.([\w.]+) =", text):
        assert said(path.replace(".", "/")) is not None, path
    for name in re.findall(r"\$exec\.(\w+) =", text):
        assert said(f"Actions/Exec/{name}") is not None, name
    given = re.search(r'\$exec\.Arguments = "(.*)"$', text, re.M)
    options = re.search(r"\$Options = '(.*)'", text)
    assert given is not None
    assert options is not None
    filled = given[1].replace('`"', '"').replace("$Options", options[1])
    filled = filled.replace("$Log", "C:\\ac-bridge\\logs\\actor.log")
    filled = filled.replace("$Config", "C:\\ac-bridge\\ac-bridge.toml")
    assert filled == said("Actions/Exec/Arguments")


def test_the_firewall_rule_is_narrow() -> None:
    """One port, one program, private networks, and only if the actor listens on a network."""
    text = SCRIPT.read_text()
    rule = text[text.index("$rule = @{") :].partition("}")[0]
    settings = dict(re.findall(r"^\s+(\w+)\s+= (.+)$", rule, re.M))
    assert settings["Profile"] == "'Private'"
    assert settings["Program"] == "$settings.Listener"
    assert settings["LocalPort"] == "$settings.Port"
    assert settings["Protocol"] == "'TCP'"
    function = text[text.index("function Open-Firewall") :]
    assert function.index("Test-Loopback") < function.index("New-NetFirewallRule")
