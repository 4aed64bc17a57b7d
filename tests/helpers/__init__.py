"""What tests share: plausible frames and pages, and strategies for messages."""
