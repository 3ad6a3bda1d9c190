"""Constants of the conductance-based neuron."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays.numbers import positive_float, real_number

__all__ = ["ConductanceNeuron"]


@dataclass(frozen=True)
class ConductanceNeuron:
    r"""A leaky membrane whose synapses are conductances [1]_.

    .. math:: V' = -(g_L + g_e + g_i) V + E_e g_e + E_i g_i

    A spike of an afferent with gain w raises its conductance by w, which then decays with
    ``tau_s``.  The potential is measured from rest, in units in which the threshold is 1.  Input
    shortens the membrane's time constant, so that a pattern that is played faster, with more input
    per time, is followed faster too.

    Parameters
    ----------
    leak : float, default 0.01
        :math:`g_L`, per unit of time: one over the membrane time constant at rest.
    tau_s : float, default 1.0
        Synaptic time constant.
    e_excitatory : float, default 5.0
        Reversal potential of excitatory synapses, above the threshold.
    e_inhibitory : float, default -1.0
        Reversal potential of inhibitory synapses, at most 0.
    v_threshold : float, default 1.0

    Raises
    ------
    TypeError
        If a constant is not a real number.
    ValueError
        If one is out of range.

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, "Time-warp-invariant neuronal processing", PLoS Biology 7,
       e1000141 (2009).

    Examples
    --------
    >>> from tempotron_core.conductance import ConductanceNeuron
    >>> ConductanceNeuron().leak
    0.01
    """

    leak: float = 0.01
    tau_s: float = 1.0
    e_excitatory: float = 5.0
    e_inhibitory: float = -1.0
    v_threshold: float = 1.0

    def __post_init__(self) -> None:
        for name in ("leak", "tau_s", "v_threshold"):
            object.__setattr__(self, name, positive_float(name, getattr(self, name)))
        for name in ("e_excitatory", "e_inhibitory"):
            object.__setattr__(self, name, real_number(name, getattr(self, name)))
        if not self.v_threshold < self.e_excitatory < float("inf"):
            raise ValueError(
                f"e_excitatory must be finite and above v_threshold={self.v_threshold}, got "
                f"{self.e_excitatory}"
            )
        if not float("-inf") < self.e_inhibitory <= 0.0:
            raise ValueError(f"e_inhibitory must be finite and at most 0, got {self.e_inhibitory}")
