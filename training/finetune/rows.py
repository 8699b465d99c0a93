"""The training data: one question about one draft a line, as the table in README.md has it."""
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from .errors import BadInput

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Row:
    prompt: list[dict]
    """The messages before the draft."""
    draft: str
    question: str
    target: float
    """How likely the reply that keeps the draft should be, 0 to 1."""
    weight: float


def require(holds: bool, problem: str) -> None:
    if not holds:
        raise BadInput(problem)


def is_number(x) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def is_message(m) -> bool:
    return isinstance(m, dict) and m.get("role") in ROLES and isinstance(m.get("content"), str)


def row(line: dict) -> Row:
    """Checks a line; the first thing wrong with it is a BadInput."""
    require(isinstance(line, dict), "a line must be an object")
    messages, target, weight = line.get("messages"), line.get("target"), line.get("weight", 1)
    require(isinstance(messages, list) and all(map(is_message, messages)), f"messages must be a list of role ({', '.join(ROLES)}) and content")
    require([m["role"] for m in messages[-3:]] == ["user", "assistant", "user"], "messages must end with the user's, the draft, the question")
    require(is_number(target) and 0 <= target <= 1, f"target must be a number from 0 to 1, not {target!r}")
    require(is_number(weight) and 0 < weight < float("inf"), f"weight must be a positive number, not {weight!r}")
    *prompt, draft, question = messages
    return Row(prompt, draft["content"], question["content"], float(target), float(weight))


def read(path: Path) -> list[Row]:
    """All rows of a file of JSON Lines; what is wrong is named by its line."""
    try:
        lines = [(i, line) for i, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}). Give a file of JSON Lines, as README.md has them.") from None
    require(len(lines) > 0, f"{path} is empty. Write preferences to it first.")
    out = []
    for number, line in lines:
        try:
            out.append(row(json.loads(line)))
        except ValueError as error:  # BadInput too
            raise BadInput(f"{path}, line {number}: {error}.") from None
    return out


def split(rows: list[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """For training, and held out: about this share of the prompts, all rows of a prompt on the same side, whatever else is in
    the file."""
    def is_held(r: Row) -> bool:
        text = json.dumps([seed, [[m["role"], m["content"]] for m in r.prompt]])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") < share * 2**64
    held = [is_held(r) for r in rows]
    return [r for r, h in zip(rows, held) if not h], [r for r, h in zip(rows, held) if h]
