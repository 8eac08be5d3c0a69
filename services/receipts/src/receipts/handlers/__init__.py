"""What receipts does with what comes in: an idea a file, each a function that takes the context and one event.

copies         plans and outcomes of copies -> ledger
replies        a reply -> whose is it, and is it a person's? -> confirmations or answers
confirmations  somebody did something that others act on -> said on the bus, once
answers        a reply to a message -> read, ledger, said on the bus
reports        of non-delivery and of complaints -> ledger, said on the bus
incoming       what all kinds of mail have in common: whose token, which bytes
housekeeping   forgetting which events were handled
"""
