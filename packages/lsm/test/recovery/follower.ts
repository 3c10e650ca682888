/** Opens a database to follow its writer, reads, and has nothing more to do: node follower.cjs LOCATION. */
import { LsmLevel } from '../../src/index.ts'

const level = new LsmLevel(process.argv[2]!, { readOnly: true, followMs: 20 })
void level.get('a').then((value) => process.stdout.write(`${value}\n`))
