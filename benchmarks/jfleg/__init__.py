"""The paper's claim on human revisions: a critic of few records, round by round, on JFLEG."""
