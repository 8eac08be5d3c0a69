"""Whether a mail comes from where it says it does: SPF, DKIM, DMARC and ARC, over DNS answers that are handed in."""
