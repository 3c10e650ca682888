// The main process: owns the volume, opens windows, answers them.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { app, BrowserWindow, dialog, ipcMain } from 'electron'
import { answer, Vault } from './vault.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
/** Snapshots that windows show, by the id of their contents; others show the volume. */
const shown = new Map()

function openWindow(snapshot) {
  const window = new BrowserWindow({
    width: 900,
    height: 640,
    title: snapshot === undefined ? 'Vault' : `Vault: ${snapshot} (read only)`,
    webPreferences: { preload: join(here, 'preload.cjs'), contextIsolation: true, sandbox: true },
  })
  const { id } = window.webContents
  if (snapshot !== undefined) shown.set(id, snapshot)
  window.on('closed', () => shown.delete(id))
  window.loadFile(join(here, 'renderer/index.html'), { query: snapshot === undefined ? {} : { snapshot } })
}

app.whenReady().then(async () => {
  const vault = await Vault.open(join(app.getPath('userData'), 'vault.vive')).catch((error) => {
    dialog.showErrorBox('The vault cannot be opened', error.message)
    app.exit(1)
  })
  if (vault === undefined) return
  ipcMain.handle('vault', ({ sender }, request, args) => {
    const onProgress = ({ loaded, total }) => sender.send('vault:progress', { loaded, total })
    return answer(vault, { request, args, snapshot: shown.get(sender.id), onProgress })
  })
  ipcMain.handle('vault:window', (_event, snapshot) => openWindow(String(snapshot)))
  openWindow()
  let isClosed = false
  app.on('before-quit', (event) => {
    if (isClosed) return
    event.preventDefault()
    vault.close().finally(() => {
      isClosed = true
      app.quit()
    })
  })
})

app.on('window-all-closed', () => app.quit())
