"""The judges of a run: what they choose, how they are opened, and who may not be one."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, runtime_checkable

from revloop.engines.sameness import is_same_model
from revloop.errors import InputError
from revloop.loop.panel import Panel
from revloop.trajectory import Judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from revloop.engines.base import Engine
    from revloop.options import LoopOptions
    from revloop.trajectory import JudgeInfo

    JudgeSource = Judge | Callable[[], Awaitable[Judge]]


@runtime_checkable
class AsksModel(Protocol):
    """A judge that asks a language model."""

    @property
    def engine(self) -> Engine:
        """The model's engine."""
        ...


class Judges(NamedTuple):
    """Who chooses between texts.

    Attributes:
        panel: Those who compare versions, and without a selector candidates: none, one or several.
        selector: Who compares candidates; None: the panel does.
    """

    panel: tuple[Judge, ...] = ()
    selector: Judge | None = None

    @property
    def all(self) -> tuple[Judge, ...]:
        """The panel, and the selector if there is one."""
        return self.panel if self.selector is None else (*self.panel, self.selector)

    @property
    def infos(self) -> tuple[JudgeInfo, ...]:
        """The panel, for the record."""
        return tuple(judge.info for judge in self.panel)

    def comparing(self, *, one_of_many: bool) -> Panel | None:
        """Who compares versions; None without a judge."""
        return Panel(self.panel, one_of_many=one_of_many) if self.panel else None

    def selecting(self, *, one_of_many: bool) -> Panel | None:
        """Who compares candidates; None if neither a selector nor a judge does."""
        if self.selector is None:
            return self.comparing(one_of_many=one_of_many)
        return Panel([self.selector], role="selector", one_of_many=one_of_many)

    def refuse_unfit(self, options: LoopOptions, writers: Sequence[Engine]) -> None:
        """Refuse a judge that would vote twice, or that would keep its own texts.

        Args:
            options: Whether versions are chosen, and whether a model may judge its own.
            writers: The engines of those who write the texts.

        Raises:
            InputError: There is one.
        """
        infos = self.infos
        for number, info in enumerate(infos):
            if info.digest in {earlier.digest for earlier in infos[:number]}:
                raise InputError(
                    f"Two judges are the same and would have two votes: {info.name}. Name each "
                    "judge once. Different models on two servers need different names there."
                )
        if options.keep == "last" or options.self_judge:
            return
        for judge in self.panel:
            if isinstance(judge, AsksModel) and any(
                is_same_model(judge.engine, engine) for engine in writers
            ):
                raise InputError(
                    f"The judge {judge.info.name} is the model that writes the revisions, and a "
                    "model tends to prefer its own texts: name another judge. If you mean it, "
                    "add --self-judge (in Python: self_judge=True)."
                )


class JudgeSources(NamedTuple):
    """Who is to choose between texts.

    Attributes:
        panel: Judges, or asynchronous functions that open one.
        selector: The same for the selector; None without one.
    """

    panel: tuple[JudgeSource, ...] = ()
    selector: JudgeSource | None = None

    @classmethod
    def of(
        cls,
        judge: JudgeSource | Sequence[JudgeSource] | None,
        selector: JudgeSource | None,
    ) -> Self:
        """The sources in what a caller gave: none, one or several judges.

        Raises:
            InputError: A name is given in place of a judge.
        """
        if isinstance(judge, str):
            raise InputError(
                f"judge is the text {judge!r:.100}, not a judge: give an object, or what opens "
                "one: partial(open_judge, NAME), with open_judge of revloop.evaluation."
            )
        if judge is None:
            return cls((), selector)
        return cls(tuple(judge) if isinstance(judge, Sequence) else (judge,), selector)

    def refuse_idle(self, options: LoopOptions, checks: Sequence[object]) -> None:
        """Refuse judges with nothing to choose, and choices without anyone to make them.

        Args:
            options: Which choices are to be made.
            checks: The user's checks.

        Raises:
            InputError: There is one of either.
        """
        keeps, chooses = options.keep != "last", options.revisions_a_round > 1
        if not self.panel and not checks and keeps:
            raise InputError("A judge or a check is needed to keep 'best' or 'gate'.")
        if self.selector is not None and not chooses:
            raise InputError("A selector chooses between candidates: request several.")
        if self.panel and not keeps:
            if self.selector is not None:
                raise InputError(
                    "A judge beside a selector has nothing to choose: keep 'best' or 'gate'."
                )
            if not chooses:
                raise InputError(
                    "A judge has nothing to choose: keep 'best' or 'gate', or request candidates."
                )

    async def open(
        self, opened: AsyncExitStack, options: LoopOptions, writers: Sequence[Engine]
    ) -> Judges:
        """The judges that were given, and those that are opened now and closed with the rest.

        Args:
            opened: Closes the judges that are opened here.
            options: What they choose.
            writers: The engines of those who write the texts.

        Raises:
            InputError: A judge may not choose here.
            RevloopError: A judge cannot be opened; the class says why.
        """
        panel = [await _opened(source, opened) for source in self.panel]
        selector = None if self.selector is None else await _opened(self.selector, opened)
        judges = Judges(tuple(panel), selector)
        judges.refuse_unfit(options, writers)
        return judges


async def _opened(source: JudgeSource, opened: AsyncExitStack) -> Judge:
    if isinstance(source, Judge):
        return source
    try:
        opening = source()
    except TypeError as exc:
        raise _no_judge(source) from exc
    if not isawaitable(opening):
        raise _no_judge(source)
    judge = await opening
    opened.push_async_callback(judge.aclose)
    return judge


def _no_judge(source: object) -> InputError:
    name = getattr(source, "__qualname__", type(source).__name__)
    return InputError(
        f"{name} is no judge, and no asynchronous function that opens one. A function that "
        "compares two texts is opened by its name: partial(open_judge, 'module:function'), with "
        "open_judge of revloop.evaluation."
    )
