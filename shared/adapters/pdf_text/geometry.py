"""From pdfium's user space to the page as a person sees it: crop box, rotation, origin top left (spec P54)."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from shared.domain.blocks import Box

Floats = npt.NDArray[np.float64]
Numbers = TypeVar("Numbers", float, Floats)
LEAST_SIDE = 0.5


@dataclass(frozen=True, slots=True)
class Frame:
    """The crop box (left, bottom, right, top) in user space and the clockwise rotation in degrees."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int

    @property
    def width(self) -> float:
        """Width of the displayed page in points."""
        return self.top - self.bottom if self.rotation in (90, 270) else self.right - self.left

    @property
    def height(self) -> float:
        """Height of the displayed page in points."""
        return self.right - self.left if self.rotation in (90, 270) else self.top - self.bottom

    def shown(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        """Displayed coordinates of a user space point, or of many."""
        if self.rotation == 90:
            return y - self.bottom, x - self.left
        if self.rotation == 180:
            return self.right - x, y - self.bottom
        if self.rotation == 270:
            return self.top - y, self.right - x
        return x - self.left, self.top - y

    def boxes(self, raw: Floats) -> Floats:
        """Displayed boxes (n, 4) of user space boxes given as left, bottom, right, top."""
        ax, ay = self.shown(raw[:, 0], raw[:, 1])
        bx, by = self.shown(raw[:, 2], raw[:, 3])
        return np.stack([np.minimum(ax, bx), np.minimum(ay, by), np.maximum(ax, bx), np.maximum(ay, by)], axis=1)


def box_on_page(x0: float, y0: float, x1: float, y1: float, width: float, height: float) -> Box:
    """A box of two decimals inside the page and at least half a point wide and high."""
    x0, y0 = min(max(x0, 0.0), width - LEAST_SIDE), min(max(y0, 0.0), height - LEAST_SIDE)
    x1, y1 = max(min(x1, width), x0 + LEAST_SIDE), max(min(y1, height), y0 + LEAST_SIDE)
    return Box(round(x0, 2), round(y0, 2), round(x1, 2), round(y1, 2))
