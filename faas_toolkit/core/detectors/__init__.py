"""Where personal data and credentials stand in a text: one file for each kind, in any script, in linear time.

Every repetition in a pattern is bounded, and no pattern can match one text in two ways of growing length, so a hostile text costs
no more than an ordinary one of its size.
"""
