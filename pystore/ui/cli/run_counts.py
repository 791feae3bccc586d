"""RunCounts: what a run did, counted from its events."""

from ...core.dataclasses import dataclass, field
from ...core.events import Adopted, AttemptFailed, Event, Fetched, Reused, Succeeded
from ...core.refs import DRef


@dataclass
class RunCounts:
    """A listener that remembers what a run did."""

    built: int = 0  # attempts that succeeded
    reused: int = 0  # derivations that were there already
    adopted: set[DRef] = field(default_factory=set)
    fetched: int = 0  # realizations
    failed: list[AttemptFailed] = field(default_factory=list)
    stopped: list[AttemptFailed] = field(default_factory=list)  # by a signal
    heard: set[DRef] = field(default_factory=set)  # of all events
    _others: set[DRef] = field(default_factory=set)  # that were adopted or fetched

    def __call__(self, event: Event) -> None:
        """Counts an event."""
        self.heard.add(event.dref)
        match event:
            case Succeeded():
                self.built += 1
            case AttemptFailed(again=False):
                (self.stopped if event.stopped else self.failed).append(event)
            case Reused(dref):
                self.reused += dref not in self._others
            case Adopted(dref):
                self.adopted.add(dref)
                self._others.add(dref)
            case Fetched(dref):
                self.fetched += len(event.rrefs)
                self._others.add(dref)

    @property
    def counts(self) -> dict[str, int]:
        """The counts that are not zero."""
        counts = {
            "built": self.built,
            "adopted": len(self.adopted),
            "fetched": self.fetched,
            "failed": len(self.failed),
            "up to date": self.reused,
        }
        return {what: count for what, count in counts.items() if count}

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items()) or "nothing done"
