"""Clips, videos and folders of frames: reading, writing, random access, the H.264 step."""
