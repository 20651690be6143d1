"""Numbers, money and times as a reader of each language expects them.

Chinese shortens by 万 and 亿, English by k, M and bn. Money always shows its currency.
"""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import SupportsFloat
from zoneinfo import ZoneInfo

from app_streamlit.ui.i18n import Language, Translator

Number = Decimal | int | float
EMPTY = "–"
_VISIBLE = 0.0005  # a smaller change is shown as none
MINUS = "\u2212"
_SYMBOLS = {"CNY": "¥", "GBP": "£", "EUR": "€", "USD": "$", "JPY": "JP¥", "HKD": "HK$"}
_STEPS: dict[Language, tuple[tuple[Decimal, Decimal, str], ...]] = {
    # from this size on, divided by, with this unit
    "en": (
        (Decimal(10) ** 9, Decimal(10) ** 9, "bn"),
        (Decimal(10) ** 6, Decimal(10) ** 6, "M"),
        (Decimal(10) ** 5, Decimal(10) ** 3, "k"),
    ),
    "zh": (
        (Decimal(10) ** 8, Decimal(10) ** 8, "亿"),
        (Decimal(10) ** 4, Decimal(10) ** 4, "万"),
    ),
}
_TIME_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _decimal(value: SupportsFloat | Decimal) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124 (a missing number is not itself)


def _signed(text: str, value: Decimal) -> str:
    return f"{MINUS}{text}" if value < 0 else text


def _rounded(value: Decimal, places: int) -> str:
    return f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"


def count(value: Number | None) -> str:
    """A whole number with thousands separators: 12,345."""
    if value is None or _missing(value):
        return EMPTY
    amount = _decimal(value)
    return _signed(_rounded(abs(amount), 0), amount)


def short(value: Number | None, language: Language, places: int = 0) -> str:
    """A number that fits a tile: 1.23M, 123.5万; small numbers stay whole."""
    if value is None or _missing(value):
        return EMPTY
    amount = _decimal(value)
    for start, divisor, unit in _STEPS[language]:
        if abs(amount) >= start:
            scaled = abs(amount) / divisor
            digits = 0 if scaled == scaled.to_integral_value() else (1 if scaled >= 100 else 2)
            return _signed(_rounded(scaled, digits) + unit, amount)
    return _signed(_rounded(abs(amount), places), amount)


def symbol(currency: str) -> str:
    """The sign of a currency, or its code and a space when it has none here."""
    return _SYMBOLS.get(currency, f"{currency} ")


def money(value: Number | None, currency: str) -> str:
    """An exact amount: ¥2,995,760.61."""
    if value is None or _missing(value):
        return EMPTY
    amount = _decimal(value)
    return _signed(symbol(currency) + _rounded(abs(amount), 2), amount)


def short_money(value: Number | None, currency: str, language: Language) -> str:
    """An amount that fits a tile: ¥3.00M, ¥299.6万."""
    if value is None or _missing(value):
        return EMPTY
    amount = _decimal(value)
    return _signed(symbol(currency) + short(abs(amount), language, places=0), amount)


def rate(value: float | None, places: int = 1) -> str:
    """A share between 0 and 1 as a percentage: 82.1%."""
    if value is None or _missing(value):
        return EMPTY
    return _signed(f"{abs(value) * 100:.{places}f}%", _decimal(value))


def change(value: float | None) -> str | None:
    """A relative change with its sign: +4.2%; None when there is nothing to compare with."""
    if value is None or _missing(value):
        return None
    return f"{value * 100:+.1f}%" if abs(value) >= _VISIBLE else "0.0%"


def duration(seconds: Number | None, translate: Translator) -> str:
    """A length of time in the two units that matter: 3 d 4 h, 12 min; the sign says before."""
    if seconds is None or _missing(seconds):
        return EMPTY
    left = abs(int(seconds))
    parts: list[str] = []
    for unit, size in _TIME_UNITS:
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(translate(f"units.{unit}", count=number))
        elif parts:
            break
    text = " ".join(parts[:2])
    return f"{MINUS}{text}" if seconds < 0 else text


def day(value: date | None, language: Language, *, year: bool = True) -> str:
    """A date in words: 21 Nov 2026, 2026年11月21日."""
    if value is None or _missing(value):
        return EMPTY
    if language == "zh":
        return (
            f"{value.year}年{value.month}月{value.day}日"
            if year
            else f"{value.month}月{value.day}日"
        )
    text = f"{value.day} {_MONTHS[value.month - 1]}"
    return f"{text} {value.year}" if year else text


def days(start: date, end: date, language: Language) -> str:
    """A range of dates, the year said once where it can be."""
    if start == end:
        return day(start, language)
    if start.year != end.year:
        return f"{day(start, language)} – {day(end, language)}"
    if language == "zh":
        return f"{day(start, language)}–{day(end, language, year=False)}"
    return f"{day(start, language, year=False)} – {day(end, language)}"


def local(moment: datetime | None, zone: str) -> datetime | None:
    """A moment in the business time zone; times without a zone are UTC, as the lake keeps them."""
    if moment is None or _missing(moment):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(ZoneInfo(zone))


def time(moment: datetime | None, zone: str, language: Language) -> str:
    """A moment in the business time zone: 21 Nov 2026, 14:05."""
    here = local(moment, zone)
    if here is None:
        return EMPTY
    separator = " " if language == "zh" else ", "
    return f"{day(here.date(), language)}{separator}{here:%H:%M}"
