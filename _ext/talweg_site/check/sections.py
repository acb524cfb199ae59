"""Every section of a page has a label: links to it are the same in all editions, whatever its title."""

from __future__ import annotations

import re

from talweg_site.chapter import lines_outside_fences

LABEL = re.compile(r" {0,3}\(([^)\s]+)\)=\s*$")
HEADING = re.compile(r" {0,3}(#{1,3}) +(.*\S)")


def section_problems(text: str, label: str) -> list[str]:
    """Headings (of three levels) of a page without `(label)=` in the line above; `label` names the page."""
    problems, before = [], ""
    front = re.match(r"---\n.*?^---$", text, re.DOTALL | re.MULTILINE)
    skipped = front[0].count("\n") + 1 if front else 0  # a comment in YAML looks like a heading
    for number, line in lines_outside_fences(text):
        if number <= skipped or not line.strip():
            continue
        heading = HEADING.match(line)
        if heading and not LABEL.match(before):
            problems.append(
                f"{label}:{number}: the heading {heading[2]!r} has no label; put (sec-…)= in the line above it"
            )
        before = line
    return problems
