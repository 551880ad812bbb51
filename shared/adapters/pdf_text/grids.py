"""Ruled tables: rules that cross make a grid, missing rules make merged cells (spec P42, P58)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rule = tuple[float, float, float, float]
_REACH = 3.0  # points by which a rule may miss another one and still meet it
_SAME = 2.5  # points within which two parallel rules are one
_MOST_RULES = 3000


@dataclass(frozen=True, slots=True)
class GridCell:
    """A cell by grid lines: row, column and how many of each it spans."""

    row: int
    col: int
    row_span: int
    col_span: int


@dataclass(frozen=True, slots=True)
class Grid:
    """The x and y of the grid lines, in order, and the cells between them."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    cells: tuple[GridCell, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The outer box."""
        return self.xs[0], self.ys[0], self.xs[-1], self.ys[-1]


def find_grids(rules: list[Rule]) -> list[Grid]:
    """Grids of at least one row and two columns, top to bottom."""
    across = [r for r in rules if r[2] - r[0] > 6 and r[3] - r[1] <= _SAME]
    down = [r for r in rules if r[3] - r[1] > 4 and r[2] - r[0] <= _SAME]
    if len(across) < 2 or len(down) < 3 or len(across) + len(down) > _MOST_RULES:
        return []
    grids = []
    for group_across, group_down in _connected(np.array(across), np.array(down)):
        ys = _lines((group_across[:, 1] + group_across[:, 3]) / 2)
        xs = _lines((group_down[:, 0] + group_down[:, 2]) / 2)
        if len(xs) >= 3 and len(ys) >= 2:
            grids.append(Grid(tuple(xs), tuple(ys), _cells(xs, ys, group_across, group_down)))
    return sorted(grids, key=lambda g: (g.ys[0], g.xs[0]))


def _connected(
    across: npt.NDArray[np.float64], down: npt.NDArray[np.float64]
) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Groups of rules that meet, found by spreading labels over the crossings."""
    x, y = (down[:, 0] + down[:, 2]) / 2, (across[:, 1] + across[:, 3]) / 2
    meets = (
        (across[:, None, 0] - _REACH <= x[None, :])
        & (x[None, :] <= across[:, None, 2] + _REACH)
        & (down[None, :, 1] - _REACH <= y[:, None])
        & (y[:, None] <= down[None, :, 3] + _REACH)
    )
    labels = np.full(len(across), -1)
    groups = []
    for seed in range(len(across)):
        if labels[seed] >= 0 or not meets[seed].any():
            continue
        rows: npt.NDArray[np.bool_] = np.zeros(len(across), dtype=bool)
        rows[seed] = True
        while True:
            cols = meets[rows].any(axis=0)
            grown: npt.NDArray[np.bool_] = np.asarray(meets[:, cols].any(axis=1))
            if (grown == rows).all():
                break
            rows = grown
        labels[rows] = seed
        groups.append((across[rows], down[cols]))
    return groups


def _lines(values: npt.NDArray[np.float64]) -> list[float]:
    """Means of values that lie within 2.5 points of each other."""
    ordered = np.sort(values)
    return [float(part.mean()) for part in np.split(ordered, np.flatnonzero(np.diff(ordered) > _SAME) + 1)]


def _cells(
    xs: list[float], ys: list[float], across: npt.NDArray[np.float64], down: npt.NDArray[np.float64]
) -> tuple[GridCell, ...]:
    """Grow each cell right and down until a rule stands in the way."""
    rows, cols = len(ys) - 1, len(xs) - 1
    row_middles, col_middles = (np.array(ys[1:]) + ys[:-1]) / 2, (np.array(xs[1:]) + xs[:-1]) / 2
    right = np.zeros((rows, cols + 1), dtype=bool)
    for x0, y0, x1, y1 in down:
        index = int(np.abs(np.array(xs) - (x0 + x1) / 2).argmin())
        right[(row_middles >= y0 - 1) & (row_middles <= y1 + 1), index] = True
    below = np.zeros((rows + 1, cols), dtype=bool)
    for x0, y0, x1, y1 in across:
        index = int(np.abs(np.array(ys) - (y0 + y1) / 2).argmin())
        below[index, (col_middles >= x0 - 1) & (col_middles <= x1 + 1)] = True
    taken = np.zeros((rows, cols), dtype=bool)
    cells = []
    for row in range(rows):
        for col in range(cols):
            if taken[row, col]:
                continue
            last = col + 1
            while last < cols and not right[row, last] and not taken[row, last]:
                last += 1
            foot = row + 1
            while foot < rows and not below[foot, col:last].any() and not taken[foot, col:last].any():
                foot += 1
            taken[row:foot, col:last] = True
            cells.append(GridCell(row, col, foot - row, last - col))
    return tuple(cells)
