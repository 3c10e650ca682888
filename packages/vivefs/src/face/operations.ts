/**
 * The table of operations. Each is written once, checks its arguments when it is called, and answers an operation to be
 * driven. The three faces derive from here.
 */
import * as acls from './acls.ts'
import * as attributes from './attributes.ts'
import { readdir } from './directories.ts'
import * as files from './files.ts'
import * as names from './names.ts'
import { realpath } from './realpath.ts'
import { rm, rmdir } from './removal.ts'
import * as xattrs from './xattrs.ts'

/** By path. */
export const byPath = {
  access: attributes.access,
  appendFile: files.appendFile,
  chmod: attributes.chmod,
  chown: attributes.chown,
  copyFile: files.copyFile,
  getAcl: acls.getAcl,
  getxattr: xattrs.getxattr,
  lchmod: attributes.lchmod,
  lchown: attributes.lchown,
  link: names.link,
  listxattr: xattrs.listxattr,
  lstat: attributes.lstat,
  lutimes: attributes.lutimes,
  mkdir: names.mkdir,
  mkdtemp: names.mkdtemp,
  mkfifo: names.mkfifo,
  mknod: names.mknod,
  readdir,
  readFile: files.readFile,
  readlink: names.readlink,
  realpath,
  removexattr: xattrs.removexattr,
  rename: names.rename,
  rm,
  rmdir,
  setAcl: acls.setAcl,
  setxattr: xattrs.setxattr,
  stat: attributes.stat,
  statfs: attributes.statfs,
  symlink: names.symlink,
  truncate: attributes.truncate,
  unlink: names.unlink,
  utimes: attributes.utimes,
  writeFile: files.writeFile,
}
