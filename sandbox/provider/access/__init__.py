"""Who may call: API keys, OAuth tokens, and what each of them may do."""
