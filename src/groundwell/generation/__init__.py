"""From passages to an answer with citations: select, prompt, complete, cite, check."""
