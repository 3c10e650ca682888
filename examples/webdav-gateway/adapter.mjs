/** A volume as nephele wants its storage: one adapter for each request, with the eyes of the user who sent it. */
import { posix } from 'node:path'
import { BadGatewayError, MethodNotImplementedError } from 'nephele'
import { Resource } from './resource.mjs'

export class VolumeAdapter {
  constructor(fs, locks) {
    this.fs = fs
    this.locks = locks
  }

  async getComplianceClasses() {
    return ['2']
  }

  async getAllowedMethods() {
    return []
  }

  async getOptionsResponseCacheControl() {
    return 'max-age=86400'
  }

  /** The volume decides, when it is asked to do it. */
  async isAuthorized() {
    return true
  }

  /** The path in the volume, or undefined when the URL is somebody else's. */
  pathOf(url, baseUrl) {
    if (url.host !== baseUrl.host || !url.pathname.startsWith(baseUrl.pathname)) return undefined
    const path = posix.resolve('/', decodeURIComponent(url.pathname.slice(baseUrl.pathname.length)))
    return path.includes('\0') ? undefined : path
  }

  #make(url, baseUrl, makesCollection) {
    const path = this.pathOf(url, baseUrl)
    if (path === undefined) throw new BadGatewayError('not on this server')
    return new Resource(this, baseUrl, path, makesCollection)
  }

  async getResource(url, baseUrl) {
    const resource = this.#make(url, baseUrl)
    await resource.stats()
    return resource
  }

  async newResource(url, baseUrl) {
    return this.#make(url, baseUrl)
  }

  async newCollection(url, baseUrl) {
    return this.#make(url, baseUrl, true)
  }

  getMethod(method) {
    throw new MethodNotImplementedError(`${method} is not there`)
  }
}
