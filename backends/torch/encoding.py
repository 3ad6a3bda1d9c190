"""Population coding for PyTorch, with the interface of SpikingJelly 0.0.0.0.14's `encoding`."""

from __future__ import annotations

import torch

from tempotron_core.arrays.numbers import positive_float, whole_number
from tempotron_core.encoding.receptive_fields import scale_to_square

__all__ = ["GaussianTuning"]


class GaussianTuning:
    r"""Spike times of ``m`` overlapping Gaussian fields per feature, on whole time steps [1]_.

    Field j = 1..m of a feature is centred at ``mu``, has the variance ``sigma2`` and responds
    with :math:`y = \exp(-(x - \mu_j)^2 / 2 \sigma^2)`, where

    .. math:: \mu_j = x_{min} + \frac{2j - 3}{2} \frac{x_{max} - x_{min}}{m - 2}, \qquad
              \sigma = \frac{x_{max} - x_{min}}{1.5 (m - 2)}

    The numbers are those of SpikingJelly's class of that name, to the last bit; for other array
    libraries see :class:`tempotron_core.encoding.GaussianReceptiveFields`.

    Parameters
    ----------
    n : int
        Number of features.
    m : int
        Number of fields per feature, at least 3.
    x_min, x_max : Tensor, shape (n,)
        Range of each feature, or one of shape (1,) for all.  A feature that never varies,
        ``x_max == x_min``, gets a unit range, or a wider one where adding 1 makes no difference.
        They decide the device.

    Attributes
    ----------
    mu, sigma2 : Tensor, shape (n, m)
        Centre and variance of every field.

    Raises
    ------
    TypeError
        If ``n`` or ``m`` is not an integer, or a range is not a tensor of real numbers.
    ValueError
        If ``n < 1`` or ``m < 3``, a range has another shape or is not finite, somewhere
        ``x_max < x_min``, or the two are on different devices.

    References
    ----------
    .. [1] S. M. Bohte, J. N. Kok and H. La Poutré, "Error-backpropagation in temporally encoded
       networks of spiking neurons", Neurocomputing 48, 17-37 (2002).

    Examples
    --------
    >>> import torch
    >>> from tempotron_backends.torch import GaussianTuning
    >>> encoder = GaussianTuning(1, 3, torch.zeros(1), torch.ones(1))
    >>> encoder.encode(torch.tensor([[[0.5, 4.0]]]), 50)
    tensor([[[[34.,  0., 34.],
              [-1., -1., -1.]]]])
    """

    def __init__(self, n: int, m: int, x_min: torch.Tensor, x_max: torch.Tensor) -> None:
        self.n = whole_number("n", n)
        self.m = whole_number("m", m, least=3)
        low, high = self._limit("x_min", x_min), self._limit("x_max", x_max)
        if low.device != high.device:
            raise ValueError(
                f"x_min and x_max must be on one device, got {low.device} and {high.device}"
            )
        width = high - low
        if not bool(((width >= 0.0) & torch.isfinite(width)).all()):  # NaN fails both
            raise ValueError(
                f"x_min and x_max must be finite and x_max not less, got x_min={x_min} and "
                f"x_max={x_max}"
            )
        unit = (low.abs() * (4.0 * torch.finfo(width.dtype).eps)).clamp(min=1.0)
        width = torch.where(width > 0.0, width, unit)[:, None]
        j = torch.arange(1, self.m + 1, dtype=torch.float32, device=low.device)[None, :]
        # in SpikingJelly's order of operations, so that rounded times are the same in float32
        self._scale: torch.Tensor = scale_to_square(width, torch)
        low, width = low[:, None] * self._scale, width * self._scale
        self._mu = low + (2 * j - 3) / 2 * width / (self.m - 2)
        self._sigma2 = (1 / 1.5 * width / (self.m - 2)).square().expand(self.n, self.m)
        self.mu = self._mu / self._scale
        self.sigma2 = self._sigma2 / self._scale / self._scale

    def _limit(self, name: str, limit: torch.Tensor) -> torch.Tensor:
        """Return one end of the range as float32 or wider, shape (n,)."""
        _check_real(name, limit)
        if limit.ndim != 1 or limit.shape[0] not in (1, self.n):
            raise ValueError(
                f"{name} must have shape (n,) = ({self.n},) or (1,), got {tuple(limit.shape)}"
            )
        wider = torch.promote_types(limit.dtype, torch.float32)
        return limit.detach().to(wider).expand(self.n)

    def encode(self, x: torch.Tensor, max_spike_time: float = 50) -> torch.Tensor:
        """Return the spike time of every field for every value.

        Parameters
        ----------
        x : Tensor, shape (B, n, k)
            For each pattern and feature, k values; integers are converted.  A value far from
            every field, infinities included, makes none of them spike.
        max_spike_time : int, default 50
            Length of the pattern in time steps, a whole number.

        Returns
        -------
        Tensor, shape (B, n, k, m)
            ``max_spike_time * (1 - y)`` rounded to whole numbers, halves to even; -1 (silent)
            where that is ``max_spike_time`` or more.  Whole numbers have no slope, so no gradient
            flows towards ``x``.

        Raises
        ------
        TypeError
            If ``x`` is not a tensor of real numbers, or ``max_spike_time`` is not a number.
        ValueError
            If ``x`` has another shape, is on another device than the ranges or holds a NaN, or
            ``max_spike_time`` is not a positive whole number.
        """
        latest = positive_float("max_spike_time", max_spike_time)
        if not latest.is_integer():  # fields without a response would round down and spike
            raise ValueError(f"max_spike_time must be a whole number, got {max_spike_time!r}")
        _check_real("x", x)
        if x.ndim != 3 or x.shape[1] != self.n:
            raise ValueError(
                f"x must have shape (patterns, n = {self.n}, values), got {tuple(x.shape)}"
            )
        if x.device != self.mu.device:
            raise ValueError(
                f"x must be on the device of x_min, {self.mu.device}, got it on {x.device}"
            )
        if bool(torch.isnan(x).any()):
            raise ValueError("x must be numbers, got NaN")
        deviation = (x.detach() * self._scale)[..., None] - self._mu[:, None, :]
        exponent = deviation.square_().div_(-2.0 * self._sigma2[:, None, :])
        # 1 - exp(-80) is 1 in any precision, and subnormal results would take most of the time
        response = exponent.clamp_(min=-80.0).exp_()
        times = response.neg_().add_(1.0).mul_(latest).round_()
        found: torch.Tensor = times.masked_fill_(times >= latest, -1.0)
        return found


def _check_real(name: str, tensor: object) -> None:
    """Raise TypeError unless it is a tensor of real numbers."""
    if not isinstance(tensor, torch.Tensor) or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must be a tensor of real numbers, got {tensor!r}")
