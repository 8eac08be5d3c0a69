"""Reading and writing mail: pure functions, no I/O, nothing of ours imported. A folder for each idea:

    coming in   mime       octets -> ParsedMail: MIME tree, header fields, charsets, the text that a person sees
                sender     does it come from where it says? SPF, DKIM, DMARC, ARC -> AuthenticationResults
                automatic  did a machine write it? may it be answered, does it count as an answer?
                reply      what a person wrote in a reply, without quotation and signature
                choices    which of the offered choices that means
                reports    delivery reports -> bounce classification; feedback reports
    going out   outgoing   the octets of what we send, signed
    both        addresses, tokens, names (of children, as parents write them), placeholders ({{child}})

Layers, checked by import-linter: reply > choices, automatic, reports, sender, outgoing > mime > the modules above all
folders. No function here raises on what a mail contains; errors are for our own mistakes and for addresses, tokens and
keys that are none.
"""
