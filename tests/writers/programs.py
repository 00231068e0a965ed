"""The programs: each a few lines that make it write as its users do, in the directory that is watched.

A line in one of these is the program's own interface, not ours. What a program needs is a package of the index with
its version, or a command with how it says its version.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Program(NamedTuple):
    """A program, and how to have it write."""

    name: str
    # A package of the index and its version, or the command that prints a version.
    version: str
    # Python for a package, else for sh.
    script: str
    # What is in the directory before: for sh.
    before: str = ""
    # What to do to get final names and contents only, where settled alone does not do.
    recipe: str = ""
    # Quick, and wanted by every run of the suite.
    is_quick: bool = False

    @property
    def package(self) -> str:
        """What to install from the index; empty for a command."""
        return self.version if "==" in self.version else ""


def python(name: str, version: str, script: str, *, recipe: str = "", is_quick: bool = False) -> Program:
    """Return a program that is a package of the index."""
    return Program(name, version, script, "", recipe, is_quick)


def command(
    name: str, version: str, script: str, *, before: str = "", recipe: str = "", is_quick: bool = False
) -> Program:
    """Return a program that is a command."""
    return Program(name, version, script, before, recipe, is_quick)


NUMPY = "numpy==2.4.6"
SLOW = "import time; pause = lambda: time.sleep(0.7)\n"

PROGRAMS: Tuple[Program, ...] = (
    # --- arrays and tables ---
    python("np.save", NUMPY, "import numpy; numpy.save('a.npy', numpy.zeros(200_000))", is_quick=True),
    python("np.savetxt", NUMPY, "import numpy; numpy.savetxt('a.txt', numpy.zeros(300_000))", is_quick=True),
    python(
        "np.memmap, written for a while",
        NUMPY,
        SLOW + "import numpy\nm = numpy.memmap('a.bin', dtype='u1', mode='w+', shape=1 << 20)\n"
        "for at in range(2):\n    m[at] = 1\n    pause()\ndel m",
    ),
    python(
        "np.lib.format.open_memmap",
        NUMPY,
        SLOW
        + "import numpy\nm = numpy.lib.format.open_memmap('a.npy', mode='w+', shape=(1 << 17,))\npause()\nm[:] = 1\npause()\ndel m",
    ),
    python(
        "h5py, flushed and appended to",
        "h5py==3.16.0",
        SLOW + "import h5py, numpy\n"
        "with h5py.File('a.h5', 'w') as f:\n    d = f.create_dataset('d', (10,), maxshape=(None,))\n    f.flush()\n    pause()\n"
        "    d.resize((10_000,))\n    d[:] = 1\n",
        is_quick=True,
    ),
    python(
        "h5py SWMR",
        "h5py==3.16.0",
        SLOW + "import h5py\n"
        "with h5py.File('a.h5', 'w', libver='latest') as f:\n    d = f.create_dataset('d', (10,), maxshape=(None,), chunks=(10,))\n"
        "    f.swmr_mode = True\n    for n in range(2):\n        d.resize((20 * (n + 1),))\n        d[:] = n\n        d.flush()\n        pause()\n",
    ),
    python(
        "netCDF4, synchronised",
        "netCDF4==1.7.5.1.post1",
        SLOW
        + "import netCDF4\nd = netCDF4.Dataset('a.nc', 'w')\nd.createDimension('x', None)\nv = d.createVariable('v', 'f4', ('x',))\n"
        "v[0:10] = 1\nd.sync()\npause()\nv[10:20] = 2\nd.close()",
    ),
    python(
        "zarr 3, a local store",
        "zarr==3.1.6",
        "import zarr; z = zarr.open('a.zarr', mode='w', shape=(100,), chunks=(50,), dtype='f4'); z[:] = 1",
    ),
    python(
        "pyarrow, write_table",
        "pyarrow==26.0.1",
        "import pyarrow as p, pyarrow.parquet as q; q.write_table(p.table({'x': range(100_000)}), 'a.parquet')",
        is_quick=True,
    ),
    python(
        "pyarrow ParquetWriter, a group now and then",
        "pyarrow==26.0.1",
        SLOW + "import pyarrow as p, pyarrow.parquet as q\nt = p.table({'x': range(1000)})\n"
        "with q.ParquetWriter('a.parquet', t.schema) as w:\n    for _ in range(3):\n        w.write_table(t)\n        pause()\n",
    ),
    python(
        "polars write_parquet",
        "polars==2.1.0",
        "import polars; polars.DataFrame({'x': range(500_000)}).write_parquet('a.parquet')",
    ),
    python(
        "pandas to_csv", "pandas==3.1.1", "import pandas; pandas.DataFrame({'x': range(100_000)}).to_csv('a.csv')"
    ),
    python(
        "openpyxl",
        "openpyxl==3.1.5",
        "import openpyxl; w = openpyxl.Workbook(); w.active['A1'] = 1; w.save('a.xlsx')",
    ),
    python("joblib.dump", "joblib==1.6.0", "import joblib; joblib.dump(list(range(100_000)), 'a.joblib')"),
    python(
        "safetensors",
        "safetensors==0.8.0",
        "import numpy; from safetensors.numpy import save_file; save_file({'x': numpy.zeros(1000)}, 'a.safetensors')",
    ),
    python(
        "tensorboardX",
        "tensorboardX==2.6.5",
        SLOW
        + "from tensorboardX import SummaryWriter\nw = SummaryWriter('runs')\nw.add_scalar('x', 1, 1)\nw.flush()\npause()\nw.add_scalar('x', 2, 2)\nw.close()",
    ),
    # --- databases ---
    python(
        "lmdb",
        "lmdb==3.0.0",
        SLOW
        + "import lmdb\ne = lmdb.open('a.lmdb')\nfor n in b'ab':\n    with e.begin(write=True) as t:\n        t.put(b'k', bytes([n]))\n    pause()\ne.close()",
    ),
    python(
        "lmdb, writemap",
        "lmdb==3.0.0",
        SLOW
        + "import lmdb\ne = lmdb.open('a.lmdb', writemap=True)\nfor n in b'ab':\n    with e.begin(write=True) as t:\n        t.put(b'k', bytes([n]))\n    pause()\ne.close()",
    ),
    python(
        "leveldb (plyvel)",
        "plyvel==1.5.1",
        SLOW
        + "import plyvel\nd = plyvel.DB('a.ldb', create_if_missing=True)\nd.put(b'k', b'v')\npause()\nd.close()",
    ),
    python(
        "rocksdb (rocksdict)",
        "rocksdict==0.3.29",
        SLOW + "import rocksdict\nd = rocksdict.Rdict('a.rdb')\nd['k'] = 'v'\npause()\nd.close()",
    ),
    python(
        "duckdb",
        "duckdb==2.0.1",
        SLOW
        + "import duckdb\nd = duckdb.connect('a.duckdb')\nd.execute('create table t as select * from range(10000)')\npause()\nd.execute('insert into t select * from range(10000)')\nd.close()",
    ),
    command(
        "sqlite, rollback journal",
        "sqlite3 --version",
        "(echo 'pragma journal_mode=delete; create table t(x); insert into t values(1);'; sleep 0.7; echo 'insert into t values(2);') | sqlite3 a.db",
        is_quick=True,
    ),
    command(
        "sqlite, WAL",
        "sqlite3 --version",
        "(echo 'pragma journal_mode=wal; create table t(x); insert into t values(1);'; sleep 0.7; echo 'insert into t values(2);') | sqlite3 a.db",
        is_quick=True,
    ),
    # --- science and pictures ---
    python(
        "astropy, FITS update in place",
        "astropy==8.0.2",
        "import numpy\nfrom astropy.io import fits\nfits.PrimaryHDU(numpy.zeros((64, 64))).writeto('a.fits')\nwith fits.open('a.fits', mode='update') as f:\n    f[0].data[0, 0] = 1\n",
    ),
    python(
        "astropy, FITS update, larger",
        "astropy==8.0.2",
        "import numpy\nfrom astropy.io import fits\nfits.PrimaryHDU(numpy.zeros((64, 64))).writeto('a.fits')\nwith fits.open('a.fits', mode='update') as f:\n    f.append(fits.ImageHDU(numpy.ones((64, 64))))\n",
    ),
    python(
        "pydicom",
        "pydicom==3.0.2",
        "import pydicom\nfrom pydicom.dataset import Dataset, FileMetaDataset\nm = FileMetaDataset()\nm.TransferSyntaxUID = '1.2.840.10008.1.2.1'\nm.MediaStorageSOPClassUID = '1.2.3'\nm.MediaStorageSOPInstanceUID = '1.2.4'\nd = Dataset()\nd.file_meta = m\nd.PatientName = 'A'\nd.save_as('a.dcm', enforce_file_format=True)",
    ),
    python(
        "tifffile",
        "tifffile==2026.3.3",
        "import numpy, tifffile; tifffile.imwrite('a.tif', numpy.zeros((100, 100), 'u1'))",
    ),
    python("Pillow", "Pillow==13.0.0", "from PIL import Image; Image.new('RGB', (500, 500)).save('a.png')"),
    command("ImageMagick, convert", "convert-im6.q16 --version", "convert-im6.q16 -size 200x200 xc:red a.png"),
    command(
        "ImageMagick, mogrify",
        "convert-im6.q16 --version",
        "mogrify-im6.q16 -rotate 90 a.png",
        before="convert-im6.q16 -size 20x10 xc:red a.png",
    ),
    command("ghostscript", "gs --version", "printf '%%!PS\\nshowpage\\n' | gs -q -sDEVICE=pdfwrite -o a.pdf -"),
    command(
        "exiftool",
        "exiftool -ver",
        "exiftool -q -Artist=A a.png",
        before="convert-im6.q16 -size 20x10 xc:red a.png",
    ),
    command("ffmpeg, in real time", "ffmpeg -version", "ffmpeg -v quiet -re -f lavfi -i testsrc=duration=2 a.mp4"),
    command(
        "ffmpeg, +faststart",
        "ffmpeg -version",
        "ffmpeg -v quiet -f lavfi -i testsrc=duration=2 -movflags +faststart a.mp4",
    ),
    command(
        "ffmpeg, HLS segments",
        "ffmpeg -version",
        "ffmpeg -v quiet -f lavfi -i testsrc=duration=4 -g 25 -hls_time 1 a.m3u8",
    ),
    # --- archives ---
    command("zip, new", "zip -v", "zip -q a.zip ../in/*", is_quick=True),
    command("zip, added to", "zip -v", "zip -q a.zip ../in/b", before="zip -q a.zip ../in/a", is_quick=True),
    command(
        "7z a, added to", "7z", "7z a -bd a.7z ../in/b >/dev/null", before="7z a -bd a.7z ../in/a > /dev/null"
    ),
    command("7z x", "7z", "7z x -bd ../in.7z >/dev/null", before="(cd .. && 7z a -bd in.7z in > /dev/null)"),
    command("tar x", "tar --version", "tar xf ../in.tar", before="tar cf ../in.tar -C .. in"),
    command("xz", "xz --version", "xz -k ../in/a -c > a.xz"),
    # --- copies and transfers ---
    command("cp", "cp --version", "cp ../in/a ../in/b ."),
    command("cp -l", "cp --version", "cp -l ../in/a a"),
    command(
        "mv from another file system", "mv --version", 'mv "$ELSEWHERE/a" a', before='cp ../in/a "$ELSEWHERE/a"'
    ),
    command("rsync", "rsync --version", "rsync -a ../in/ .", is_quick=True),
    command("rsync --inplace", "rsync --version", "rsync -a --inplace ../in/ ."),
    command(
        "rsync --delay-updates, slow",
        "rsync --version",
        "rsync -a --delay-updates --bwlimit=500 ../in/ .",
        recipe="`--exclude '.~tmp~/' --exclude '.*.??????'`",
    ),
    command("curl, from a server that stalls", "curl --version", 'curl -s -o a "$STALLS"', is_quick=True),
    command("wget, from a server that stalls", "wget --version", 'wget -q -O a "$STALLS"'),
    command("aria2, from a server that stalls", "aria2c --version", 'aria2c -q -o a "$STALLS"'),
    command("lftp, from a server that stalls", "lftp --version", 'lftp -c "get $STALLS -o a"'),
    command(
        "maildrop, to a maildir",
        "maildrop -v",
        "printf 'To: a\\n\\nhi\\n' | (HOME=$PWD; export HOME; printf 'to \"%s\"\\n' \"$PWD/Maildir\" > ../rc; chmod 600 ../rc; maildrop ../rc)",
        before="mkdir -p Maildir/new Maildir/cur Maildir/tmp",
    ),
    # --- editors and tools ---
    command("sed -i", "sed --version", "sed -i s/x/y/ a", before="cp ../in/a a", is_quick=True),
    command("perl -pi", "perl -v", "perl -pi -e s/x/y/ a", before="cp ../in/a a"),
    command(
        "patch",
        "patch --version",
        "printf -- '--- a\\n+++ a\\n@@ -1 +1 @@\\n-x\\n+y\\n' | patch -s a",
        before="echo x > a",
    ),
    command("sponge", "dpkg-query -W moreutils", "sort ../in/a | sponge a", before="cp ../in/a a"),
    command("vim", "vim --version", "vim -u NONE -es -c '%s/x/y/ge' -c wq a", before="echo x > a"),
    command(
        "git clone, checkout",
        "git --version",
        "git clone -q ../repo r && git -C r checkout -q -b b",
        before="git init -q ../repo && cp ../in/a ../repo && git -C ../repo add a && git -C ../repo -c user.name=a -c user.email=a@example.org commit -qm a",
        is_quick=True,
    ),
    command(
        "logrotate, create",
        "logrotate --version",
        "printf '%s/a.log { rotate 1\\n create\\n}\\n' \"$PWD\" > ../conf && logrotate -f -s ../state ../conf",
        before="echo x > a.log; chmod 755 .",
        recipe="",
    ),
    command(
        "logrotate, copytruncate",
        "logrotate --version",
        "printf '%s/a.log { rotate 1\\n copytruncate\\n}\\n' \"$PWD\" > ../conf && logrotate -f -s ../state ../conf",
        before="echo x > a.log; chmod 755 .",
    ),
    command("qemu-img create", "qemu-img --version", "qemu-img create -q -f qcow2 a.qcow2 10M"),
    command(
        "fio, libaio",
        "fio --version",
        "fio --name=a --filename=a --size=1M --ioengine=libaio --direct=0 --rw=write --output=/dev/null",
    ),
    command(
        "fio, io_uring",
        "fio --version",
        "fio --name=a --filename=a --size=1M --ioengine=io_uring --rw=write --output=/dev/null",
    ),
    command(
        "O_TMPFILE and linkat",
        "python3 --version",
        "python3 -c \"import os,ctypes; f=os.open('.', os.O_TMPFILE|os.O_RDWR, 0o644); os.write(f, b'hello'); assert ctypes.CDLL(None).linkat(-100, b'/proc/self/fd/%d' % f, -100, b'a', 0x400) == 0\"",
        is_quick=True,
    ),
    command("truncate(1)", "truncate --version", "truncate -s 1000 a", before="cp ../in/a a"),
)
