"""The paper's figures, each a function of folders and files that a run left.

Every function writes `<path>.pdf`, `.svg`, `.png` and its caption `.txt`, in which the rule stands
by which clips and frames were chosen, and PDF and SVG as wide as a column (`<path>_column`), and
returns them as `Drawn`.
"""

from dicface.report.figures.code_weights import draw_priors, draw_spread
from dicface.report.figures.collapse import draw_collapse
from dicface.report.figures.curves import draw_training_curves
from dicface.report.figures.grid import draw_grid
from dicface.report.figures.ladder import draw_ladder
from dicface.report.figures.landmark_error import draw_landmark_errors
from dicface.report.figures.slices import draw_slices
from dicface.report.figures.style import Drawn

__all__ = [
    "Drawn",
    "draw_collapse",
    "draw_grid",
    "draw_ladder",
    "draw_landmark_errors",
    "draw_priors",
    "draw_slices",
    "draw_spread",
    "draw_training_curves",
]
