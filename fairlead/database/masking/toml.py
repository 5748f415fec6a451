"""Rules as lines of TOML. https://toml.io/en/v1.0.0#string"""

import json

from fairlead.config import MaskingRule


def line(name: str, word: str, why: str) -> str:
    return rule_line(name, MaskingRule(way=word), why)


def rule_line(name: str, rule: MaskingRule | None, why: str) -> str:
    """Without a rule it is a comment: the column stays without one."""
    if rule is None:
        return f"# {quoted(name)} =   # {_flat(why)}"
    return f"{quoted(name)} = {value(rule)}  # {_flat(why)}"


def value(rule: MaskingRule) -> str:
    if rule.argument is None:
        return quoted(rule.way)
    argument = rule.argument
    return (
        f"{{ {rule.way} = {quoted(argument) if isinstance(argument, str) else _plain(argument)} }}"
    )


def _plain(argument: float | bool) -> str:
    return str(argument).lower() if isinstance(argument, bool) else str(argument)


def quoted(text: str) -> str:
    """JSON escapes what TOML wants escaped, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _flat(why: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in why)
