"""Judges exported logs with tlog-scales: what was exported must verify, and each
forgery of it must not.

    verify.py FOLDER LOG_KEY WITNESS_KEY SIZE...

FOLDER holds an export for each size and receipts SIZE-INDEX.tlog-proof.
"""

import base64
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tlog_scales.backend import LocalBackend
from tlog_scales.reader import Tile, TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash, level_tiles, next_split, tile_path
from tlog_scales.tlog import Checkpoint, InclusionProof
from tlog_scales.utils import sha256

ENTRIES = -1


def root(leaves):
    """The root over leaf hashes, by the definition."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    k = next_split(len(leaves))
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


class Altered:
    """A log with some files replaced; what was exported is not touched."""

    def __init__(self, folder, changes):
        self.folder = LocalBackend(folder)
        self.changes = changes

    def get(self, *path):
        name = "/".join(path)
        return self.changes[name] if name in self.changes else self.folder.get(*path)


def names(size, level):
    """Names of a row's files with their widths."""
    whole, rest = level_tiles(size, level)
    for n in range(whole):
        yield "/".join(tile_path(level, n)), 256
    if rest:
        yield "/".join(tile_path(level, whole, rest)), rest


def verify(backend, log_key, witness_key):
    """Raises unless everything in the log agrees with what is signed."""
    reader = TilesReader(backend)
    checkpoint = reader.get_checkpoint()
    checkpoint.verify(log_key)
    checkpoint.verify(witness_key)
    assert checkpoint.origin == log_key.name, "another origin"
    leaves = []
    for name, width in names(checkpoint.size, ENTRIES):
        entries = Tile.from_entries_bytes(backend.get(*name.split("/"))).entries
        assert len(entries) == width, f"{name} has {len(entries)} entries"
        leaves += [leaf_hash(entry) for entry in entries]
    assert root(leaves) == checkpoint.root_hash, "the entries have another root"
    assert reader.calculate_root_hash() == checkpoint.root_hash, "the tiles have another root"
    # Every tile against the entries, not only those that the root needs.
    level, row = 0, leaves
    while row:
        for place, (name, width) in enumerate(names(checkpoint.size, level)):
            data = backend.get(*name.split("/"))
            assert data == b"".join(row[place * 256 : place * 256 + width]), f"{name} is wrong"
        whole = range(0, len(row) // 256 * 256, 256)
        level, row = level + 1, [root(row[start : start + 256]) for start in whole]
    return reader, checkpoint, leaves


def verify_receipt(text, log_key, witness_key):
    """Gives index and entry of a receipt that verifies."""
    head, note = text.split("\n\n", 1)
    first, extra, index, *hashes = head.split("\n")
    assert first == "c2sp.org/tlog-proof@v1", "no receipt"
    checkpoint = Checkpoint.from_text(note)
    checkpoint.verify(log_key)
    checkpoint.verify(witness_key)
    entry = base64.b64decode(extra.removeprefix("extra "), validate=True)
    index = int(index.removeprefix("index "))
    proof = [base64.b64decode(line, validate=True) for line in hashes]
    InclusionProof(index, checkpoint.size, proof).check(leaf_hash(entry), checkpoint.root_hash)
    return index, entry


def refused(what, judge):
    """A judge that accepts a forgery has failed."""
    try:
        judge()
    except Exception:
        return 1
    sys.exit(f"accepted: {what}")


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def forgeries(folder, size, log_key):
    """Name and changed files of each forgery of a log."""

    def read(name):
        return (folder / name).read_bytes()

    note = read("checkpoint").decode()
    text, log_line, witness_line = note.rsplit("\n", 3)[:3]

    def with_flip(line, at):
        raw = flipped(base64.b64decode(line.rsplit(" ", 1)[1]), at)
        return note.replace(line, line.rsplit(" ", 1)[0] + " " + base64.b64encode(raw).decode()).encode()

    yield "a larger size", {"checkpoint": note.replace(f"\n{size}\n", f"\n{size + 1}\n").encode()}
    root_line = text.split("\n")[2]
    other_root = base64.b64encode(flipped(base64.b64decode(root_line), 0)).decode()
    yield "another root", {"checkpoint": note.replace(root_line, other_root).encode()}
    yield "another origin", {"checkpoint": note.replace(log_key.name + "\n", "else\n", 1).encode()}
    yield "the log's signature changed", {"checkpoint": with_flip(log_line, 20)}
    yield "the log's signature left out", {"checkpoint": note.replace(log_line + "\n", "").encode()}
    yield "the cosignature changed", {"checkpoint": with_flip(witness_line, 20)}
    yield "the cosignature's time changed", {"checkpoint": with_flip(witness_line, 11)}
    for level in (ENTRIES, 0, 1, 2):
        for name, _ in list(names(size, level))[-2:]:
            data = read(name)
            yield f"{name} changed", {name: flipped(data, len(data) // 2)}
            yield f"{name} cut", {name: data[:-32]}
    # An entry and its leaf hash together: whoever compares only these is fooled.
    (bundle, _), (tile, _) = list(names(size, ENTRIES))[-1], list(names(size, 0))[-1]
    entry = Tile.from_entries_bytes(read(bundle)).entries[0]
    forged = entry.replace(b'"host"', b'"hoax"')
    changes = {
        bundle: len(forged).to_bytes(2) + forged + read(bundle)[2 + len(entry) :],
        tile: leaf_hash(forged) + read(tile)[32:],
    }
    fooled = TilesReader(Altered(folder, changes))
    fooled.get_checkpoint()
    index = (size - 1) // 256 * 256
    assert fooled._get_from_tile(0, index // 256, 0) == leaf_hash(fooled.get_entry(index))
    yield "an entry forged together with its leaf hash", changes


def readme_commands(folder, key, receipt, entry):
    """The commands in an export's README do what it says."""
    text = (folder / "README").read_text()
    assert key in text, "the README names another key"
    script = text.split("<<'END'\n", 1)[1].split("\n  END\n", 1)[0]
    script = "\n".join(line.removeprefix("  ") for line in script.split("\n"))

    def run(cwd):
        env = os.environ | {"KEY": key}
        return subprocess.run([sys.executable, "-"], input=script, cwd=cwd, env=env, text=True, capture_output=True)

    ran = run(folder)
    assert ran.returncode == 0 and ran.stdout.endswith("entries verified\n"), ran.stderr
    lines = [line.strip() for line in text.split("\n")]
    printf = next(line for line in lines if line.startswith("(printf")).replace("RECEIPT", str(receipt))
    dd = next(line for line in lines if line.startswith("dd "))
    shell = lambda line: subprocess.run(["sh", "-c", line], cwd=folder, text=True, capture_output=True, check=True).stdout
    hashed = shell(printf).split()[0]
    assert hashed == leaf_hash(entry).hex() == "".join(shell(dd).split()), "the README's commands disagree"
    bundle = folder / "tile/entries/000"
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b'"host"', b'"hoax"', 1))
    ran = run(folder)
    bundle.write_bytes(data)
    assert ran.returncode != 0 and "not those signed" in ran.stderr, "the README's script accepts a forgery"


def main():
    folder, log_vkey, witness_vkey = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    log_key, witness_key = Vkey.from_string(log_vkey), Vkey.from_string(witness_vkey)
    roots = {}
    for size in map(int, sys.argv[4:]):
        log = folder / str(size)
        assert (log / "log.vkey").read_text() == log_vkey + "\n"
        assert (log / "policy").read_text() == f"log {log_vkey}\nquorum none\n"
        reader, checkpoint, leaves = verify(LocalBackend(log), log_key, witness_key)
        assert checkpoint.size == size == len(leaves)
        roots[size] = checkpoint.root_hash
        for index in {0, size // 3, size // 2, size - 1}:
            reader.get_inclusion_proof(index, size).check(leaves[index], checkpoint.root_hash)
        for old, old_root in roots.items():
            assert root(leaves[:old]) == old_root
            reader.get_consistency_proof(old, size).check(old_root, checkpoint.root_hash)
        receipts = sorted(folder.glob(f"{size}-*.tlog-proof"))
        assert receipts
        bad = 0
        for path in receipts:
            text = path.read_text()
            index, entry = verify_receipt(text, log_key, witness_key)
            assert leaf_hash(entry) == leaves[index]
            later = text.replace(f"index {index}\n", f"index {index + 1}\n")
            bad += refused("a receipt with another index", lambda: verify_receipt(later, log_key, witness_key))
            other = base64.b64encode(entry + b" ").decode()
            swapped = "\n".join([text.split("\n")[0], f"extra {other}", *text.split("\n")[2:]])
            bad += refused("a receipt with another entry", lambda: verify_receipt(swapped, log_key, witness_key))
        for what, changes in forgeries(log, size, log_key):
            bad += refused(f"{size}: {what}", lambda: verify(Altered(log, changes), log_key, witness_key))
        bad += refused("the witness's key as the log's", lambda: verify(LocalBackend(log), witness_key, witness_key))
        print(f"{size} entries: verified; {len(receipts)} receipts; {bad} forgeries refused", flush=True)
    _, entry = verify_receipt((folder / "70000-300.tlog-proof").read_text(), log_key, witness_key)
    readme_commands(folder / "70000", log_vkey, folder / "70000-300.tlog-proof", entry)
    print(f"all of it with tlog-scales {version('tlog-scales')}; the README's commands work")


main()
