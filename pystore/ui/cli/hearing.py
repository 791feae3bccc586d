"""Hearing: what a run did, counted from its events."""

from dataclasses import dataclass, field

from ...model.events import Adopted, AttemptFailed, Event, Fetched, Reused, Succeeded


@dataclass
class Hearing:
    """A listener that remembers what a run did."""

    built: int = 0  # attempts that succeeded
    reused: int = 0
    adopted: int = 0
    fetched: int = 0
    failed: list[AttemptFailed] = field(default_factory=list)
    stopped: list[AttemptFailed] = field(default_factory=list)  # by a signal

    def __call__(self, event: Event) -> None:
        """Counts an event."""
        match event:
            case Succeeded():
                self.built += 1
            case AttemptFailed():
                (self.stopped if event.stopped else self.failed).append(event)
            case Reused():
                self.reused += 1
            case Adopted():
                self.adopted += 1
            case Fetched():
                self.fetched += len(event.rrefs)

    @property
    def counts(self) -> dict[str, int]:
        """What was done, in numbers that are not zero."""
        counts = {
            "built": self.built,
            "adopted": self.adopted,
            "fetched": self.fetched,
            "failed": len(self.failed),
            "up to date": self.reused,
        }
        return {what: count for what, count in counts.items() if count}

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items()) or "nothing done"
