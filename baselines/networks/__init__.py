"""Networks of the baselines, one module each, and the layers that several of them share.

Parameter names and shapes are those of the released files, so that these load as they are; the
blocks of CodeFormer's family come from `dicface.models`. Nothing here reads files.
"""
