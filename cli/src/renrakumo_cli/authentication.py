"""What a mail lying in a file can show of its origin without asking the network: whether it is signed at all.

SPF needs the peer that handed the mail in, DKIM, ARC and DMARC what the DNS says; ingress-smtp has both.
"""

from mail.mime.reading import ParsedMail


def without_network(parsed: ParsedMail) -> dict[str, str]:
    """`unchecked`: there is a signature, which only the DNS could confirm; `none`: nothing to check."""
    signed = "unchecked" if "dkim-signature" in parsed.headers else "none"
    sealed = "unchecked" if "arc-seal" in parsed.headers else "none"
    return {"spf": "none", "dkim": signed, "dmarc": "none", "arc": sealed}
