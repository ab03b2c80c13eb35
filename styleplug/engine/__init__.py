"""From a recipe and pictures to frames: the one way by which every border runs a method."""

from styleplug.engine.host import CONCURRENCY, Engine, shared
from styleplug.engine.inputs import longest
from styleplug.engine.plan import Plan

__all__ = ["CONCURRENCY", "Engine", "Plan", "longest", "shared"]
