"""
Regular expressions that RE2 and Python understand alike.

Envoy matches with RE2. The API server parses the expression with RE2's twin in Go, and refuses what that cannot read.
The check here is narrower: it admits what RE2 and Python read in the same way, so that predictions are right, and what
stays small when it is compiled. `validate` and the operator say so where the API server took something.
"""

import re
from typing import Annotated

from modelfleet.api.schema.rules import Checked, Rule
from modelfleet.api.schema.types import text

MAX_LENGTH = 256
MAX_SIZE = 1000
"""
Most characters, sets and groups of an expression whose repetitions are written out.

RE2 repeats nothing more than 1000 times. Measured with Envoy 1.40, each of them becomes at most 5 instructions. Envoy
refuses a program of more than 100 unless its runtime key `re2.max_program_size.error_level` says otherwise, as 20000.
"""

TOKEN = re.compile(
    r"""
    (?P<escape>   \\ (?: [dDwWsSbB] | x[0-7][0-9a-fA-F] | [^0-9A-Za-z] ) )
    | (?P<set>    \[ \^? (?: \\ (?: [dDwWsS] | x[0-7][0-9a-fA-F] | [^0-9A-Za-z] ) | (?!--|&&|~~|\|\|) [^\[\]\\] )+ \] )
    | (?P<group>  \( (?: \?:  | \?i: )? )
    | (?P<end>    \) )
    | (?P<repeat> (?: [*+?] | \{ [0-9]{1,4} (?: , [0-9]{0,4} )? \} ) \?? )
    | (?P<or>     \| )
    | (?P<plain>  [^\\\[\](){}*+?|] )
    """,
    re.VERBOSE,
)
IGNORE_CASE = "(?i)"


def is_understood(expression: str) -> bool:
    """Return whether *expression* means the same to RE2 and to Python, and stays small when it is compiled."""
    size = _size(expression.removeprefix(IGNORE_CASE))
    return size is not None and size <= MAX_SIZE and _compiles(expression)


def full_match(expression: str, value: str) -> bool:
    """Return whether *expression*, which is understood, matches the whole of *value*, as Envoy matches."""
    return re.fullmatch(expression, value, re.ASCII) is not None


def _size(expression: str) -> int | None:
    """Return how many characters, sets and groups *expression* has once repetitions are written out; None if unread."""
    groups: list[list[int]] = [[]]
    position, before = 0, "or"
    while position < len(expression):
        token = TOKEN.match(expression, position)
        kind = token.lastgroup if token else None
        if token is None or kind is None or not _take(groups, kind, token[0], before):
            return None
        position, before = token.end(), kind
    return sum(groups[0]) if len(groups) == 1 else None


def _take(groups: list[list[int]], kind: str, word: str, before: str) -> bool:
    """Add one token to the sizes of what the open groups hold; return whether it may stand there."""
    if kind == "group":
        groups.append([])
    elif kind == "end":
        inside = sum(groups.pop())
        if not groups:
            return False
        groups[-1].append(inside + 1)
    elif kind == "repeat":
        if before in {"or", "group", "repeat"}:
            return False
        groups[-1][-1] *= _times(word)
    else:
        groups[-1].append(1)
    return True


def _times(repeat: str) -> int:
    """Return how often a repetition such as `{2,5}` or `*` writes its argument out at least."""
    numbers = [int(number) for number in re.findall("[0-9]+", repeat)]
    return max([1, *numbers]) + repeat.rstrip("?").endswith(",}")


def _compiles(expression: str) -> bool:
    try:
        re.compile(expression, re.ASCII)
    except re.error:
        return False
    return True


EXPRESSION_RULE = Rule(
    # Parsing is all that is asked for: an expression that Go's RE2 cannot read makes the rule fail, whatever it finds.
    cel="'x'.matches(self) in [true, false]",
    holds=is_understood,
    message=(
        "must be a regular expression of RE2: characters, sets, groups `(…)` and `(?:…)`, alternatives and repetitions, "
        f"`(?i)` first to ignore case, at most {MAX_SIZE} characters with repetitions written out; "
        "no look-around, back-references, possessive repetitions or named groups"
    ),
)
Expression = Annotated[str, text(pattern=r"^[ -~]+$", at_most=MAX_LENGTH), Checked((EXPRESSION_RULE,))]
"""A regular expression that must match the whole value."""
