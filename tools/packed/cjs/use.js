// A project of the kind "commonjs".
const modules = {
  vivefs: require('vivefs'),
  fsal: require('vivefs/fsal'),
  port: require('vivefs/port'),
  conformance: require('vivefs/conformance'),
  lsm: require('@vivefs/lsm'),
  media: require('@vivefs/media'),
  pfaof: require('@vivefs/pfaof'),
  fuse: require('@vivefs/fuse'),
}

import('../checks.mjs')
  .then(({ runChecks }) => runChecks(modules))
  .catch((error) => {
    console.error(error)
    process.exitCode = 1
  })
