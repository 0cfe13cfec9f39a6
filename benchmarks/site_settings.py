"""tformance's own settings, with one more URL: a bare view to compare with."""

from tformance.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.site"
