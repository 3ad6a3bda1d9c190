r"""Tempotrons as graphs of NIR, the Neuromorphic Intermediate Representation, and back.

A layer becomes a ``Linear`` node with its weights and a ``CubaLIF`` node, which NIR defines by

.. math:: \tau_{syn} \dot I = -I + w_{in} S(t), \qquad \tau_{mem} \dot v = (v_{leak} - v) + r I .

With :math:`v_{leak} = 0`, ``tau_mem = tau`` and ``tau_syn = tau_s``, v up to its first spike is
the tempotron's potential if one input spike makes it rise with the slope K'(0+), that is, if

.. math:: r\, w_{in} = K'(0^+)\, \tau\, \tau_s,

which is :math:`v_0 (\tau - \tau_s)`, or ``psp_peak`` :math:`e\, \tau` for equal constants.
docs/nir.md has the derivation, what importers make of it, and what NIR cannot express.

Source: J. E. Pedersen et al., "Neuromorphic intermediate representation: A unified instruction set
for interoperable brain-inspired computing", Nature Communications 15, 8122 (2024).
"""

from __future__ import annotations

try:
    import nir as _  # noqa: F401  the modules below need it
except ImportError as error:
    raise ImportError(
        f"graphs need NIR, which is not installed: pip install 'tempotron-core[nir]' ({error})"
    ) from error

from .exporting import to_nir
from .importing import from_nir

__all__ = ["from_nir", "to_nir"]
