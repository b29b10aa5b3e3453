"""The figures of the HTML report and of notebooks."""
