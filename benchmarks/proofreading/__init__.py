"""A proofreader for anyone's English: texts with mistakes, records, and what was fixed."""
