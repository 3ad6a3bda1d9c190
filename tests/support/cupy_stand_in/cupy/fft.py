"""Imported by array_api_compat; nothing here is used."""

from ._array import absent

__all__ = "fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft".split()
__all__ += "rfftfreq rfftn".split()
globals().update({name: absent(f"fft.{name}") for name in __all__})
