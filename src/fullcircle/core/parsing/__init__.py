"""The grammar of numbers, dates and timestamps in text, alike on every engine."""
