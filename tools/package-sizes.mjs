/** What the packages weigh: packed, unpacked, bundled, and installed with everything they depend on. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const BLOCK_BYTES = 512

/** Bytes of the files in a tarball (ustar: the size is in octal at 124). */
function unpackedBytes(tarball) {
  const tar = gunzipSync(readFileSync(tarball))
  let bytes = 0
  for (let at = 0; tar[at] > 0; ) {
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8)
    bytes += size
    at += BLOCK_BYTES * (1 + Math.ceil(size / BLOCK_BYTES))
  }
  return bytes
}

/** Bytes of a package's main entry as a bundler would ship it: minified, with what it imports; and the same by gzip. */
async function bundledBytes(folder, name) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${name}'`, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    external: ['classic-level'],
    logLevel: 'error',
  })
  const [{ contents }] = outputFiles
  return { minified: contents.length, gzipped: gzipSync(contents).length }
}

function folderBytes(path) {
  let bytes = 0
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) bytes += folderBytes(child)
    else if (entry.isFile()) bytes += statSync(child).size
  }
  return bytes
}

/** Sizes in bytes by package, and of everything that was installed in `folder`. */
export async function measureSizes(folder, tarballs) {
  const packages = {}
  for (const [name, tarball] of Object.entries(tarballs)) {
    packages[name] = {
      packed: statSync(tarball).size,
      unpacked: unpackedBytes(tarball),
      ...(await bundledBytes(folder, name)),
    }
  }
  return { packages, installed: folderBytes(join(folder, 'node_modules')) }
}
