"""The text of ``kernels.cu`` with that of its headers in their place, for a compiler without files.

CuPy keeps the machine code of a source on disk under a digest of its text.  With the headers in the
text, a change in any of them is compiled anew; of a header that NVRTC looked up, it would not be.
"""

from __future__ import annotations

import re
from importlib.resources import files

__all__ = ["kernel_source"]

_INCLUDE = re.compile(r'^#include "(.+)"\n', re.MULTILINE)


def kernel_source() -> str:
    """Source of the kernels in one piece."""
    folder = files(__package__)
    included = set()

    def text(name: str) -> str:
        if name in included:
            return ""
        included.add(name)
        code = (folder / name).read_text(encoding="utf-8").replace("#pragma once\n", "")
        return _INCLUDE.sub(lambda include: text(include[1]), code)

    return text("kernels.cu")
