/** Keeps the process alive as an open handle does. */
export class KeepAlive {
  #timer: NodeJS.Timeout | undefined = setInterval(() => {}, 0x7fff_ffff)

  ref(): void {
    this.#timer?.ref()
  }

  unref(): void {
    this.#timer?.unref()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
