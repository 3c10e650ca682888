import { expect, test } from 'vitest'
import { ViveFS } from 'vivefs'

test('the first minute', async () => {
  const vive = await ViveFS.open('memory://')
  const { promises } = vive.fs
  await promises.mkdir('/a/b', { recursive: true })
  await promises.writeFile('/a/b/c.txt', 'hello')
  expect(await promises.readFile('/a/b/c.txt', 'utf8')).toBe('hello')
  expect(await promises.readdir('/a')).toEqual(['b'])
  expect((await promises.stat('/a/b/c.txt')).size).toBe(5)
  expect(vive.fs.readFileSync('/a/b/c.txt', 'utf8')).toBe('hello')
  const handle = await promises.open('/a/b/c.txt', 'r+')
  await handle.write(' world', 5)
  expect(await handle.readFile('utf8')).toBe('hello world')
  await handle.close()
  await promises.rm('/a', { recursive: true })
  await expect(promises.stat('/a')).rejects.toMatchObject({ code: 'ENOENT', syscall: 'stat', path: '/a' })
  await vive.close()
})
