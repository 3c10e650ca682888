/**
 * Stands in for Electron where there is none: enough of `app`, `BrowserWindow`, `ipcMain` and `dialog` for main.mjs to run, and to be asked what its
 * windows would ask. `node --import ./stand-in.mjs main.mjs` runs the questions in QUESTIONS and prints the answers as JSON.
 */
import { EventEmitter } from 'node:events'
import { register } from 'node:module'

const questions = JSON.parse(process.env.QUESTIONS ?? '[]')
const handlers = new Map()
const windows = []

class BrowserWindow extends EventEmitter {
  constructor(options) {
    super()
    this.options = options
    this.webContents = { id: windows.length + 1, send: () => {} }
    windows.push(this)
  }

  loadFile(path, { query }) {
    this.page = { path, query }
  }
}

const app = Object.assign(new EventEmitter(), {
  whenReady: async () => {},
  getPath: () => process.env.USER_DATA,
  exit: (code) => process.exit(code),
  /** As Electron does it: who listens may hold it up, and calls again. */
  quit() {
    let isHeld = false
    app.emit('before-quit', { preventDefault: () => (isHeld = true) })
    if (!isHeld) print()
  },
})

const answers = []
const print = () => {
  const shown = windows.map(({ options, page }) => ({ title: options.title, ...options.webPreferences, ...page }))
  console.log(JSON.stringify({ answers, windows: shown }))
}

/** Asks one after the other: `[number of the window, channel, ...arguments]`. */
async function askAll() {
  for (const [window, channel, ...args] of questions)
    answers.push(await handlers.get(channel)({ sender: windows[window].webContents }, ...args))
  app.emit('window-all-closed')
}

const ipcMain = {
  handle(channel, handler) {
    handlers.set(channel, handler)
    if (handlers.size === 2) setImmediate(askAll)
  },
}
const dialog = {
  showErrorBox: (title, text) => console.error(`${title}: ${text}`),
}

globalThis.standIn = { app, BrowserWindow, dialog, ipcMain }
const source = Object.keys(globalThis.standIn).map((name) => `export const ${name} = globalThis.standIn.${name}`)
const electron = `data:text/javascript,${encodeURIComponent(source.join('\n'))}`
const hooks = `export const resolve = (name, context, next) =>
  name === 'electron' ? { url: ${JSON.stringify(electron)}, shortCircuit: true } : next(name, context)`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
