"""Where messages come from: each is found once, whole, in a fixed order, and none hides the others."""

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import spool
from adapters.mail import sources
from adapters.mail.sources import SourceError, SourceMessage, iter_messages, iter_stream, total_bytes

ONE = b"From: luc@essai.example\n\nUn\n"
TWO = b"From: zoe@essai.example\n\nDeux\n"
FROM_LINE = b"From luc@essai.example Tue Mar  3 09:15:00 2026\n"
MBOX = FROM_LINE + ONE + b"\n" + FROM_LINE + TWO + b"\n"


def contents(messages: Iterator[SourceMessage]) -> list[bytes]:
    return [message.file.read() for message in messages]


def origins(messages: Iterator[SourceMessage], root: Path) -> list[str]:
    return [str(Path(message.origin).relative_to(root)) for message in messages]


def write(path: Path, content: bytes = ONE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- one file -------------------------------------------------------------------------------------


def test_an_eml_file_is_one_message_even_where_it_looks_like_an_mbox(tmp_path):
    path = write(tmp_path / "lettre.EML", MBOX)
    (found,) = [(m.origin, m.size, m.file.read()) for m in iter_messages([path])]
    assert found == (str(path), len(MBOX), MBOX)


def test_any_other_file_is_one_message(tmp_path):
    assert contents(iter_messages([write(tmp_path / "lettre")])) == [ONE]


def test_a_file_that_begins_with_a_from_line_is_an_mbox(tmp_path):
    path = write(tmp_path / "archive", MBOX)
    found = [(m.origin, m.size, m.file.read()) for m in iter_messages([path])]
    assert found == [(f"{path}#1", len(ONE), ONE), (f"{path}#2", len(TWO), TWO)]


def test_an_empty_file_is_a_message_too_so_that_it_is_reported(tmp_path):
    assert contents(iter_messages([write(tmp_path / "vide", b"")])) == [b""]


def test_a_file_can_be_read_again_and_is_closed_when_the_next_is_asked_for(tmp_path):
    write(tmp_path / "a", MBOX)
    write(tmp_path / "b.eml")
    files = []
    for message in iter_messages([tmp_path]):
        assert all(file.closed for file in files)
        assert message.file.read() == (message.file.seek(0), message.file.read())[1]
        files.append(message.file)
    assert len(files) == 3
    assert all(file.closed for file in files)


# --- mbox -----------------------------------------------------------------------------------------


def mbox(*lines: bytes) -> list[bytes]:
    return contents(iter_stream(io.BytesIO(b"\n".join(lines))))


@pytest.mark.parametrize(
    "line",
    [
        b"From luc@essai.example Tue Mar  3 09:15:00 2026",
        b"From luc@essai.example  Tue Mar 3 09:15:00 2026 +0100",
        b"From luc@essai.example Tue Mar 3 09:15:00 CET 2026",
        b"From luc@essai.example Tue Mar 3 09:15:00 +0100 2026",
        b"From - Tue Mar 03 09:15:00 2026\r",
        b"From MAILER-DAEMON Thu Jan  1 00:00 1970",
    ],
)
def test_a_from_line_after_a_blank_line_begins_a_message(line):
    assert mbox(line, b"A: 1", b"", b"x", b"", line, b"B: 2", b"") == [b"A: 1\n\nx\n", b"B: 2\n"]


@pytest.mark.parametrize(
    "line",
    [
        b"From now on, we pay in 2026",
        b"From 10:30 on 2 May 2026, the office is closed",
        b"From luc@essai.example",
        b"From luc@essai.example Tue Mar  3 09:15:00",
        b"Fromage Tue Mar  3 09:15:00 2026",
    ],
)
def test_a_sentence_that_begins_with_from_does_not_begin_a_message(line):
    assert mbox(FROM_LINE.strip(), b"A: 1", b"", b"x", b"", line, b"y") == [b"A: 1\n\nx\n\n" + line + b"\ny"]


def test_a_from_line_in_a_paragraph_does_not_begin_a_message():
    assert mbox(FROM_LINE.strip(), b"A: 1", b"", b"x", FROM_LINE.strip()) == [b"A: 1\n\nx\n" + FROM_LINE.strip()]


def test_the_quoting_of_from_is_undone_once():
    quoted = mbox(FROM_LINE.strip(), b"A: 1", b"", b">From a", b">>From b", b"> From c", b">Fromage", b"a >From d")
    assert quoted == [b"A: 1\n\nFrom a\n>From b\n> From c\n>Fromage\na >From d"]


def test_blank_lines_of_the_message_are_kept_and_the_one_of_the_mbox_is_not():
    assert mbox(FROM_LINE.strip(), b"A: 1", b"", b"x", b"", b"", b"") == [b"A: 1\n\nx\n\n"]


def test_an_mbox_with_windows_line_ends_is_split_too():
    assert contents(iter_stream(io.BytesIO(MBOX.replace(b"\n", b"\r\n")))) == [
        ONE.replace(b"\n", b"\r\n"),
        TWO.replace(b"\n", b"\r\n"),
    ]


def test_a_line_longer_than_the_reading_window_is_kept_whole(monkeypatch):
    monkeypatch.setattr(sources, "_LONGEST_LINE", 60)
    long = b"A: 1\n\n" + b"x" * 60 + b"From luc@essai.example Tue Mar  3 09:15:00 2026\n" + b"y" * 60 + b"\n\n\nz"
    assert contents(iter_stream(io.BytesIO(FROM_LINE + long))) == [long]


def test_a_long_message_waits_on_disk_and_comes_out_whole(monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", 10)
    assert contents(iter_stream(io.BytesIO(MBOX))) == [ONE, TWO]


@given(
    st.lists(
        st.lists(st.sampled_from([b"\n", b"x\n", b"From x\n", b">From x\n", FROM_LINE, b"\r\n", b"z"]), max_size=8).map(
            b"".join
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_was_written_to_an_mbox_is_read_back(bodies):
    written = [b"A: 1\n\n" + body + b"\n" for body in bodies]
    quoted = b"".join(
        FROM_LINE
        + b"".join(b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in body.splitlines(True))
        + b"\n"
        for body in written
    )
    assert contents(iter_stream(io.BytesIO(quoted))) == written


# --- standard input -------------------------------------------------------------------------------


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    seek = None


def test_standard_input_is_one_message():
    (found,) = [(m.origin, m.size, m.file.read()) for m in iter_stream(Pipe(ONE))]
    assert found == ("-", len(ONE), ONE)


def test_standard_input_may_be_an_mbox():
    assert [m.origin for m in iter_stream(Pipe(MBOX), "courrier")] == ["courrier#1", "courrier#2"]


def test_empty_standard_input_is_a_message_too_so_that_it_is_reported():
    assert contents(iter_stream(Pipe(b""))) == [b""]


# --- folders --------------------------------------------------------------------------------------


def test_folders_are_read_in_sorted_order_however_deep(tmp_path):
    for name in ("b.eml", "a/z.eml", "a/b/c", "c/mbox"):
        write(tmp_path / name, MBOX if name.endswith("mbox") else ONE)
    assert origins(iter_messages([tmp_path]), tmp_path) == ["a/b/c", "a/z.eml", "b.eml", "c/mbox#1", "c/mbox#2"]


def test_paths_are_read_in_the_order_given(tmp_path):
    paths = [write(tmp_path / name) for name in ("b.eml", "a.eml")]
    assert origins(iter_messages(iter(paths)), tmp_path) == ["b.eml", "a.eml"]


def test_of_a_maildir_only_delivered_messages_are_read(tmp_path):
    for name in ("cur/2:2,S", "new/1", "tmp/3", "dovecot-uidlist", ".Envoyes/cur/4", ".Envoyes/new/5", ".Envoyes/x"):
        write(tmp_path / name, MBOX)
    found = [".Envoyes/cur/4", ".Envoyes/new/5", "cur/2:2,S", "new/1"]
    assert origins(iter_messages([tmp_path]), tmp_path) == found
    assert origins(iter_messages([tmp_path / "cur" / "2:2,S"]), tmp_path) == ["cur/2:2,S"]


def test_a_folder_that_is_named_cur_by_chance_is_a_folder(tmp_path):
    write(tmp_path / "cur" / "mbox", MBOX)
    assert origins(iter_messages([tmp_path]), tmp_path) == ["cur/mbox#1", "cur/mbox#2"]


def test_links_are_followed_but_never_in_a_circle(tmp_path):
    write(tmp_path / "a" / "un.eml")
    (tmp_path / "a" / "encore").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b.eml").symlink_to(tmp_path / "a" / "un.eml")
    assert origins(iter_messages([tmp_path]), tmp_path) == ["a/un.eml", "b.eml"]


def test_a_deep_folder_is_read_to_the_end(tmp_path):
    write(tmp_path / "/".join("d" * 300) / "un.eml")
    assert contents(iter_messages([tmp_path])) == [ONE]


def test_a_name_that_is_no_text_has_a_readable_origin(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9gat.eml"))
    write(path)
    (message,) = iter_messages([tmp_path])
    assert message.origin == f"{tmp_path}/d\ufffdgat.eml"


# --- what cannot be read --------------------------------------------------------------------------


def test_a_missing_path_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(SourceError, match="No such file") as refusal:
        iter_messages([write(tmp_path / "a.eml"), tmp_path / "absent"])
    assert refusal.value.path == tmp_path / "absent"
    assert refusal.value.reason == "No such file or directory"


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path):
    os.mkfifo(tmp_path / "tube")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        iter_messages([tmp_path / "tube"])


def test_what_a_folder_hides_is_reported_and_hides_nothing_else(tmp_path):
    for name in ("a.eml", "c.eml"):
        write(tmp_path / name)
    (tmp_path / "b.eml").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "bb")
    told = []
    messages = iter_messages([tmp_path], on_error=lambda path, reason: told.append((path.name, reason)))
    assert origins(messages, tmp_path) == ["a.eml", "c.eml"]
    assert told == [("b.eml", "No such file or directory"), ("bb", "neither a file nor a folder")]


@pytest.fixture
def unreadable(tmp_path, monkeypatch):
    """Files and folders named "interdit" refuse to be opened, for the superuser too."""
    write(tmp_path / "fichier" / "interdit")
    write(tmp_path / "fichier" / "lettre.eml")
    write(tmp_path / "dossier" / "interdit" / "lettre.eml")
    write(tmp_path / "dossier" / "lettre.eml")
    real_open, real_list = Path.open, Path.iterdir

    def refuse(path: Path) -> None:
        if path.name == "interdit":
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", lambda path, *args, **named: refuse(path) or real_open(path, *args, **named))
    monkeypatch.setattr(Path, "iterdir", lambda path: refuse(path) or real_list(path))
    return tmp_path


def test_a_file_that_may_not_be_read_is_reported_in_the_log(unreadable, caplog):
    with caplog.at_level(logging.WARNING):
        assert origins(iter_messages([unreadable / "fichier"]), unreadable) == ["fichier/lettre.eml"]
    assert "interdit: Permission denied" in caplog.text


def test_a_folder_that_may_not_be_read_is_reported(unreadable):
    told = []
    messages = iter_messages([unreadable / "dossier"], on_error=lambda path, reason: told.append((path.name, reason)))
    assert origins(messages, unreadable) == ["dossier/lettre.eml"]
    assert told == [("interdit", "Permission denied")]


def test_a_path_that_was_asked_for_and_may_not_be_read_is_an_error(unreadable):
    with pytest.raises(SourceError, match="Permission denied"):
        list(iter_messages([unreadable / "fichier" / "interdit"]))
    with pytest.raises(SourceError, match="Permission denied"):
        list(iter_messages([unreadable / "dossier" / "interdit"]))


def test_a_system_error_without_words_is_named(tmp_path, monkeypatch):
    def broken(_path: Path, _mode: str) -> None:
        raise TimeoutError

    path = write(tmp_path / "a.eml")
    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(SourceError, match="TimeoutError"):
        list(iter_messages([path]))


# --- progress -------------------------------------------------------------------------------------


def test_the_total_is_the_size_of_all_that_will_be_read(tmp_path):
    write(tmp_path / "a" / "un.eml", b"x" * 10)
    write(tmp_path / "cur" / "2", b"x" * 5)
    (tmp_path / "absent").symlink_to(tmp_path / "nulle-part")
    assert total_bytes([tmp_path, tmp_path / "a"]) == 25


def test_a_file_that_goes_away_meanwhile_counts_for_nothing(tmp_path, monkeypatch):
    gone = sources._Found(tmp_path / "parti.eml", alone=True)
    monkeypatch.setattr(sources, "_files", lambda _path, _on_error: [gone])
    assert total_bytes([tmp_path]) == 0


def test_the_total_of_a_missing_path_is_an_error(tmp_path):
    with pytest.raises(SourceError):
        total_bytes([tmp_path / "absent"])
