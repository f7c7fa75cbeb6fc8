"""Boards as YAML files: actions and rules by name, money in units."""

from pathlib import Path
from typing import Annotated

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BeforeValidator, Field, ValidationError

import lifeworth.decide.board as decide
from lifeworth.run.broken_yaml import told
from lifeworth.run.complaints import complaint, of_file
from lifeworth.run.words import Given, Words
from lifeworth.tables.errors import InputError

DEFAULT = Path(decide.__file__).parent / "boards" / "default.yaml"
"""The board that is there without a file."""

EXAMPLE = """  actions:
    mail: {cost: 0.5, channel: e-mail}
  rules:
    write: {when: p_alive > .2, action: mail, uplift: .05, priority: 1}"""
"""A board, as a file of one."""

LIKE = f"write both by name, as in\n{EXAMPLE}"


class ActionFields(Words):
    """An action; money in units."""

    cost: float = Field(allow_inf_nan=False)
    channel: str = ""
    kpi: str = ""
    does: str = ""
    capacity: int | None = Field(None, ge=0)


def _number(given: object) -> object:
    """Read -.05, which YAML takes for text, as the number it is."""
    try:
        return float(given) if isinstance(given, str) else given
    except ValueError:
        return given


class RuleFields(Words):
    """A rule."""

    when: str
    action: str
    priority: int
    uplift: Annotated[float | str, BeforeValidator(_number)]
    unless: str = ""
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    objective: str = ""


class BoardFields(Words):
    """A board."""

    actions: dict[str, dict[str, object]]
    rules: dict[str, dict[str, object]]
    optional: tuple[str, ...] = ()


def read_board_file(path: Path) -> decide.Board:
    """Read a board.

    Raises
    ------
    InputError
        If there is no such file, it is no YAML, or a field is missing, not known or does not fit;
        the message names the file and the rule or action.
    """
    if not path.is_file():
        lacks = "it is a folder" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {lacks}; name a YAML file of actions and rules")
    try:
        plain = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: {told(error)}, as in\n{EXAMPLE}") from error
    except OSError as error:  # also what OmegaConf says of a number or a text alone
        raise InputError(f"{path.name}: it cannot be read as actions and rules; {LIKE}") from error
    if not isinstance(plain, dict) or not plain:
        raise InputError(f"{path.name}: it has no actions and rules; {LIKE}")
    fields = _made(path.name, BoardFields, {str(k): v for k, v in plain.items()})
    actions = [_action(path.name, name, own) for name, own in fields.actions.items()]
    rules = [_rule(path.name, name, own) for name, own in fields.rules.items()]
    return decide.Board(actions=tuple(actions), rules=tuple(rules), optional=fields.optional)


def _action(file: str, name: str, own: dict[str, object]) -> decide.Action:
    fields = _made(f"{file}, action {name}", ActionFields, own)
    return decide.Action(name=name, **{**dict(fields), "cost": round(100.0 * fields.cost, 6)})


def _rule(file: str, name: str, own: dict[str, object]) -> decide.Rule:
    return decide.Rule(name=name, **dict(_made(f"{file}, rule {name}", RuleFields, own)))


def _made(where: str, kind: type[Given], fields: dict[str, object]) -> Given:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise InputError(complaint(of_file(where), error, kind)) from error
