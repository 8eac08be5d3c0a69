"""What happens to messages, by what somebody wants: `reading` (lists, one, who may see it), `drafts` (write, approve,
cancel), `resending`, `corrections` (stop, take another's place); `sending` holds the steps that they share."""
