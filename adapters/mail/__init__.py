"""E-mail as it really arrives: messages are found in files, read, and made safe to show."""
