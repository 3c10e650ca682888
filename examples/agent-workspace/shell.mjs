/** A shell for agents: just-bash, a bash in JavaScript, on a view of the volume. No process of the machine is started. */
import { posix } from 'node:path'

const statOf = (stats) => ({
  isFile: stats.isFile(),
  isDirectory: stats.isDirectory(),
  isSymbolicLink: stats.isSymbolicLink(),
  mode: stats.mode,
  size: stats.size,
  mtime: stats.mtime,
  dev: stats.dev,
  ino: stats.ino,
})

const encodingOf = (options) => (typeof options === 'string' ? options : options?.encoding) ?? 'utf8'

/** The filesystem that just-bash asks for (its `IFileSystem`), from a face shaped like node:fs. */
export function shellFileSystem({ promises: fs }) {
  return {
    readFile: (path, options) => fs.readFile(path, encodingOf(options)),
    readFileBuffer: (path) => fs.readFile(path),
    writeFile: (path, content, options) => fs.writeFile(path, content, encodingOf(options)),
    appendFile: (path, content, options) => fs.appendFile(path, content, encodingOf(options)),
    exists: (path) =>
      fs.access(path).then(
        () => true,
        () => false,
      ),
    stat: async (path) => statOf(await fs.stat(path)),
    lstat: async (path) => statOf(await fs.lstat(path)),
    mkdir: async (path, options) => void (await fs.mkdir(path, options)),
    readdir: (path) => fs.readdir(path),
    readdirWithFileTypes: async (path) =>
      (await fs.readdir(path, { withFileTypes: true })).map((entry) => ({
        name: entry.name,
        isFile: entry.isFile(),
        isDirectory: entry.isDirectory(),
        isSymbolicLink: entry.isSymbolicLink(),
      })),
    rm: (path, options) => fs.rm(path, options),
    cp: (from, to, options) => fs.cp(from, to, options),
    mv: (from, to) => fs.rename(from, to),
    resolvePath: (base, path) => posix.resolve(base, path),
    // Only its glob over memory filesystems wants a list of all there is.
    getAllPaths: () => [],
    chmod: (path, mode) => fs.chmod(path, mode),
    symlink: (target, path) => fs.symlink(target, path),
    link: (path, name) => fs.link(path, name),
    readlink: (path) => fs.readlink(path),
    realpath: (path) => fs.realpath(path),
    utimes: (path, atime, mtime) => fs.utimes(path, atime, mtime),
  }
}

/** Runs commands on a view; undefined when just-bash is not installed. */
export async function openShell(view) {
  const { Bash } = await import('just-bash').catch(() => ({}))
  if (Bash === undefined) return undefined
  // Its second line of defence takes clocks, timers and workers from all that runs while a command does, the volume among them; the first
  // one stays: commands are interpreted, and reach nothing but this filesystem.
  return new Bash({ fs: shellFileSystem(view), cwd: '/project', defenseInDepth: false })
}
