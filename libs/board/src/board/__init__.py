"""The boards of all units, for whoever shows them: notices and calendar, read from the office's public views.

    office.public_board_changes --revisions--> memory: which boards have changed?
    office.public_units, _notices, _events --those units' boards--> memory --board(unit)--> news_of(board, now)

`model` and `bounds` hold pure rules, `store` all SQL, `memory` the boards as they were last read.
"""
