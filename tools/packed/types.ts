// What a program in TypeScript says; compiled against the packed packages in every way of resolution.
import type { LsmLevel } from '@vivefs/lsm'
import { type OpenOptions, ViveFS } from 'vivefs'
import type { Fsal } from 'vivefs/fsal'

export const count = (level: LsmLevel<string, string>): number => level.iteratorSync({ gte: 'a' }).nextv(10).length
const options: OpenOptions = { durability: 'strict' }
export async function use(): Promise<Fsal> {
  await using vive = await ViveFS.open('memory://', options)
  const text: string = await vive.fs.promises.readFile('/x', 'utf8')
  console.log(text)
  return vive.fsal
}
