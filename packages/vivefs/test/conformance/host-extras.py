"""
What node:fs has no function for, asked of the kernel: `python3 host-extras.py JSON`, which becomes that person for good.

A line in: [id, method, args]. A line out: {"id", "result"} or {"id", "code"}, the name of an errno. Waits for locks have threads of
their own, so their answers come when they come.
"""
import ctypes, errno, fcntl, json, os, stat, struct, sys, threading

who = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
os.umask(who["umask"]); os.setgroups(who["groups"]); os.setgid(who["gid"]); os.setuid(who["uid"])
kinds = {"file": stat.S_IFREG, "fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK, "block": stat.S_IFBLK, "character": stat.S_IFCHR}
lock_types = {"read": fcntl.F_RDLCK, "write": fcntl.F_WRLCK}
flock_operations = {"shared": fcntl.LOCK_SH, "exclusive": fcntl.LOCK_EX, "unlock": fcntl.LOCK_UN}
open_flags = {"r": os.O_RDONLY, "r+": os.O_RDWR, "a": os.O_WRONLY | os.O_APPEND | os.O_CREAT}
# struct flock: l_type, l_whence, l_start, l_len, l_pid
FLOCK = "hhqqi0q"

def checked(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

def mknod(path, kind, o):
    os.mknod(path, kinds[kind] | o["mode"], os.makedev(o.get("major", 0), o.get("minor", 0)))

def rename(a, b, o):
    flags = (1 if o.get("noReplace") else 0) | (2 if o.get("exchange") else 0)
    checked(libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), flags))

def link_handle(pid, fd, to):
    checked(libc.linkat(-100, b"/proc/%d/fd/%d" % (pid, fd), -100, os.fsencode(to), 0x400))

def follows(o):
    return {"follow_symlinks": (o or {}).get("follow", True)}

def setxattr(path, name, value, how=None, o=None):
    os.setxattr(path, name, bytes.fromhex(value), {"any": 0, "create": 1, "replace": 2}[how or "any"], **follows(o))

def locking(fd, command, kind, o):
    asked = struct.pack(FLOCK, kind, os.SEEK_SET, o.get("start", 0), o.get("length", 0), 0)
    return struct.unpack(FLOCK, fcntl.fcntl(fd, command, asked))

def test_lock(fd, o):
    kind, _, start, length, pid = locking(fd, fcntl.F_GETLK, lock_types[o["type"]], o)
    if kind == fcntl.F_UNLCK:
        return None
    return {"type": "write" if kind == fcntl.F_WRLCK else "read", "start": start, "length": length, "owner": pid}

def lock(fd, o):
    locking(fd, fcntl.F_SETLKW if o.get("wait") else fcntl.F_SETLK, lock_types[o["type"]], o)

def flock(fd, operation, o=None):
    fcntl.flock(fd, flock_operations[operation] | (0 if (o or {}).get("wait") else fcntl.LOCK_NB))

calls = {
    "mknod": mknod,
    "rename": rename,
    "linkHandle": link_handle,
    "setxattr": setxattr,
    "getxattr": lambda path, name, o=None: os.getxattr(path, name, **follows(o)).hex(),
    "listxattr": lambda path, o=None: os.listxattr(path, **follows(o)),
    "removexattr": lambda path, name, o=None: os.removexattr(path, name, **follows(o)),
    "openLocker": lambda path, flags: {"fd": os.open(path, open_flags[flags], 0o666), "owner": os.getpid()},
    "lock": lock,
    "unlock": lambda fd, o: void(locking(fd, fcntl.F_SETLK, fcntl.F_UNLCK, o)),
    "test": test_lock,
    "flock": flock,
    "close": os.close,
}

def void(_):
    return None

# One number has two names; node knows the first.
names = {**errno.errorcode, errno.EDEADLK: "EDEADLK"}
out = threading.Lock()

def say(answer):
    with out:
        print(json.dumps(answer), flush=True)

def serve(id, method, args):
    try:
        say({"id": id, "result": calls[method](*args)})
    except OSError as error:
        say({"id": id, "code": names[error.errno]})

for line in sys.stdin:
    id, method, args = json.loads(line)
    waits = method in ("lock", "flock") and any(isinstance(arg, dict) and arg.get("wait") for arg in args)
    if waits:
        threading.Thread(target=serve, args=(id, method, args), daemon=True).start()
    else:
        serve(id, method, args)
