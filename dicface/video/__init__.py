"""Reading and writing clips, videos and folders of frames."""
