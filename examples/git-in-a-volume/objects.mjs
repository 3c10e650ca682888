/** Which objects of a repository a client lacks. */
import git from 'isomorphic-git'

/** Adds to `found` the tree and all below it that is not in `known`. */
async function addTree(repository, oid, found, known) {
  if (found.has(oid) || known.has(oid)) return
  found.add(oid)
  const { tree } = await git.readTree({ ...repository, oid })
  for (const entry of tree) {
    if (entry.type === 'tree') await addTree(repository, entry.oid, found, known)
    else if (entry.type === 'blob' && !known.has(entry.oid)) found.add(entry.oid)
  }
}

/** Everything that can be reached from `commits` and is not in `known`. */
async function reachable(repository, commits, known) {
  const found = new Set()
  const waiting = [...commits]
  for (let oid = waiting.pop(); oid !== undefined; oid = waiting.pop()) {
    if (found.has(oid) || known.has(oid)) continue
    const { commit } = await git.readCommit({ ...repository, oid })
    found.add(oid)
    waiting.push(...commit.parent)
    await addTree(repository, commit.tree, found, known)
  }
  return found
}

/** Whether the repository has that commit. */
export async function hasCommit(repository, oid) {
  return await git.readCommit({ ...repository, oid }).then(
    () => true,
    () => false,
  )
}

/** The objects behind `wants` that are not behind `haves`: what a pack must hold. */
export async function missingObjects(repository, wants, haves) {
  return await reachable(repository, wants, await reachable(repository, haves, new Set()))
}
