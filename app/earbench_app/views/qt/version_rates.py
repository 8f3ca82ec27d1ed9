"""Where the table of versions has bitrate controls: on a line of their own below the rows that take one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.views.qt.rate_control import RateControl
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QRect
    from PySide6.QtWidgets import QTableView

    from earbench_app.views.protocols import VersionRow

ROW_PX = 24
_CONTROL_PX = 22


class RateRows:
    """Keeps a control in each row that takes one; the other rows stay as low as they are.

    Parameters
    ----------
    table : QTableView
        Row 0 is no version.
    column : int
        Whose cells hold the controls.
    """

    dragged = Signal(int, float)
    chosen = Signal(int, float)

    def __init__(self, table: QTableView, column: int) -> None:
        self._table, self._column = table, column

    def control(self, place: int) -> RateControl | None:
        """Return the control of a row of the table."""
        found = self._table.indexWidget(self._table.model().index(place, self._column))
        return found if isinstance(found, RateControl) else None

    def show_rows(self, rows: Sequence[VersionRow]) -> None:
        """Have controls where rows take them."""
        for place, row in enumerate(rows, start=1):
            self.show_row(place, row)

    def show_row(self, place: int, row: VersionRow) -> None:
        """Show a row's bitrate."""
        control = self.control(place)
        if row.rate is None:
            if control is not None:
                index = self._table.model().index(place, self._column)
                self._table.setIndexWidget(index, None)  # type: ignore[arg-type]  # takes it away
        else:
            control = control or self._new_control(place, row.id)
            control.show_rate(row.rate, row.title, row.part)
        height = ROW_PX + _CONTROL_PX if row.rate else ROW_PX
        if self._table.rowHeight(place) != height:
            self._table.setRowHeight(place, height)

    def focused_id(self) -> int | None:
        """Return the version whose slider has the focus."""
        controls = [self.control(place) for place in range(self._table.model().rowCount())]
        return next((one.version_id for one in controls if one and one.slider.hasFocus()), None)

    def focus(self, version_id: int | None) -> None:
        """Give a version's slider the focus back."""
        for place in range(self._table.model().rowCount()):
            control = self.control(place)
            if control is not None and control.version_id == version_id:
                control.slider.setFocus()

    def place_control(self, control: RateControl, cell: QRect, indent_px: int) -> None:
        """Put a control below its row's title, as wide as what is seen of the table."""
        left = cell.left() + indent_px
        width = max(0, self._table.viewport().width() - left - GRID_PX)
        control.setGeometry(left, cell.top() + ROW_PX, width, _CONTROL_PX)

    def _new_control(self, place: int, version_id: int) -> RateControl:
        control = RateControl(version_id)
        control.dragged.connect(self.dragged.emit)
        control.chosen.connect(self.chosen.emit)
        self._table.setIndexWidget(self._table.model().index(place, self._column), control)
        return control
