"""The command line: configuration, the pipeline, comparing and exporting runs."""
