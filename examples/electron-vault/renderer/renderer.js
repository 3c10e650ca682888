// The window: shows a directory of the vault, takes what is dropped on it.
const at = (id) => document.getElementById(id)
const isSnapshot = new URLSearchParams(location.search).has('snapshot')
let path = '/'

async function ask(request, args) {
  const { value, error } = await window.vault.ask(request, args)
  if (error !== undefined) {
    at('status').textContent = error.message
    throw new Error(error.message)
  }
  return value
}

function button(text, act) {
  const made = document.createElement('button')
  made.textContent = text
  made.onclick = act
  return made
}

function row(...cells) {
  const made = document.createElement('tr')
  for (const cell of cells) made.insertCell().append(cell)
  return made
}

async function show(next) {
  path = next
  at('path').textContent = path
  at('preview').hidden = true
  const rows =
    path === '/'
      ? []
      : [
          row(
            button('..', () => show(path.replace(/\/[^/]+$/, '') || '/')),
            '',
            '',
          ),
        ]
  for (const { name, isDirectory, size, mtimeMs } of await ask('list', { path })) {
    const inner = `${path === '/' ? '' : path}/${name}`
    const open = isDirectory ? () => show(inner) : () => preview(inner)
    rows.push(row(button(name, open), isDirectory ? '' : size.toLocaleString(), new Date(mtimeMs).toLocaleString()))
  }
  at('list').replaceChildren(...rows)
}

async function preview(file) {
  const { text, isWhole } = await ask('preview', { path: file })
  at('preview').textContent = isWhole ? text : `${text}\n...`
  at('preview').hidden = false
}

async function showSnapshots() {
  const items = (await ask('snapshots')).map(({ name, created }) => {
    const item = document.createElement('li')
    item.append(
      button(name, () => window.vault.openSnapshot(name)),
      ` ${new Date(created).toLocaleString()}`,
    )
    return item
  })
  at('snapshots').replaceChildren(...items)
}

at('files').ondragover = (event) => {
  event.preventDefault()
  at('files').classList.toggle('over', !isSnapshot)
}
at('files').ondragleave = () => at('files').classList.remove('over')
at('files').ondrop = async (event) => {
  event.preventDefault()
  at('files').classList.remove('over')
  const sources = [...event.dataTransfer.files].map((file) => window.vault.pathOf(file))
  await ask('take', { sources, path })
  at('status').textContent = `${sources.length} taken`
  await show(path)
}
at('snapshot').onsubmit = async (event) => {
  event.preventDefault()
  await ask('takeSnapshot', { name: at('name').value })
  await showSnapshots()
}
at('snapshot').hidden = isSnapshot
window.vault.onProgress(({ loaded, total }) => {
  at('status').textContent = `${loaded} of ${total} bytes`
})
show('/')
showSnapshots()
