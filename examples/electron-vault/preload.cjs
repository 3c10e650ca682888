// What a window may do: ask the vault. It has no Node.
const { contextBridge, ipcRenderer, webUtils } = require('electron')

contextBridge.exposeInMainWorld('vault', {
  ask: (request, args) => ipcRenderer.invoke('vault', request, args),
  openSnapshot: (name) => ipcRenderer.invoke('vault:window', name),
  pathOf: (file) => webUtils.getPathForFile(file),
  onProgress: (listener) => ipcRenderer.on('vault:progress', (_event, progress) => listener(progress)),
})
