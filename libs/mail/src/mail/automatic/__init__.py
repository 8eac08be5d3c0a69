"""Whether a machine wrote a mail: may it be answered, and does it count as somebody's answer?"""
