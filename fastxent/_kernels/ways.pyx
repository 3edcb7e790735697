"""How calls are cut up: the limits and tuning numbers that decide it, once, for the kernels, the door and Python."""

# Where rows and panels take the same time, with AVX2: the loss at 180 classes in float32 and 170 in float64, loss and
# gradient at 115 and 85, with the Hessian at 95 and 60. Between: the loss takes 1.06 and 1.2 times as long by rows.
tuning.panel_bytes = 608
tuning.double_panel_bytes = 1088
tuning.hess_panel_bytes = 896
tuning.panel_elements = 64
tuning.solo_elements = 256
# entropy, cross entropy and divergence by rows take .75 to 1 of the time at 160, .95 to 1.05 at 161, where a block is
# nearly empty (with AVX2 up to 1.15), and 1.1 to 1.2 at 140
tuning.row_classes = 160
tuning.block_elements = 32768
# the clamped loss takes 0.66 of the time of 1 at 4096 x 1000, 0.57 at 128 x 128256; with more, threads share less
tuning.gather_blocks = 8
# two threads broke even between 6 and 10 blocks (0.1 to 0.15 ms of work; loss, and loss and gradient, both dtypes)
tuning.thread_blocks = 6
tuning.stage_bytes = 262144
# loss and gradient of 700 classes 1.07 of the time if all are asked for into the level-2 cache, of 800 0.87; with a
# distribution 0.88 of 530. In float64 0.8 to 0.93 of any number.
tuning.close_bytes = 6144
# 4096 x 1000 in float16, in and out: 0.82 of the time of tiles with AVX-512, 0.91 with AVX2, 1.08 without; in bfloat16
# 0.91, 0.96 and 0.99, in float32, not aligned, 0.84, 0.91 and 0.99; 8000 x 400 0.92 to 0.97, 0.98 to 1.04, 0.96 to 1.13
tuning.grad_by_row = 0
# images of 19 and 21 classes, float32: 1.55 ns an element, 1.66 through the caches; the same if all is read right after
tuning.stream_bytes = 16777216
tuning.held_elements = 4096
OF_ALL = dict(tuning)

# What builds have of their own. With AVX-512 rows and panels take the same time at 260 classes for the loss in float32
# and at 235 in float64, for loss and gradient at 185 and 145, with the Hessian at 140 and 100; between, the loss takes
# up to 1.13 times as long by rows. One narrower for both than for either, so that no number of classes costs a jump.
# Without AVX no float32 row gains by the level-2 cache (1.03 to 1.09 of the time): more than its arrays ever have.
OF_BUILD = {
    "base": {"close_bytes": 5 * SHORT},
    "v3": {"grad_by_row": 1},
    "v4": {"panel_bytes": 992, "double_panel_bytes": 1408, "hess_panel_bytes": 1344, "grad_by_row": 1},
}
LIMITS = {
    "lanes": LANES, "group": GROUP, "batch": BATCH, "panels": PANELS, "width": WIDTH, "short": SHORT,
    "largest_panel": LARGEST_PANEL,
}
LARGEST = 2**40
# From 1 to LARGEST, but for these. Scratch holds WIDTH rows of so many bytes, or LANES of so many doubles; every block
# has sums of its own.
RANGES = {
    "panel_bytes": (0, 2**16), "double_panel_bytes": (0, 2**16), "hess_panel_bytes": (0, 2**16),
    "solo_elements": (LANES, LARGEST), "row_classes": (LANES, 2**14), "block_elements": (LANES, LARGEST),
    "grad_by_row": (0, 1),
}


def numbers():
    """The tuning numbers by name."""
    return dict(tuning)


def of_build(build):
    """The tuning numbers that a build has from the import on."""
    return OF_ALL | OF_BUILD.get(build, {})


def tune(**changes):
    """Change tuning numbers; returns what they were.

    Raises
    ------
    ValueError
        For a name that is none (a limit, which is compiled in, for one), and for a number that cannot serve. Nothing is
        changed then.
    """
    global tuning
    before = numbers()
    for name, value in changes.items():
        if name not in before:
            raise ValueError(f"{name!r} is no tuning number; those are {', '.join(before)}")
        least, most = RANGES.get(name, (1, LARGEST))
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{name} = {value!r}, but it must be an integer from {least} to {most}")
    tuning = before | changes
    return {name: before[name] for name in changes}
