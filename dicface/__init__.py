"""dicface: the benchmark suite of face-video restoration."""

__version__ = "0.1.0"
