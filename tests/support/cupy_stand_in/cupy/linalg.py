"""Imported by array_api_compat; nothing here is used."""

from ._array import absent

__all__ = "cholesky det eigh eigvalsh inv lstsq matrix_power matrix_rank norm pinv qr".split()
__all__ += "slogdet solve svd tensorinv tensorsolve".split()
globals().update({name: absent(f"linalg.{name}") for name in __all__})
