"""Dates as mail programs write them: a day, a year, a time, in the languages of parents in Japan."""

from __future__ import annotations

import re

_MONTH = (
    r"(?:jan|feb|fév|mar|mär|apr|avr|abr|may|mai|mag|maj|jun|juin|giu|jul|juil|lug|aug|aoû|ago|sep|set|oct|okt|out"
    r"|ott|nov|dec|déc|dez|dic|des)[a-zé]*\.?"
)
DAY = re.compile(
    r"\d{4}\s?[/.年년-]\s?\d{1,2}\s?[/.月월-]\s?\d{1,2}|\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b|\d{1,2}月\s?\d{1,2}日"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?,? (?:de |of )?{_MONTH}(?:,? (?:de )?\d{{4}})?\b"
    rf"|\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?\b|\d{{1,2}} thg \d{{1,2}}|\d{{1,2}} tháng \d{{1,2}}",
    re.IGNORECASE,
)
YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:時h]\s?\d{2}|(?<!\d)\d{1,2}\.\d{2}(?![\d.])|(?<!\d)\d{1,2}時")
