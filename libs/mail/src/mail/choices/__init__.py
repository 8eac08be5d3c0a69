"""Which of the offered choices the words of an answer mean, or that a human has to look."""
