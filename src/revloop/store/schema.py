"""The tables of a store's file."""

VERSIONS = """
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    settings TEXT NOT NULL,
    started_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS trajectories (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    draft_id TEXT NOT NULL,  -- as JSON: 1 and "1" are two ids
    id TEXT NOT NULL,
    draft TEXT NOT NULL,
    content TEXT NOT NULL,  -- digest of prompt and response, and one of fields that the run sees
    ending TEXT,
    reason TEXT,            -- the ending's reason again, for queries
    rounds INTEGER,         -- rounds done when it ended
    UNIQUE (run, draft_id)
) STRICT;
CREATE INDEX IF NOT EXISTS trajectories_by_content ON trajectories (run, content);
CREATE INDEX IF NOT EXISTS trajectories_by_end ON trajectories (run, reason, rounds);
CREATE TABLE IF NOT EXISTS versions (
    trajectory INTEGER NOT NULL REFERENCES trajectories (key),
    round INTEGER NOT NULL,
    version TEXT NOT NULL,
    UNIQUE (trajectory, round)
) STRICT;
CREATE TABLE IF NOT EXISTS inputs (
    run INTEGER PRIMARY KEY REFERENCES runs (id),
    name TEXT NOT NULL,
    fingerprint TEXT,       -- NULL: a stream, which cannot be read twice
    last INTEGER,           -- number of the last row that was begun or rejected
    end_offset INTEGER,     -- where that row ends; NULL: unknown
    is_whole INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS rows (
    run INTEGER NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    trajectory INTEGER NOT NULL REFERENCES trajectories (key),
    draft_id TEXT NOT NULL,
    rest TEXT NOT NULL,     -- the row's other fields
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_by_id ON rows (run, draft_id);
CREATE TABLE IF NOT EXISTS rejects (
    run INTEGER NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    reason TEXT NOT NULL,
    raw TEXT NOT NULL,
    UNIQUE (run, number)
) STRICT;
"""
"""Of runs, their input and their trajectories: in every store."""

FEEDBACK = """
CREATE TABLE IF NOT EXISTS feedback (
    trajectory INTEGER NOT NULL REFERENCES trajectories (key),
    round INTEGER NOT NULL,
    author TEXT NOT NULL,
    edition INTEGER NOT NULL,  -- earlier ones are kept
    given TEXT NOT NULL,
    given_at TEXT NOT NULL,
    PRIMARY KEY (trajectory, round, author, edition)
) STRICT, WITHOUT ROWID;
"""
"""Of what people wrote on versions; created when first needed, as those below."""

VERDICTS = """
CREATE TABLE IF NOT EXISTS judges (
    digest TEXT PRIMARY KEY,
    info TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS verdicts (
    judge TEXT NOT NULL REFERENCES judges (digest),
    question TEXT NOT NULL,
    verdict TEXT NOT NULL,
    given_at TEXT NOT NULL,
    PRIMARY KEY (judge, question)
) STRICT, WITHOUT ROWID;
"""
"""Of judges and their verdicts."""

SAMPLES = """
CREATE TABLE IF NOT EXISTS samples (
    id INTEGER PRIMARY KEY,
    against TEXT NOT NULL,
    round INTEGER NOT NULL,
    size INTEGER,           -- NULL: all pairs of the round
    seed INTEGER NOT NULL,
    declared_at TEXT NOT NULL  -- the last time
) STRICT;
CREATE TABLE IF NOT EXISTS sampled (
    sample INTEGER NOT NULL REFERENCES samples (id),
    question TEXT NOT NULL,
    PRIMARY KEY (sample, question)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sample_fields (
    sample INTEGER PRIMARY KEY REFERENCES samples (id),
    field TEXT NOT NULL     -- it was drawn in proportion to this field of the drafts
) STRICT;
"""
"""Of what people were asked to judge."""
