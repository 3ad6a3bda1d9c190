"""The membrane potential at and between events: its scan, maxima, samples; tiles of pairs."""
