"""Renderer of the demo's clips: shaded talking heads with exact landmarks."""

from dicface.data.render._kernels import kernel_folder

with kernel_folder():
    from dicface.data.render.clip import RENDERER, RenderedClip, render_clip
    from dicface.data.render.identity import Identity, identity
    from dicface.data.render.sets import render_set

__all__ = ["RENDERER", "Identity", "RenderedClip", "identity", "render_clip", "render_set"]
