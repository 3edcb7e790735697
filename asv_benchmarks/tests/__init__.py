"""Tests of the dashboard, run by `make dashboard-test`: they need Chromium, and environments of their own for asv."""
