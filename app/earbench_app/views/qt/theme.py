"""Colours, spacing and fonts: light and dark after the system, one accent, Okabe–Ito for versions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette, QPen

from earbench_assets import icon_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication

GRID_PX = 8
ColorScheme = Literal["system", "light", "dark"]

# Okabe & Ito (2008), told apart by colour-blind eyes; yellow last, as it is pale on white: darker there.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#F0E442")
LINE_STYLES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
)


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one scheme."""

    dark: bool
    window: str
    surface: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selected: str
    warning: str
    error: str
    plot: str
    waveform: str


LIGHT = Theme(
    dark=False,
    window="#F4F5F7",
    surface="#FFFFFF",
    raised="#E9EBEF",
    line="#D5D9E0",
    text="#1B1F27",
    muted="#5E6675",
    accent="#2F5FD0",
    on_accent="#FFFFFF",
    selected="#DCE6FB",
    warning="#8A5A00",
    error="#B3261E",
    plot="#FFFFFF",
    waveform="#4A5568",
)
DARK = Theme(
    dark=True,
    window="#16181D",
    surface="#1E2127",
    raised="#2A2E37",
    line="#383D48",
    text="#E8EAEE",
    muted="#9AA3B2",
    accent="#7AA2FF",
    on_accent="#0E1116",
    selected="#2A3A5E",
    warning="#F2B84B",
    error="#FF8A80",
    plot="#12141A",
    waveform="#A9B4C6",
)
_PALE, _PALE_ON_WHITE = OKABE_ITO[-1], "#B3A300"
_active = LIGHT


def theme() -> Theme:
    """Return the colours now in use."""
    return _active


@contextmanager
def on_paper() -> Iterator[None]:
    """Paint in the colours of the light scheme, whatever the screen has: a picture goes into a paper."""
    global _active
    before, _active = _active, LIGHT
    try:
        yield
    finally:
        _active = before


def apply_theme(app: QApplication, scheme: ColorScheme = "system") -> None:
    """Colour the whole application; call again when the system or the setting changes."""
    choose_colors(app, scheme)
    app.setStyleSheet(_style_sheet(_active))


def choose_colors(app: QApplication, scheme: ColorScheme) -> None:
    """Set colours and style, without the sheet: a window is built in half the time before that is set."""
    global _active
    _active = DARK if _wants_dark(scheme) else LIGHT
    if app.style().objectName() != "fusion":
        app.setStyle("Fusion")
    app.setPalette(_palette(_active))


def follow_system(app: QApplication, scheme: ColorScheme) -> None:
    """Apply the scheme now, and again whenever the system turns light or dark."""
    apply_theme(app, scheme)
    app.styleHints().colorSchemeChanged.connect(lambda _: apply_theme(app, scheme))


def version_color(index: int) -> QColor:
    """Return the colour of the version made as number `index`, as in every view; none is pale on white."""
    color = OKABE_ITO[index % len(OKABE_ITO)]
    return QColor(_PALE_ON_WHITE if color == _PALE and not _active.dark else color)


def version_pen(index: int, width_px: float = 2.0) -> QPen:
    """Return the line of a version: colour and style together tell 28 versions apart."""
    pen = QPen(version_color(index), width_px, LINE_STYLES[index % len(LINE_STYLES)])
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    return pen


def number_font(base: QFont) -> QFont:
    """Return the font with figures of equal width, for columns of numbers."""
    font = QFont(base)
    font.setFeature(QFont.Tag.fromString("tnum"), 1)
    return font


def _wants_dark(scheme: ColorScheme) -> bool:
    if scheme != "system":
        return scheme == "dark"
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def _palette(colors: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for key, name in {
        role.Window: colors.window,
        role.WindowText: colors.text,
        role.Base: colors.surface,
        role.AlternateBase: colors.window,
        role.Text: colors.text,
        role.Button: colors.raised,
        role.ButtonText: colors.text,
        role.BrightText: colors.error,
        role.Highlight: colors.accent,
        role.HighlightedText: colors.on_accent,
        role.Accent: colors.accent,
        role.Link: colors.accent,
        role.PlaceholderText: colors.muted,
        role.ToolTipBase: colors.raised,
        role.ToolTipText: colors.text,
        role.Mid: colors.line,
        role.Midlight: colors.line,
        role.Light: colors.raised,
        role.Dark: colors.line,
        role.Shadow: colors.line,
    }.items():
        palette.setColor(key, QColor(name))
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, QColor(colors.muted))
    return palette


def _style_sheet(colors: Theme) -> str:
    values = {name: getattr(colors, name) for name in Theme.__dataclass_fields__}
    scheme = "dark" if colors.dark else "light"
    for way in ("up", "down"):
        values[f"chevron_{way}"] = icon_path(f"chevron-{way}-{scheme}.svg").as_posix()
    values["check"] = icon_path(f"check-{scheme}.svg").as_posix()
    return _STYLE.format(**values)


