"""Reading and writing mail: pure functions, no I/O, nothing of ours imported.

Coming in: `reading` (octets to a letter, on top of `parts`, `headers`, `charsets`, `plaintext`), then `automatic`
(robot or person), `answers` (the person's words and choice, with `quotation`, `comparison` and `choices`), `names`
(registration) and `bounces` (with `verdicts`). Going out: `rendering` (with `writing`), signed by `dkim` (with
`dkim_keys`). Both ways: `addresses` and `tokens`. No function here raises on what a mail contains; errors are for our
own mistakes and for addresses, tokens and keys that are none.
"""
