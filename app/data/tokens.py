"""Estimating tokens where there is no tokenizer at hand: bytes of UTF-8 over four.

Measured with OpenAI's o200k_base and cl100k_base on 60 kB each of program messages in ten languages, a licence, Python
code and customer messages: 3.5 to 6.6 bytes a token with o200k_base, 2.9 to 5.1 with cl100k_base (least: Turkish,
Vietnamese, Korean; most: Russian, code). So the true count lies between 0.6 and 1.4 times the estimate there, and is
higher for models with a small vocabulary. The trainer counts with the model's own tokenizer.
"""

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 3  # the marks around a message, and around a row; as in OpenAI's cookbook "How to count tokens"
