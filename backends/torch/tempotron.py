"""`Tempotron`: a PyTorch layer of tempotrons on a time grid, a drop-in for SpikingJelly's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tempotron_core import Neuron
from tempotron_core import Tempotron as CoreTempotron
from tempotron_core.arrays.numbers import whole_number

from .by_name import as_text
from .layer import Layer
from .learned import check_learn

__all__ = ["Tempotron"]


class Tempotron(Layer):
    """Tempotrons on a grid of T time steps: SpikingJelly's class of that name, as a drop-in.

    The numbers are those of SpikingJelly 0.0.0.0.14 where it is right; docs/spikingjelly.md lists
    what it gets wrong and what happens here instead.  No array of afferents by time steps is ever
    made.

    Parameters
    ----------
    in_features : int
        Afferents, N.
    out_features : int
        Output neurons, O.
    T : int
        Time steps; the potential is sampled at t = 0, 1, ..., T - 1.
    tau : float, default 15.0
        Membrane time constant, in time steps.
    tau_s : float, default 3.75
        Synaptic time constant, in time steps.
    v_threshold : float, default 1.0
        Firing threshold, also the peak of one postsynaptic potential of unit weight.
    learn : sequence of {'tau', 'tau_s', 'v_threshold', 'psp_peak'}, default ()
        Constants that are learned beside the weights, as of `ExactTempotron`.
    dtype : torch.dtype, optional
        Of the weights.  Half precision is kept, but computed with in float32.
    device : torch.device or str, optional
        Of the weights.

    Attributes
    ----------
    fc : torch.nn.Linear
        ``fc.weight``, shape (O, N), holds the synaptic weights, drawn uniformly from
        +-1/sqrt(N); there is no bias.  It is the only entry of ``state_dict()`` but for what
        ``learn`` names.  Checkpoints that name it ``weight`` or ``model.summation_layer.weight``
        load as well.
    log_tau, log_tau_s, log_v_threshold, log_psp_peak : torch.nn.Parameter
        Natural logarithms of the constants that are learned, 0-d.

    Raises
    ------
    TypeError
        If a number is not of the right kind.
    ValueError
        If a size, time constant or threshold is not positive.

    Notes
    -----
    ``T``, ``tau``, ``tau_s``, ``v_threshold``, ``v0`` and ``neuron`` can be read, and stay what
    they were at the construction, but for what is learned.

    Examples
    --------
    >>> import torch
    >>> from tempotron_backends.torch import Tempotron
    >>> layer = Tempotron(3, 2, T=50)
    >>> in_spikes = torch.tensor([[1.0, 3.0, -1.0]])
    >>> layer(in_spikes, "v_max").shape
    torch.Size([1, 2])
    """

    _ret_types = ("v", "v_max", "spikes")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        T: int,
        tau: float = 15.0,
        tau_s: float = 15.0 / 4,
        v_threshold: float = 1.0,
        *,
        learn: Sequence[str] = (),
        dtype: torch.dtype | None = None,
        device: Any = None,
    ) -> None:
        n_steps = whole_number("T", T)
        neuron = Neuron(tau, tau_s, v_threshold)
        super().__init__(
            in_features,
            out_features,
            float(n_steps),
            neuron,
            dtype,
            device,
            learn=check_learn(learn),
        )
        self._T = n_steps  # not int(duration), which torch.compile may take for a variable
        self._grid, self._n_steps = as_text(n_steps, 1.0), as_text(n_steps)

    @property
    def T(self) -> int:
        """Time steps."""
        return self._T

    @property
    def v0(self) -> float:
        """Factor of `psp_kernel` in a postsynaptic potential; infinite if ``tau == tau_s``."""
        kernel = self.neuron.kernel
        factor = kernel.rise / kernel.beta if kernel.beta > 0.0 else math.inf
        return factor if self.tau >= self.tau_s else -factor

    def extra_repr(self) -> str:
        """The constants, for ``print(layer)``."""
        more = f", learn={self._learn}" if self._learn else ""
        return (
            f"T={self.T}, tau={self.tau}, tau_s={self.tau_s}, v_threshold={self.v_threshold}{more}"
        )

    def forward(self, in_spikes: Tensor, ret_type: str) -> Tensor:
        """Run the layer.

        Parameters
        ----------
        in_spikes : tensor, shape (B, N)
            Spike times in time steps; negative or inf means no spike.  Half precision is taken as
            float32, integers as torch's default dtype, in which they have to be exact.
        ret_type : {'v', 'v_max', 'spikes'}
            What to return.

        Returns
        -------
        tensor
            'v': potential at every step, shape (B, O, T).  'v_max': its maximum over the steps,
            shape (B, O).  'spikes': the step of the maximum, negative where the threshold is not
            reached, shape (B, O), with the gradient of a soft arg max.

        Raises
        ------
        TypeError
            If ``in_spikes`` is no dense tensor of real numbers, or the weights are not real.
        ValueError
            If ``ret_type`` is unknown, the shape or device does not fit, a time is NaN, or
            ``fc.weight`` was given another shape.
        """
        weight = self._weights()
        self._check(in_spikes, weight, ret_type, axes=2)
        spikes = self._spikes(in_spikes)
        if ret_type == "v":
            steps = torch.arange(self.T, dtype=spikes[0].dtype, device=spikes[0].device)
            return self._read("voltage", spikes, weight, samples=steps)[0]
        if ret_type == "v_max":
            return self._read("peak", spikes, weight, self._grid)[0]
        return self._read("soft_peak_time", spikes, weight, self._n_steps)[0]

    @staticmethod
    def psp_kernel(t: Tensor, tau: float, tau_s: float) -> Tensor:
        """Postsynaptic potential before normalisation: `tempotron_core.Tempotron.psp_kernel`.

        Parameters
        ----------
        t : tensor
            Times after the spike, in the unit of the time constants.
        tau, tau_s : float
            Time constants.

        Returns
        -------
        tensor
            ``exp(-t/tau) - exp(-t/tau_s)``, 0 for t < 0.
        """
        kernel: Tensor = CoreTempotron.psp_kernel(t, tau, tau_s)
        return kernel

    @staticmethod
    def mse_loss(v_max: Tensor, v_threshold: float, label: Tensor, num_classes: int) -> Tensor:
        """Squared distance of wrong neurons from threshold, averaged over patterns.

        Parameters
        ----------
        v_max : tensor, shape (B, num_classes)
        v_threshold : float
        label : integer tensor, shape (B,)
        num_classes : int

        Returns
        -------
        tensor, shape ()

        Raises
        ------
        TypeError
            If ``label`` holds no integers.
        ValueError
            If the shapes do not fit together.
        """
        _check_labels(label)
        if label.ndim != 1 or tuple(v_max.shape) != (label.shape[0], num_classes):
            raise ValueError(
                f"v_max must have shape (B, num_classes = {num_classes}) and label (B,), "
                f"got {tuple(v_max.shape)} and {tuple(label.shape)}"
            )
        target = nn.functional.one_hot(label.to(torch.int64), num_classes)
        wrong = (v_max >= v_threshold) != (target == 1)
        error = torch.where(wrong, v_max - v_threshold, 0.0)
        return (error * error).sum() / max(1, label.shape[0])


def _check_labels(label: object) -> None:
    """Raise TypeError unless it is a tensor of integers."""
    if not isinstance(label, Tensor) or label.is_floating_point() or label.is_complex():
        kind = getattr(label, "dtype", type(label).__name__)
        raise TypeError(f"label must be a tensor of integer class indices, got {kind}")
