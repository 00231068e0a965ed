"""The hash of names: it is the one that it is said to be, under a key that nobody knows, and names do not meet in it."""

from __future__ import annotations

import errno
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import pytest

from inotify_cffi import Watcher
from inotify_cffi._inotify import ffi, lib
from inotify_cffi.kernel.listings import CrawlBuffer, CrawlColumns
from inotify_cffi.ledger.storage import Memory

# What the authors publish of SipHash-2-4 (github.com/veorq/SipHash, vectors.h, vectors_sip64), and what Rust's own
# tests have of SipHash-1-3 (github.com/rust-lang/rust, library/coretests/tests/hash/sip.rs, test_siphash_1_3): the hash
# of no byte, of 0, of 0 1, of 0 1 2 and so on, each 8 bytes with the lowest first, under the key 0, 1, ..., 15.
VECTORS_2_4 = bytes.fromhex(
    """
    310e0edd47db6f72fd67dc93c539f8745a4fa9d909806c0d2d7efbd796666785b7877127e09427cf8da699cd64557618
    cee3fe586e46c9cb37d1018bf50002ab6224939a79f5f593b0e4a90bdf82009ef3b9dd94c5bb5d7aa7ad6b22462fb3f4
    fbe50e86bc8f1e75903d84c02756ea14eef27a8e90ca23f7e545be4961ca29a1db9bc2577fcc2a3f9447be2cf5e99a69
    9cd38d96f0b3c14bbd6179a71dc96dbb98eea21af25cd6bec7673b2eb0cbf2d0883ea3e395675393c8ce5ccd8c030ca8
    94af49f6c650adb8eab8858ade92e1bcf315bb5bb835d817adcf6b0763612e2fa5c91da7acaa4dde716595876650a2a6
    28ef495c53a387ad42c341d8fa92d832ce7cf2722f512771e37859f94623f3a7381205bb1ab0e012ae97a10fd434e015
    b4a31508beff4d3181396229f09079024d0cf49ee5d4dcca5c73336a76d8bf9ad0a704536ba93e0e925958fcd6420cad
    a915c29bc8067318952b79f3bc0aa6d4f21df2e41d4535f987577519048f53a910a56cf5dfcd9adbeb75095ccd986cd0
    51a9cb9ecba312e696afadfc2ce666c772fe52975a4364ee5a1645b276d592a1b274cb8ebf87870a6f9bb4203de7b381
    eaecb2a30b22a87f9924a43cc1315724bd838d3aafbf8db70b1a2a3265d51aea135079a3231ce660932b2846e4d70666
    e1915f5cb1eca46cf325965ca16d629f575ff28e60381be5724506eb4c328a95
    """
)
VECTORS_1_3 = bytes.fromhex(
    """
    dcc40f055801acab93ca577df39bf4c94dd4c74d029bcb82fbf7dde7b80af88b2883d388605775cf673b53492fd5f9de
    a7229fc5502b0dc54011b19b987d92d38e9a298d11959036e43d066cb38ea4257f09ff92ee85de7952c34df9c118c170
    a2d9b457b184a378a7ff29120c766f30345df9c011a15a605699512a6dd820d3668b907d1add4fcc0cd8db639068f29c
    3ee673b49c38fc8f1c7d298de59d1ff240e0cca6462fdcc044f8452bfeab92b92e8720a39b7bfe7f23c1e6da7f0e5a52
    8c9c3467b2ae64f479095b702859cd45a51399cae3353e3a353bde4a4ec71da90dd06cef02ed0bfbf4e1b14ab43cd988
    63e6c543d6110f54bcd1218c1fdd70230db6a7166c7b1581bff98f7ae5b9544d3e752a1f78129f75916b18bfbea3a1ce
    0662a2add308f52c5730c3a32d1c10b6a1363aae9674f4b39283107b54576b623115e4993236d2c144d91a3f92c17c66
    258813c8fe4f7065a64989c2d180f2246b87f8faed1ccac29621049ffc4b16c223d6b168939c6ea1fd14518b9c16fb49
    464c07dff843319fb386cc1224affdc68f09520ad149af7e9a2f299d5513f31c121ff4a2dd304ac4d01ea74389e9fa36
    e6bcf0734cb38f3180e9a77036bf7aa2756d3c24dbc0bcb41315b7fd52d8f823088a7da64d5f038f48f1e8b7e5d09cd8
    ee44a6f7bce6f4f6f237180fd89ac5aee094664b15f6b2c3a8b3bbb76290199d
    """
)
KEY = [int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")]
GETRANDOM = pathlib.Path(__file__).with_name("getrandom.c")


def hashes(verb, texts, key=KEY):
    key = ffi.new("struct sip_key *", key)
    return [verb(key, text, len(text)) for text in texts]


@pytest.mark.parametrize(
    ("verb", "vectors"), [(lib.sip_hash, VECTORS_1_3), (lib.sip_hash_2_4, VECTORS_2_4)], ids=["1-3", "2-4"]
)
def test_the_hash_is_what_is_published_of_it(verb, vectors):
    assert len(vectors) == 64 * 8
    expected = [int.from_bytes(vectors[8 * count : 8 * count + 8], "little") for count in range(64)]
    assert hashes(verb, [bytes(range(count)) for count in range(64)]) == expected


@pytest.mark.parametrize("behind", range(8))
def test_a_name_may_begin_anywhere(behind):
    """And what is before and behind it does not count."""
    key = ffi.new("struct sip_key *", KEY)
    for length in range(64):
        for around in (b"\0", b"\xff"):
            text = ffi.new("char[]", around * behind + bytes(range(length)) + around * 8)
            expected = int.from_bytes(VECTORS_1_3[8 * length : 8 * length + 8], "little")
            assert lib.sip_hash(key, text + behind, length) == expected


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python has another hash")
def test_it_is_the_hash_that_cpython_has_for_bytes(python):
    """Of any length, in comparison to CPython's own, whose key is 0 where its hashes are not to be random."""
    told = python(
        """
        import random
        from inotify_cffi._inotify import ffi, lib
        key = ffi.new("struct sip_key *", [0, 0])
        some = random.Random(1)
        for length in range(1, 600):
            text = bytes(some.randrange(256) for _ in range(length))
            ours = lib.sip_hash(key, text, length)
            assert hash(text) in (ours, ours - (1 << 64)), length
        print("the same")
        """,
        prefix=("env", "PYTHONHASHSEED=0"),
    )
    assert told == "the same\n"


def test_another_key_gives_other_hashes():
    """Either half of it counts."""
    names = [b"%d" % number for number in range(1000)]
    of_keys = [set(hashes(lib.sip_hash, names, key)) for key in (KEY, [KEY[0] ^ 1, KEY[1]], [KEY[0], KEY[1] ^ 1])]
    assert [len(of_key) for of_key in of_keys] == [1000] * 3
    assert len(set.union(*of_keys)) == 3000


# --- the key ---


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """A library with a getrandom(2) that answers as it is told."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    library = tmp_path_factory.mktemp("getrandom") / "getrandom.so"
    command = ["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, GETRANDOM]
    subprocess.run(command, check=True, timeout=60)
    return library


@pytest.fixture
def answered(library, python, tmp_path):
    """Run code whose key is drawn with these answers; what it printed, and how much was asked for each time."""

    def run(answers, code):
        log = tmp_path / "log"
        told = python(code, prefix=("env", f"LD_PRELOAD={library}", f"KEY_ANSWERS={answers}", f"KEY_LOG={log}"))
        return told, log.read_text().split()

    return run


TWO = """
import os
from inotify_cffi import Watcher
from inotify_cffi.ledger.storage import Memory
Memory()
with Watcher(".") as watcher:
    Memory()
    if not os.fork():
        Memory()
        os._exit(0)
    os.wait()
print("made")
"""


@pytest.mark.unsanitized("a library of its own is loaded first")
def test_a_process_draws_its_key_once(answered):
    """16 bytes for all its watchers; a forked child has its parent's."""
    assert answered("16", TWO) == ("made\n", ["16"])


@pytest.mark.unsanitized("a library of its own is loaded first")
def test_a_key_that_comes_in_parts_is_drawn_to_its_end(answered):
    assert answered("5 1 10", TWO) == ("made\n", ["16", "11", "10"])


@pytest.mark.unsanitized("a library of its own is loaded first")
def test_a_signal_does_not_keep_the_key_from_being_drawn(answered):
    assert answered("-4 -4 7 -4 16", TWO) == ("made\n", ["16", "16", "16", "9", "16"])


@pytest.mark.unsanitized("a library of its own is loaded first")
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_without_a_key_there_is_no_watcher_and_the_error_says_why(answered, code):
    """Later, when there is one to be had, there is a watcher."""
    told, asked = answered(
        f"-{code} -{code} 16",
        """
        from inotify_cffi import Watcher
        from inotify_cffi.ledger.storage import Memory
        for make in (Memory, lambda: Watcher(".")):
            try:
                make()
            except OSError as error:
                print(error.errno, error.strerror)
        with Watcher(".") as watcher:
            print(watcher.snapshot())
        """,
    )
    says = f"{code} getrandom(2) gives no secret key for the hash of names: {os.strerror(code)}; a sandbox has to allow it\n"
    assert told == says * 2 + "{'./log': False}\n"
    assert asked == ["16"] * 3


# --- names that were chosen ---


def chosen(count):
    """Names of 240 bytes that met in the hash that was here before, whatever its seed.

    That multiplied, and took the upper half into the lower. The product of a word whose highest bit is another one
    differs in that bit alone, so the state in two bits, which the next word takes back.
    """
    for bits in range(count):
        name, state = bytearray(b"A" * 240), 0
        for word in range(30):
            goes_on = bits >> word & 1 if word < 29 else 0
            name[8 * word + 7] ^= 0x80 * (state ^ goes_on)
            name[8 * word + 3] ^= 0x80 * state
            state = goes_on
        yield bytes(name)


def drawn(count):
    """Names of the same bytes and length that nobody chose."""
    some = random.Random(1)
    for _ in range(count):
        name = bytearray(b"A" * 240)
        for at in range(3, 240, 4):
            name[at] ^= 0x80 * some.getrandbits(1)
        yield bytes(name)


def cost(names):
    """The seconds of processor time that it takes to have files of these names, and to find each."""
    memory = Memory()
    root = memory.add_root(b"/r", asked=1, is_plain=True, passes=False)
    begin = time.process_time()
    for name in names:
        memory.create(root, name, is_dir=False)
    for name in names:
        memory.get(root, name)
    return time.process_time() - begin


def test_names_can_not_be_chosen_to_be_slow():
    """A ratio in one run. With the hash that was here before it is above 100."""
    names = {choice: list(choice(16384)) for choice in (chosen, drawn)}
    assert all(len(set(of_choice)) == 16384 for of_choice in names.values())
    assert min(cost(names[chosen]) for _ in range(3)) < 3 * min(cost(names[drawn]) for _ in range(3))


def start_and_events(directory, names):
    (directory / "d").mkdir(parents=True)
    within = os.fsencode(directory / "d") + b"/"
    for name in names:
        os.mknod(within + name)
    begin = time.process_time()
    with Watcher(directory) as watcher:
        start = time.process_time() - begin
        # In a list of all that met those that came last are the last to be found.
        for name in names[-1000:]:
            os.chmod(within + name, 0o600)
        begin = time.process_time()
        assert len(watcher.sync()) == 1000
        return start, time.process_time() - begin


def test_a_watcher_is_not_slower_among_names_that_were_chosen(tmp_path):
    """To start, and to read events of them: ratios in one run, of the best of three."""
    best = []
    for choice in (chosen, drawn):
        rounds = [
            start_and_events(tmp_path / f"{choice.__name__}-{turn}", list(choice(16384))) for turn in range(3)
        ]
        best.append([min(times) for times in zip(*rounds)])
    assert all(one < 3 * other for one, other in zip(*best))


def test_watches_can_not_be_chosen_to_be_slow():
    """Numbers that are side by side when they are spread by the golden ratio alone: a ratio in one run."""
    count, bits = 1 << 10, 11
    inverse = pow(0x9E3779B9, -1, 1 << 32)
    # Of all numbers those that come first in the table, which will have so many places.
    chosen_wds = [wd for place in range(40 * count) if 0 < (wd := place * inverse % (1 << 32)) < 1 << 31][:count]
    assert all(wd * 0x9E3779B9 % (1 << 32) >> (32 - bits) == 0 for wd in chosen_wds)

    def cost(wds):
        memory = Memory()
        for wd in wds:
            memory.own(wd, memory.add_root(b"", asked=0, is_plain=True, passes=False))
        begin = time.process_time()
        for _ in range(20):
            for wd in wds:
                memory.owner(wd)
        return time.process_time() - begin

    assert min(cost(chosen_wds) for _ in range(3)) < 3 * min(cost(range(1, count + 1)) for _ in range(3))


# --- what else hangs on how many entries there are ---


def test_a_file_that_comes_where_another_went_costs_the_same_in_a_large_directory():
    """As in a spool: the room of the names is full at each one, and is not made anew for each."""

    def cost(count):
        memory = Memory()
        root = memory.add_root(b"/r", asked=1, is_plain=True, passes=False)
        names = [f"{number:09d}" for number in range(count)]
        # What a crawl found has just the room that it needs.
        buffer = CrawlBuffer(records=1, slots=1, room=10 * count)
        memory.adopt([root], buffer.fill(CrawlColumns([1], [count], [0], [0], names, [])))
        begin = time.process_time()
        for number in range(count, count + 5000):
            memory.drop(root, b"%09d" % (number - count))
            memory.create(root, b"%09d" % number, is_dir=False)
        return time.process_time() - begin

    assert min(cost(50000) for _ in range(2)) < 5 * min(cost(5000) for _ in range(2))