# `class` properties are set by the views: primary, quiet, heading, muted, error, warning.
_STYLE = """
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; padding: 4px 8px; }}
QWidget[class="surface"], QScrollArea[class="surface"] {{ background: {surface}; }}
QLabel[class="heading"] {{ font-weight: 600; }}
QLabel[class="title"] {{ font-weight: 600; font-size: 18px; }}
QLabel[class="muted"] {{ color: {muted}; }}
QLabel[class="error"] {{ color: {error}; }}
QLabel[class="warning"] {{ color: {warning}; }}
QPushButton, QToolButton {{
  background: {raised}; color: {text}; border: 1px solid transparent; border-radius: 6px;
  padding: 5px 12px; min-height: 20px;
}}
QToolButton {{ padding: 5px 8px; }}
QPushButton:hover, QToolButton:hover {{ border-color: {line}; }}
QPushButton:pressed, QToolButton:pressed, QPushButton:checked, QToolButton:checked {{
  background: {selected}; color: {text}; border-color: {accent};
}}
QPushButton:focus, QToolButton:focus {{ border-color: {accent}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {muted}; background: {window}; }}
QPushButton[class="primary"] {{ background: {accent}; color: {on_accent}; font-weight: 600; }}
QPushButton[class="primary"]:hover {{ border-color: {text}; }}
QPushButton[class="primary"]:disabled {{ background: {raised}; color: {muted}; }}
QPushButton[class="quiet"], QToolButton[class="quiet"] {{ background: transparent; }}
QPushButton[class="quiet"]:focus, QToolButton[class="quiet"]:focus {{ border-color: {accent}; }}
QTabBar[class="navigation"]::tab {{
  background: transparent; color: {muted}; padding: 8px 12px; margin-right: 4px;
  border: none; border-bottom: 2px solid transparent;
}}
QTabBar[class="navigation"]::tab:hover {{ color: {text}; }}
QTabBar[class="navigation"]::tab:selected {{ color: {text}; border-bottom: 2px solid {accent}; }}
QTabBar[class="navigation"]::tab:focus {{ color: {accent}; }}
QLineEdit, QPlainTextEdit {{
  background: {surface}; color: {text}; border: 1px solid {line}; border-radius: 6px; padding: 4px 8px;
  min-height: 20px; selection-background-color: {accent}; selection-color: {on_accent};
}}
QLineEdit:focus, QPlainTextEdit:focus {{ border-color: {accent}; }}
QComboBox, QAbstractSpinBox {{
  background: {surface}; color: {text}; border: 1px solid {line}; border-radius: 6px; padding: 2px 8px;
  min-height: 24px; selection-background-color: {accent}; selection-color: {on_accent};
}}
QAbstractSpinBox[class="compact"] {{ min-height: 20px; padding: 0 4px; }}
QAbstractSpinBox QLineEdit {{ background: transparent; border: none; padding: 0 0 0 4px; min-height: 0; }}
QComboBox:focus, QAbstractSpinBox:focus, QComboBox:hover, QAbstractSpinBox:hover {{ border-color: {accent}; }}
QComboBox:disabled, QAbstractSpinBox:disabled {{ color: {muted}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox::down-arrow {{ image: url({chevron_down}); width: 14px; height: 14px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; width: 18px; }}
QAbstractSpinBox::up-arrow {{ image: url({chevron_up}); width: 12px; height: 12px; }}
QAbstractSpinBox::down-arrow {{ image: url({chevron_down}); width: 12px; height: 12px; }}
QCheckBox::indicator, QAbstractItemView::indicator {{
  width: 14px; height: 14px; border: 1px solid {muted}; border-radius: 4px; background: {surface};
}}
QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border-color: {accent}; }}
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked {{
  background: {accent}; border-color: {accent}; image: url({check});
}}
QCheckBox::indicator:checked:focus {{ border-color: {text}; }}
QCheckBox:disabled {{ color: {muted}; }}
QCheckBox::indicator:disabled {{ border-color: {line}; background: {window}; }}
QCheckBox::indicator:checked:disabled {{ border-color: {muted}; background: {muted}; }}
QFrame#codec_picker, QFrame#spectrogram_options, QFrame#notice_bar {{
  background: {surface}; border: 1px solid {line}; border-radius: 8px;
}}
QAbstractItemView {{
  background: {surface}; color: {text}; border: none; outline: 0;
  selection-background-color: {selected}; selection-color: {text};
}}
QComboBox {{ combobox-popup: 0; }}
QComboBox QAbstractItemView {{ border: 1px solid {line}; padding: 2px; }}
QTableView::item, QListView::item, QTreeView::item {{ padding: 4px 5px; border: none; }}
QTreeView::item:selected, QComboBox QAbstractItemView::item:selected {{
  background: {selected}; color: {text};
}}
QHeaderView {{ background: {surface}; border: none; }}
QHeaderView::section {{
  background: {surface}; color: {muted}; border: none; border-bottom: 1px solid {line}; padding: 6px 8px;
}}
QProgressBar {{ background: {raised}; border: none; border-radius: 3px; max-height: 6px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 3px; }}
QSplitter::handle {{ background: {window}; }}
QStatusBar {{ background: {window}; color: {muted}; }}
QStatusBar::item {{ border: none; }}
QMenu {{ background: {surface}; color: {text}; border: 1px solid {line}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 16px; border-radius: 4px; }}
QMenu::item:selected {{ background: {selected}; }}
QMenu::item:disabled {{ color: {muted}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 8px; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {line}; border-radius: 4px; min-height: 24px; min-width: 24px; }}
QScrollBar::handle:hover {{ background: {muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""
