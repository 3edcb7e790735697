"""How a call's blocks fall to two processors, one of which other work takes for a while: by our rule, and in halves."""

from typing import NamedTuple

from figures.style import THEMES

BLOCKS = 12
TAKEN = (1, 5)  # when the second processor does other work


class Piece(NamedTuple):
    """A block, done on a processor from a time on, in one unit of time."""

    block: int
    processor: int
    start: int


def free(processor, time):
    return processor == 0 or not TAKEN[0] <= time < TAKEN[1]


def whoever_is_free():
    """Each takes the next block as soon as its processor lets it."""
    pieces, time = [], 0
    while len(pieces) < BLOCKS:
        for processor in (0, 1):
            if free(processor, time) and len(pieces) < BLOCKS:
                pieces.append(Piece(len(pieces), processor, time))
        time += 1
    return pieces


def half_each():
    """Who has which half is settled at the start."""
    pieces = []
    for processor in (0, 1):
        times = [time for time in range(BLOCKS + TAKEN[1]) if free(processor, time)]
        first = processor * BLOCKS // 2
        pieces += [Piece(first + k, processor, times[k]) for k in range(BLOCKS // 2)]
    return pieces


def draw(axes, theme, pieces, title):
    colour, number = theme.libraries["fastxent"], "white" if theme is THEMES["light"] else "black"
    for piece in pieces:
        axes.broken_barh([(piece.start + 0.04, 0.92)], (0.62 - piece.processor, 0.76), color=colour)
        centre = piece.start + 0.5, 1 - piece.processor
        axes.text(*centre, piece.block + 1, ha="center", va="center", color=number)
    axes.broken_barh([(TAKEN[0], TAKEN[1] - TAKEN[0])], (-0.38, 0.76), color=theme.ink, alpha=0.25)
    axes.text(sum(TAKEN) / 2, 0, "other work", ha="center", va="center", color=theme.ink)
    end = max(piece.start for piece in pieces) + 1
    axes.axvline(end, color=theme.ink, linestyle=":", linewidth=1)
    axes.set(title=f"{title}: {end}", xlim=(0, 10.5), ylim=(-0.7, 1.7), xlabel="time, in blocks")
    axes.set_yticks([1, 0], labels=["processor 1", "processor 2"])
    axes.tick_params(axis="y", length=0)


def blocks_shared(axes, theme):
    """The next block to whoever is free."""
    draw(axes, theme, whoever_is_free(), "the next block to whoever is free")


def blocks_halved(axes, theme):
    """A fixed half for each."""
    draw(axes, theme, half_each(), "a half for each")
