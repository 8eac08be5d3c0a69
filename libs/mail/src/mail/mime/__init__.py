"""Octets to a `ParsedMail`: the MIME tree, its headers, charsets and transfer encodings, and the text a person sees."""
