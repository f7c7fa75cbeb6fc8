"""Report: one self-contained HTML page, a terminal summary and figures that compare runs."""
