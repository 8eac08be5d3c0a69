"""What became of messages: copies, answers, tallies, as receipts' ledger has them; choices that a person set."""
