"""Scoring what arrives: records of a folder, a table or a broker, each scored exactly once.

Three tables hold all that a stream knows. ``stream_sources`` says, before a batch is scored, which
pieces it is made of; ``stream_predictions`` gets its scored rows, ``stream_rejected`` the others,
each in one commit that carries the batch's number. So a batch that was cut short is made again of
the same pieces, and written only where it is missing.
"""
