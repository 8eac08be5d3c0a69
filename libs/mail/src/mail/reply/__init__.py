"""What a person wrote in a reply: without the quotation, the introduction of it, signatures and our own text."""
