"""Rows to token ids as the product asks them (packages/tokenizer, `ChatTemplate`): the conversation up to the answer, the draft,
then what the template writes from the answer's end to where the reply to the question begins. The draft is never rendered by
the template, which may trim it or take its reasoning out."""
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from .errors import BadInput
from .rows import Row

MARKS = "\ue000{}\ue001"
"""Stands for a text that must be found again in what the template made of it."""
SPELLING = re.compile(r" ?(.*?)\.?", re.DOTALL)
"""A label may have a space before it and a full stop behind it."""


@dataclass(frozen=True)
class Labels:
    keep: int
    restart: int


@dataclass(frozen=True)
class Encoded:
    ids: list[int]
    begin: int
    """Where the draft begins; what the model would have drawn is known before each of its tokens and behind the last."""
    drafted: int
    """Tokens of the draft."""
    target: float
    weight: float


class Chat:
    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        if not tokenizer.chat_template:
            raise BadInput("The model's tokenizer has no chat template. Take a chat model (its name often ends in Instruct).")
        self.tokenizer = tokenizer
        self.specials = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        # The same question stands in every row.
        self.suffix = lru_cache(64)(self._suffix)

    def render(self, messages: list[dict], reply: bool = True, **more) -> str:
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=reply, **more)

    def encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def _turns(self, *more: str) -> str:
        """What the template writes behind an answer: a question's turn and, with a reply, that."""
        texts = (MARKS.format(0), MARKS.format(1), *more)
        turns = [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(texts)]
        _, found, after = self.render(turns, reply=len(turns) % 2 == 1, enable_thinking=False).rpartition(texts[1])
        if not found or more[0] not in after:
            raise BadInput("The chat template does not write an answer and then a question. Take another model or template.")
        return after

    def _suffix(self, question: str) -> str:
        after = self._turns(question)
        # Some templates open the reasoning whatever they are told; the label must not have to wait for its end.
        return f"{after}</think>\n\n" if re.search(r"<think>\n?$", after) else after

    def label(self, label: str, question: str) -> int:
        """The token that a reply of this label begins with, spelled as the template leads to it."""
        reply, suffix = f"{label}.", self._turns(question)
        whole = self._turns(question, reply)
        written = whole[len(suffix) :] if whole.startswith(suffix) else reply
        first = self.encode(written)[0]
        if SPELLING.fullmatch(spelled := self.tokenizer.decode([first]))[1] != label:
            raise BadInput(f"The label {label!r} is not one token of this model: a reply begins with {spelled!r}. Give others by --labels.")
        return first

    def labels(self, keep: str, restart: str, question: str) -> Labels:
        found = Labels(self.label(keep, question), self.label(restart, question))
        if found.keep == found.restart:
            raise BadInput(f"{keep!r} and {restart!r} begin with the same token. Give others by --labels.")
        return found

    def spells_special(self, row: Row) -> bool:
        return any(token in text for text in (*(m["content"] for m in row.prompt), row.draft, row.question) for token in self.specials)

    def row(self, row: Row) -> Encoded:
        before, draft = self.encode(self.render(row.prompt)), self.encode(row.draft)
        ids = [*before, *draft, *self.encode(self.suffix(row.question))]
        return Encoded(ids, len(before), len(draft), row.target, row.weight)

    def rows(self, rows: list[Row], most: int) -> tuple[list[Encoded], Counter]:
        """Those that can be used, and how many cannot, by the reason: longer than `most` tokens, or a text that spells a special
        token, which would end a turn."""
        out, left = [], Counter()
        for row in rows:
            if self.spells_special(row):
                left["spells a special token"] += 1
            elif len((encoded := self.row(row)).ids) > most:
                left[f"longer than {most} tokens"] += 1
            else:
                out.append(encoded)
        return out, left
