"""AnswerCache: the last answers, by realization, code that answered, and what was posted."""

from collections import OrderedDict

from .batches import Answered
from .live import Live

_Name = tuple[str, str, str]


class AnswerCache:
    """The answers that were used last."""

    def __init__(self, most: int) -> None:
        self.hits = 0
        self._most = most
        self._answers: OrderedDict[_Name, Answered] = OrderedDict()

    def get(self, live: Live, key: str) -> Answered | None:
        """The answer of this realization to what has this key, if it is known."""
        name = live.rref, live.loaded.digest, key
        found = self._answers.get(name)
        if found is not None:
            self._answers.move_to_end(name)
            self.hits += 1
        return found

    def put(self, live: Live, key: str, answer: Answered) -> None:
        """Remembers an answer, and forgets the one that was not used for longest.

        An answer is not kept when another realization has taken over meanwhile.
        """
        if answer.rref != live.rref:
            return
        self._answers[live.rref, live.loaded.digest, key] = answer
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)
