"""Weights that ship: looked at while they learn, measured on unseen faces, exported, described."""
