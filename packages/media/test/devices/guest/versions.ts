/** Guest program: what the tests ran on, for the page of results. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'

const debian = readFileSync('/etc/debian_version', 'utf8').trim()
console.log(`VERSIONS Linux ${release()}, Debian ${debian}, Node ${process.version}`)
