// A project of the kind "module".
import * as fuse from '@vivefs/fuse'
import * as lsm from '@vivefs/lsm'
import * as media from '@vivefs/media'
import * as pfaof from '@vivefs/pfaof'
import * as vivefs from 'vivefs'
import * as conformance from 'vivefs/conformance'
import * as fsal from 'vivefs/fsal'
import * as port from 'vivefs/port'
import { runChecks } from '../checks.mjs'

await runChecks({ vivefs, fsal, port, conformance, lsm, media, pfaof, fuse })
