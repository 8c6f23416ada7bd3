"""Calendars as ical.js reads them, which Thunderbird and Nextcloud show calendars with."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess

import pytest

_READ = """
const [path, content] = JSON.parse(require("fs").readFileSync(0, "utf8"));
import(path).then(({ default: ICAL }) => {
  const root = new ICAL.Component(ICAL.parse(content));
  for (const zone of root.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(new ICAL.Timezone(zone));
  const utc = (time) => time.convertToZone(ICAL.Timezone.utcTimezone).toString();
  const events = root.getAllSubcomponents("vevent").map((event) => new ICAL.Event(event));
  const series = events.find((event) => !event.isRecurrenceException());
  for (const event of events) if (event !== series) series.relateException(event);
  const found = [];
  const times = series.iterator();
  for (let time; (time = times.next()); ) {
    const { startDate, endDate, item } = series.getOccurrenceDetails(time);
    found.push([utc(startDate), utc(endDate), item.summary]);
  }
  console.log(JSON.stringify(found.sort()));
});
"""


@functools.cache
def _ical_js() -> str:
    """Where `ical.js` is: it is no dependency of ours, so only a machine that has it can ask it."""
    path = os.environ.get("ICAL_JS")
    if shutil.which("node") is None or path is None:
        pytest.skip(
            "needs node, and ICAL_JS: the path of ical.js (npm install ical.js: node_modules/ical.js/dist/ical.js)"
        )
    return path


def read_by_ical_js(content: bytes) -> list[tuple[str, str, str]]:
    """Start, end and title of everything a calendar shows; skips the test where ical.js is not installed."""
    asked = json.dumps([_ical_js(), content.decode()])
    shown = subprocess.run(["node", "-e", _READ], input=asked, capture_output=True, text=True, check=True, timeout=180)
    return [(starts, ends, title) for starts, ends, title in json.loads(shown.stdout)]
