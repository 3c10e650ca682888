/**
 * A headless Chromium of this machine, spoken to in its DevTools protocol over a pipe: JSON messages with a NUL behind each. No library: a page is
 * opened, measured and photographed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const LOAD_MS = 30_000
/** After the page has loaded, for what its scripts still draw. */
const SETTLE_MS = 400

/** The path of a Chromium, from CHROMIUM or the PATH; undefined where there is none. */
export function findChromium() {
  const wanted = process.env.CHROMIUM === undefined ? NAMES : [process.env.CHROMIUM]
  return wanted.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)
}

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export class Browser {
  #process
  #folder
  #nextId = 1
  #pending = new Map()
  #listeners = new Set()
  #session

  /** Starts `program`; what it keeps lies in a folder that is gone after `close`. */
  static async launch(program) {
    const browser = new Browser()
    browser.#folder = mkdtempSync(join(tmpdir(), 'vivefs-chromium-'))
    const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--remote-debugging-pipe']
    browser.#process = spawn(program, [...options, `--user-data-dir=${browser.#folder}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    browser.#process.on('exit', () => browser.#fail(new Error('chromium has ended')))
    browser.#process.on('error', (error) => browser.#fail(error))
    browser.#listen(browser.#process.stdio[4])
    const { targetId } = await browser.#send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true })
    browser.#session = sessionId
    await browser.#send('Page.enable')
    return browser
  }

  #listen(pipe) {
    let text = ''
    pipe.setEncoding('utf8')
    pipe.on('data', (more) => {
      const messages = (text + more).split('\0')
      text = messages.pop()
      for (const message of messages) this.#receive(JSON.parse(message))
    })
  }

  #receive({ id, method, result, error }) {
    if (id === undefined) {
      for (const listener of this.#listeners) listener(method)
      return
    }
    const { resolve, reject } = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) resolve(result)
    else reject(new Error(error.message))
  }

  #fail(error) {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }

  #send(method, params = {}) {
    const id = this.#nextId++
    const session = this.#session === undefined ? {} : { sessionId: this.#session }
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, ...session })}\0`)
    })
  }

  /** Loads a page on a screen of that size, in CSS pixels; `mobile` as a phone does. */
  async open(url, { width, height, mobile = false }, settleMs = SETTLE_MS) {
    const metrics = { width, height, mobile, deviceScaleFactor: 1 }
    await this.#send('Emulation.setDeviceMetricsOverride', metrics)
    let onEvent
    const loaded = new Promise((resolve) => {
      onEvent = (method) => method === 'Page.loadEventFired' && resolve(true)
      this.#listeners.add(onEvent)
    })
    const { errorText } = await this.#send('Page.navigate', { url })
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
    const inTime = await Promise.race([loaded, delay(LOAD_MS)])
    this.#listeners.delete(onEvent)
    if (inTime !== true) throw new Error(`${url}: not loaded within ${LOAD_MS} ms`)
    await delay(settleMs)
  }

  /** The value of an expression in the page. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text)
    return result.value
  }

  /** A PNG of the screen, or of the upper `height` CSS pixels of the page. */
  async photograph(height) {
    const width = await this.evaluate('window.innerWidth')
    const clip =
      height === undefined ? {} : { clip: { x: 0, y: 0, width, height, scale: 1 }, captureBeyondViewport: true }
    const { data } = await this.#send('Page.captureScreenshot', { format: 'png', ...clip })
    return Buffer.from(data, 'base64')
  }

  async close() {
    this.#session = undefined
    await this.#send('Browser.close').catch(() => this.#process.kill('SIGKILL'))
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      await new Promise((resolve) => this.#process.once('exit', resolve))
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
