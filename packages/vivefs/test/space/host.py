"""Does what it is told, one JSON line each, on a file of this host, and answers what became of the file."""
import ctypes, errno, hashlib, json, os, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
MODES = {"allocate": 0, "keep": 1, "punch": 3, "zero": 0x10, "zeroKeep": 0x11, "collapse": 8, "insert": 0x20}


def fallocate(fd, mode, offset, length):
    if libc.fallocate(fd, MODES[mode], offset, length) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def segments(fd):
    found, at = [], 0
    while True:
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return found
        at = os.lseek(fd, data, os.SEEK_HOLE)
        found.append([data, at])


def do(fd, step):
    kind = step["kind"]
    if kind == "write":
        os.pwrite(fd, bytes([step["byte"]]) * step["length"], step["offset"])
    elif kind == "truncate":
        os.ftruncate(fd, step["length"])
    else:
        fallocate(fd, kind, step["offset"], step["length"])


fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
for line in sys.stdin:
    code = ""
    try:
        do(fd, json.loads(line))
    except OSError as error:
        code = errno.errorcode[error.errno]
    os.fsync(fd)
    size = os.fstat(fd).st_size
    # Before the content is read: what is cached of preallocated space counts as data.
    found = segments(fd)
    digest = hashlib.sha1(os.pread(fd, size, 0)).hexdigest()
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    print(json.dumps({"code": code, "size": size, "digest": digest, "segments": found}), flush=True)
