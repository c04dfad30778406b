"""The SQLite file behind `isptune.study.votes.answers`: its layout, how it is opened, and how it gets to the disk."""

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from isptune.errors import StudyError

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE observers (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, name TEXT, source TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE asked (
    observer INTEGER NOT NULL REFERENCES observers(id), number INTEGER NOT NULL, scene TEXT NOT NULL,
    first TEXT NOT NULL, second TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (observer, number)) WITHOUT ROWID;
CREATE TABLE votes (
    observer INTEGER NOT NULL, number INTEGER NOT NULL, client_id TEXT NOT NULL, answer TEXT NOT NULL,
    response_ms INTEGER, screen_width INTEGER, screen_height INTEGER, session TEXT NOT NULL, created TEXT NOT NULL,
    PRIMARY KEY (observer, number), UNIQUE (observer, client_id),
    FOREIGN KEY (observer, number) REFERENCES asked(observer, number)) WITHOUT ROWID;
CREATE TABLE undone (
    id INTEGER PRIMARY KEY, observer INTEGER NOT NULL, number INTEGER NOT NULL, client_id TEXT NOT NULL,
    answer TEXT NOT NULL, response_ms INTEGER, voted TEXT NOT NULL, created TEXT NOT NULL);
CREATE INDEX undone_of ON undone (observer, client_id);
"""


def create(path: Path) -> None:
    """Make an empty file of answers of an open study. Raises StudyError if there is one, or the disk refuses."""
    if path.exists():
        raise StudyError(f"{path}: is there already")
    try:
        connection = connect(path)
        try:
            connection.executescript("BEGIN;" + SCHEMA)
            facts = [("version", str(SCHEMA_VERSION)), ("state", "open"), ("created", now())]
            connection.executemany("INSERT INTO study VALUES (?, ?)", facts)
            connection.execute("COMMIT")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StudyError(f"{path}: cannot be written: {error}") from error


def connect(path: Path, sync_each: bool = True) -> sqlite3.Connection:
    """Open the file in write-ahead mode.

    Args:
        sync_each: whether every transaction is on the disk when it is committed; else after `sync`.

    Raises:
        StudyError: it is no SQLite file.
    """
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if sync_each else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StudyError(f"{path}: is not a file of answers: {error}") from error
    return connection


def sync(path: Path) -> None:
    """Bring to the disk what was committed to this file before the call.

    What is not in the file yet is in the write-ahead log; SQLite itself syncs the log before it moves anything from
    there. Raises StudyError.
    """
    try:
        for part in (f"{path}-wal", path.parent):
            descriptor = os.open(part, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise StudyError(f"{path}: cannot be written: {error.strerror or error}") from error


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
