"""The votes of a study: one SQLite file, one durable transaction a vote, never lost, never counted twice.

The file is in write-ahead mode with full synchronisation: a vote that was acknowledged is on the disk. Where many
votes come at once, as in the server, those that wait may share one synchronisation: see `sync_each`. All functions may
be called from several threads.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from isptune.errors import StudyClosed, StudyError, UnknownObserver, VoteRefused
from isptune.study.votes.file import SCHEMA_VERSION, connect, now, sync
from isptune.study.votes.rows import asked_of, check_vote, observer_of, text_of, vote_of
from isptune.study.votes.votes import (
    FIRST_JUDGE,
    Answer,
    AskedPair,
    Observer,
    Pair,
    Progress,
    Schedule,
    Source,
    VoteRecord,
)


@final
class Answers:
    """The open file of answers; use it in a `with` block or call `close`.

    Args:
        path: the SQLite file.
        schedule: what is asked; None where only what is there is read.
        sync_each: whether every transaction is on the disk when its function returns. If not, it is committed then,
            so that it outlives this program, and on the disk, so that it outlives a power cut, after `sync`.
    """

    def __init__(self, path: Path, schedule: Schedule | None = None, sync_each: bool = True):
        if not path.is_file():
            raise StudyError(f"{path}: there is no such file of answers; 'isptune study new' makes one")
        self.path, self.schedule = path, schedule
        self._lock = threading.RLock()
        self._known: dict[str, Observer] = {}  # by token; an observer never changes
        self._writer: int | None = None  # the thread that has a transaction open
        self._connection = connect(path, sync_each)
        # What only looks never waits for a vote that waits for the file: in write-ahead mode readers need no lock.
        self._reading, self._reader = threading.Lock(), connect(path)
        try:
            version = self._get("version")
        except StudyError as error:
            self.close_file()
            raise StudyError(f"{path}: is not a file of answers: {error.__cause__}") from error
        if version != str(SCHEMA_VERSION):
            self.close_file()
            raise StudyError(
                f"{path}: has version {version} of the layout; this program reads {SCHEMA_VERSION}"
            )

    def __enter__(self) -> "Answers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close_file()

    def close_file(self) -> None:
        """Close the file; the study itself stays as open or closed as it is."""
        with self._lock, self._reading:
            self._connection.close()
            self._reader.close()

    def sync(self) -> None:
        """Bring to the disk what was committed before this call; needed with `sync_each=False` only."""
        sync(self.path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is written in the block one transaction, which is there as a whole or not at all.

        What is refused inside it writes nothing. Raises StudyError if it cannot be written; then nothing of it is.
        """
        with self._write():
            yield

    # The study itself

    @property
    def is_open(self) -> bool:
        """Whether votes are taken."""
        return self._get("state") == "open"

    def close_study(self) -> None:
        """Take no more votes and no more observers."""
        self._set_state("closed")

    def reopen_study(self) -> None:
        """Take votes again."""
        self._set_state("open")

    # Observers

    def add_observer(self, name: str | None = None, source: Source = "person") -> Observer:
        """Add an observer with a fresh token and ask the first pairs. Raises StudyClosed."""
        token = secrets.token_urlsafe(24)  # 192 bits
        with self._write() as db:
            self._refuse_if_closed()
            observer = self._next_id(source)
            db.execute("INSERT INTO observers VALUES (?, ?, ?, ?, ?)", (observer, token, name, source, now()))
        self._ask_more(observer)
        return self.observer(token)

    def observer(self, token: str) -> Observer:
        """The observer with this token. Raises UnknownObserver."""
        if token in self._known:
            return self._known[token]
        rows = self._rows("SELECT id, token, name, source, created FROM observers WHERE token = ?", token)
        if not rows:
            raise UnknownObserver("no observer has this link; ask the owner of the study for a new one")
        self._known[token] = observer_of(rows[0], self.path)
        return self._known[token]

    def observers(self) -> list[Observer]:
        """All of them, in the order in which they joined; judges last."""
        rows = self._rows("SELECT id, token, name, source, created FROM observers ORDER BY id")
        return [observer_of(row, self.path) for row in rows]

    def progress(self, token: str) -> Progress:
        """How far the observer is. Raises UnknownObserver."""
        observer = self.observer(token).id
        schedule = None if observer >= FIRST_JUDGE else self.schedule
        ((done, asked, training_left),) = self._rows(
            "SELECT COUNT(v.number), COUNT(*), COALESCE(SUM(a.kind = 'training' AND v.number IS NULL), 0)"
            " FROM asked a LEFT JOIN votes v USING (observer, number) WHERE a.observer = ?",
            observer,
        )
        total = asked if schedule is None else max(asked, schedule.total)
        finished = done == asked and (schedule is None or asked >= schedule.total)
        return Progress(done, total, training_left, finished)

    # Pairs

    def open_pairs(self, token: str, count: int = 2, ask_more: bool = True) -> list[AskedPair]:
        """The pair to answer now and those that follow, at most `count`; empty when there are none left.

        The second one is for loading its pictures ahead: only the first can be voted on. An adaptive schedule
        decides on more once all that it asked is answered, which may take its time; not without `ask_more`. Raises
        UnknownObserver.
        """
        observer = self.observer(token).id
        pairs = self._open(observer, count)
        if not pairs and ask_more and self.is_open and self._ask_more(observer):
            pairs = self._open(observer, count)
        return pairs

    def asked_pair(self, token: str, number: int) -> AskedPair:
        """A pair that this observer was asked, answered or not. Raises UnknownObserver, VoteRefused."""
        rows = self._rows(
            "SELECT number, scene, first, second, kind FROM asked WHERE observer = ? AND number = ?",
            self.observer(token).id,
            number,
        )
        if not rows:
            raise VoteRefused(f"pair {number} was not asked")
        return asked_of(rows[0], self.path)

    def first_pairs(self, token: str, count: int) -> list[AskedPair]:
        """The first pairs that this observer was asked, answered or not. Raises UnknownObserver."""
        rows = self._rows(
            "SELECT number, scene, first, second, kind FROM asked WHERE observer = ? ORDER BY number LIMIT ?",
            self.observer(token).id,
            count,
        )
        return [asked_of(row, self.path) for row in rows]

    def vote(
        self,
        token: str,
        number: int,
        client_id: str,
        answer: Answer,
        response_ms: int | None = None,
        screen: tuple[int, int] | None = None,
        session: str = "1",
    ) -> bool:
        """Keep a vote on the pair to answer now; when this returns it is on the disk.

        Args:
            client_id: made by the client for this vote, 8 to 64 of A-Z a-z 0-9 _ -; a vote that comes again with
                the same one is the same vote, also after it was undone.
            response_ms: from showing the pair to the answer, milliseconds.
            screen: width and height of the window, pixels.

        Returns:
            True if the vote is new, False if it was there already.

        Raises:
            UnknownObserver: no observer has this token.
            StudyClosed: the study takes no votes.
            VoteRefused: not the pair to answer now, another vote on it is kept, or a value is out of range.
        """
        check_vote(client_id, answer, response_ms, screen)
        observer = self.observer(token).id
        with self._write() as db:
            if self._is_known(observer, number, client_id, answer):
                return False
            self._refuse_if_closed()
            self._refuse_unless_open(observer, number)
            width, height = screen or (None, None)
            db.execute(
                "INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (observer, number, client_id, answer, response_ms, width, height, session, now()),
            )
        return True

    def undo(self, token: str, number: int) -> AskedPair:
        """Take the last vote back; it is kept as an event, and its pair is open again.

        To undo what is undone already changes nothing. Raises UnknownObserver, StudyClosed, VoteRefused if the
        vote on `number` is not the last one.
        """
        observer = self.observer(token).id
        with self._write() as db:
            self._refuse_if_closed()
            ((last,),) = self._rows("SELECT COALESCE(MAX(number), 0) FROM votes WHERE observer = ?", observer)
            if last == number:
                db.execute(
                    "INSERT INTO undone (observer, number, client_id, answer, response_ms, voted, created)"
                    " SELECT observer, number, client_id, answer, response_ms, created, ? FROM votes"
                    " WHERE observer = ? AND number = ?",
                    (now(), observer, number),
                )
                db.execute("DELETE FROM votes WHERE observer = ? AND number = ?", (observer, number))
            elif not self._was_undone(observer, number) or last > number:
                raise VoteRefused(
                    f"only the last vote can be undone, which is {last or 'none'}, not {number}"
                )
        return self.asked_pair(token, number)

    def ask(self, observer: int, pairs: Sequence[Pair]) -> None:
        """Add pairs after those that an observer was asked."""
        with self._write() as db:
            ((last,),) = self._rows("SELECT COALESCE(MAX(number), 0) FROM asked WHERE observer = ?", observer)
            rows = [(observer, last + i + 1, p.scene, p.first, p.second, p.kind) for i, p in enumerate(pairs)]
            db.executemany("INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?)", rows)

    def add_table(self, observer: int, rows: Sequence[tuple[Pair, Answer, str]]) -> None:
        """Ask pairs and keep their answers with their session in one transaction: for votes from elsewhere."""
        with self._write() as db:
            self._refuse_if_closed()
            ((last,),) = self._rows("SELECT COALESCE(MAX(number), 0) FROM asked WHERE observer = ?", observer)
            self.ask(observer, [pair for pair, _, _ in rows])
            voted = now()
            votes = [
                (observer, last + i + 1, f"table-{last + i + 1:08d}", answer, session, voted)
                for i, (_, answer, session) in enumerate(rows)
            ]
            db.executemany(
                "INSERT INTO votes (observer, number, client_id, answer, session, created)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                votes,
            )

    def votes(self, judges: bool = True) -> list[VoteRecord]:
        """All votes that count, observer by observer in the order asked; training is among them by its kind.

        Those of judges come last, if they are wanted. Raises StudyError where the file was damaged or edited.
        """
        rows = self._rows(
            "SELECT v.observer, v.number, v.session, a.scene, a.first, a.second, v.answer, a.kind, v.response_ms,"
            " v.screen_width, v.screen_height FROM votes v JOIN asked a USING (observer, number)"
            " WHERE v.observer < ? ORDER BY v.observer, v.number",
            2**62 if judges else FIRST_JUDGE,
        )
        strays = self._rows(
            "SELECT observer FROM votes WHERE observer NOT IN (SELECT id FROM observers) LIMIT 1"
        )
        if strays:
            raise StudyError(
                f"{self.path}: has votes of {strays[0][0]!r}, who is no observer; the file was edited"
            )
        return [vote_of(row, self.path) for row in rows]

    def undone_count(self) -> int:
        """How many votes were taken back."""
        return self._rows("SELECT COUNT(*) FROM undone")[0][0]

    def _next_id(self, source: Source) -> int:
        first, end = (FIRST_JUDGE, 2**62) if source == "judge" else (1, FIRST_JUDGE)
        ((last,),) = self._rows("SELECT MAX(id) FROM observers WHERE id >= ? AND id < ?", first, end)
        return first if last is None else last + 1

    def _ask_more(self, observer: int) -> bool:
        """Let the schedule decide on more pairs; outside the lock, since it may take its time."""
        if self.schedule is None or observer >= FIRST_JUDGE:  # a judge brings its pairs along
            return False
        ((asked,),) = self._rows("SELECT COUNT(*) FROM asked WHERE observer = ?", observer)
        pairs = self.schedule.batch(observer, asked, lambda: self.votes(judges=False))
        with self._write():
            ((now,),) = self._rows("SELECT COUNT(*) FROM asked WHERE observer = ?", observer)
            if now == asked and pairs:  # else another request of the same observer was faster
                self.ask(observer, pairs)
            return bool(pairs) or now > asked

    def _open(self, observer: int, count: int) -> list[AskedPair]:
        rows = self._rows(
            "SELECT a.number, a.scene, a.first, a.second, a.kind FROM asked a"
            " LEFT JOIN votes v USING (observer, number) WHERE a.observer = ? AND v.number IS NULL"
            " ORDER BY a.number LIMIT ?",
            observer,
            count,
        )
        return [asked_of(row, self.path) for row in rows]

    def _is_known(self, observer: int, number: int, client_id: str, answer: Answer) -> bool:
        """Whether this very vote is there, or was there and was undone. Raises VoteRefused if it differs."""
        query = "SELECT number, answer FROM {} WHERE observer = ? AND client_id = ?"
        known = [
            row
            for table in ("votes", "undone")
            for row in self._rows(query.format(table), observer, client_id)
        ]
        if known and (number, answer) not in known:
            raise VoteRefused(f"the vote {client_id} is kept as {known[0][1]!r} on pair {known[0][0]}")
        return bool(known)

    def _refuse_unless_open(self, observer: int, number: int) -> None:
        pairs = self._open(observer, 1)
        if not pairs or pairs[0].number != number:
            now = f"pair {pairs[0].number}" if pairs else "nothing"
            raise VoteRefused(f"pair {number} is not asked now; {now} is")

    def _was_undone(self, observer: int, number: int) -> bool:
        query = "SELECT 1 FROM undone WHERE observer = ? AND number = ? LIMIT 1"
        return bool(self._rows(query, observer, number))

    def _refuse_if_closed(self) -> None:
        if not self.is_open:
            raise StudyClosed("the study is closed: it takes no more votes")

    def _get(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM study WHERE key = ?", key)
        return text_of(rows[0][0], f"{self.path}: {key} of the study") if rows else None

    def _set_state(self, state: str) -> None:
        with self._write() as db:
            db.execute("UPDATE study SET value = ? WHERE key = 'state'", (state,))

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        own = self._writer == threading.get_ident()  # it sees what it has written
        with self._lock if own else self._reading:
            try:
                return (self._connection if own else self._reader).execute(query, values).fetchall()
            except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
                raise StudyError(f"{self.path}: cannot be read: {error}") from error

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; inside another one, a part of it."""
        with self._lock:
            if self._connection.in_transaction:
                try:
                    yield self._connection
                except sqlite3.DatabaseError as error:
                    self._roll_back()  # the whole: its end finds that nothing is left to commit
                    raise self._unwritten(error) from error
                return
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._writer = threading.get_ident()
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                self._roll_back()
                raise self._unwritten(error) from error
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._writer = None

    def _unwritten(self, error: sqlite3.Error) -> StudyError:
        return StudyError(f"{self.path}: cannot be written: {error}")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
