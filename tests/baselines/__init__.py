import pytest

# Modules of shared tests are no test files, whose asserts alone are explained by default.
pytest.register_assert_rewrite(
    *(f"tests.baselines.{name}" for name in ("_stylegan", "_vq_video", "_vsr"))
)
