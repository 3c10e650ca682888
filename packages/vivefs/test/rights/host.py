"""Runs programs of operations on the host, each in a new directory: JSON in (a list of programs), JSON out (what each step answered)."""
import errno
import json
import os
import shutil
import stat
import sys
import tempfile

forks = sys.argv[2] == 'fork'
base = tempfile.mkdtemp(prefix='vivefs-rights-', dir=sys.argv[1])
os.chmod(base, 0o755)


def in_child(action):
    """A process of its own for each step: a server may remember the groups of a process for a while."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(action()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def as_person(who, umask, action):
    old = os.umask(umask)
    os.setgroups(who['groups'])
    os.setegid(who['gid'])
    os.seteuid(who['uid'])
    try:
        return action()
    except OSError as error:
        return errno.errorcode[error.errno].replace('EOPNOTSUPP', 'ENOTSUP')
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])
        os.umask(old)


def make(kind, path, mode):
    if kind == 'file':
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
    elif kind == 'dir':
        os.mkdir(path, mode)
    elif kind == 'link':
        os.symlink('nowhere', path)
    elif kind == 'fifo':
        os.mkfifo(path, mode)


def plant(kind, path, mode, uid, gid):
    make(kind, path, 0o600)
    os.chown(path, uid, gid, follow_symlinks=False)
    if kind != 'link':
        os.chmod(path, mode)


def name_of(name):
    return name.encode('utf-8')


def access(path, mask):
    if not os.access(path, mask, effective_ids=True):
        os.stat(path)
        raise OSError(errno.EACCES, '')


def openable(path, flags):
    os.close(os.open(path, os.O_NONBLOCK | {'r': os.O_RDONLY, 'w': os.O_WRONLY, 'rw': os.O_RDWR}[flags]))


actions = {
    'make': make,
    'set': lambda path, name, value, flags: os.setxattr(path, name_of(name), bytes.fromhex(value), flags, follow_symlinks=False),
    'get': lambda path, name: os.getxattr(path, name_of(name), follow_symlinks=False).hex(),
    'remove': lambda path, name: os.removexattr(path, name_of(name), follow_symlinks=False),
    'list': lambda path: sorted(os.listxattr(path, follow_symlinks=False)),
    'chmod': os.chmod,
    'chown': os.chown,
    'access': access,
    'open': openable,
    'names': lambda path: sorted(os.listdir(path)),
    'mode': lambda path: oct(stat.S_IMODE(os.lstat(path).st_mode)),
}


def step(one):
    if one['op'] == 'plant':
        return plant(*one['args'])
    run = lambda: as_person(one['who'], one.get('umask', 0), lambda: actions[one['op']](*one['args']))
    return in_child(run) if forks else run()


answers = []
for program in json.load(sys.stdin):
    directory = tempfile.mkdtemp(dir=base)
    os.chmod(directory, 0o777)
    os.chdir(directory)
    answers.append([step(one) for one in program])
    os.chdir('/')
    shutil.rmtree(directory)
os.rmdir(base)
json.dump(answers, sys.stdout)
