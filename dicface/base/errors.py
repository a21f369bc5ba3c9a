"""Errors that are meant for the user: one message, no traceback on the command line."""


class DicfaceError(Exception):
    """Says which file, what was found, what was expected and what to do."""


class ConfigError(DicfaceError):
    """A setting is missing, unknown or out of range."""


class ClipError(DicfaceError):
    """A clip cannot be read or written."""


class DamagedClipError(ClipError):
    """A clip is cut short, or some of its frames are damaged."""


class FaceError(DicfaceError):
    """No usable face was found, or landmarks do not fit their clip."""


class WeightsError(DicfaceError):
    """A weights file is missing, damaged or belongs to another network."""


class MetricError(DicfaceError):
    """Two clips cannot be compared."""


class MethodError(DicfaceError):
    """A restoration method cannot do what was asked of it."""


class TrainingError(DicfaceError):
    """A training run cannot start, continue or be resumed."""


class ClusterError(DicfaceError):
    """This machine or the cluster cannot give what a job asks for."""
