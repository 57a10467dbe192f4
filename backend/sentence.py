"""What is told of an error, cut to what a panel can show: one line, few characters, files named by their ends.

Errors of libraries come with line breaks, and names in files of strangers have any length. Standard library only.
"""

from __future__ import annotations

import re

LONGEST = 300
"""Characters of a sentence."""
LONGEST_WORD = 90
"""Characters without a space between them; longer ones are paths, or no words."""
LEAST_ASIDE = 40
"""Characters that stay of what stands in parentheses."""
_ASIDE = re.compile(rf"\(([^()]{{{LEAST_ASIDE + 10},}})\)")


def short(text: str) -> str:
    """An error's text as one line of at most 300 characters.

    Of a long path the end stays. What stands in parentheses, mostly an error of a library, is cut first, then the
    middle: a sentence begins with what is wrong and ends with what to do.
    """
    line = " ".join(_word(word) for word in re.sub(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+", " ", text).split(" "))
    line = line.strip()
    while len(line) > LONGEST and (asides := _ASIDE.findall(line)):
        longest = max(asides, key=len)
        room = max(LEAST_ASIDE, len(longest) - (len(line) - LONGEST) - 3)
        if room + 3 >= len(longest):
            break
        line = line.replace(f"({longest})", f"({longest[:room]}...)", 1)
    if len(line) <= LONGEST:
        return line
    first = LONGEST // 2
    return f"{line[:first]} ... {line[first + 5 - LONGEST :]}"


def _word(word: str) -> str:
    if len(word) <= LONGEST_WORD:
        return word
    ends = re.search(r"['\"),.;:]*$", word)
    tail = ends.group()[-3:] if ends else ""
    body = word[: len(word) - len(tail)]
    if "/" in body or "\\" in body:  # a path: its end tells most
        return f"...{body[3 + len(tail) - LONGEST_WORD :]}{tail}"
    return f"{body[: LONGEST_WORD - 3 - len(tail)]}...{tail}"
