"""What the codes of a trained network do: its posterior, what each part restores, calibration.

A network that mixes codes may restore through them, or through the encoder's skips with a constant
in the middle: the output alone does not tell. `measure.inspect_weights` looks inside, at weights of
a training or at released ones (docs/inspect.md); `text` says what it found.
"""
