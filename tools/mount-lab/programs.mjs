/**
 * Programs of others that a mount has to carry. `script` runs in sh with -eu in an empty directory `$AT` of the mount; `$TMP` is an empty
 * directory elsewhere, `$FULL` is 1 for the long form. A check passes when its script ends with 0.
 */

const NEEDS = {
  bonnie: { command: 'bonnie++', package: 'bonnie++' },
  cc: { command: 'cc', package: 'gcc libc6-dev' },
  dbench: { command: 'dbench', package: 'dbench' },
  fio: { command: 'fio', package: 'fio' },
  fsmark: { command: 'fs_mark', package: 'fsmark' },
  getfattr: { command: 'getfattr', package: 'attr' },
  git: { command: 'git', package: 'git' },
  make: { command: 'make', package: 'make' },
  npm: { command: 'npm', package: 'npm' },
  postmark: { command: 'postmark', package: 'postmark' },
  postgres: { command: 'pg_ctlcluster', package: 'postgresql' },
  rsync: { command: 'rsync', package: 'rsync' },
  sqlite: { command: 'sqlite3', package: 'sqlite3' },
  stress: { command: 'stress-ng', package: 'stress-ng' },
}

/** A tree with everything that a tree can have. */
const TREE = `mkdir -p $1/sub/deep; cd $1
  head -c 3000000 /dev/urandom > big; printf small > small; : > empty; ln small sub/hard; ln -s ../small sub/link; ln -s nowhere broken
  truncate -s 5M holes; printf x | dd of=holes bs=1 seek=2000000 conv=notrunc status=none; mkfifo fifo; mknod null c 1 3
  setfattr -n user.colour -v blue small; setfattr -n user.big -v "$(head -c 1500 /dev/zero | tr '\\0' y)" big
  chown 1234:2345 sub/deep; chmod 2750 sub/deep; chmod 4711 small; touch -d '1969-07-20 20:17:40.123456789' empty
  touch "$(printf 'two\\nlines')" "$(printf 'not-\\377-text')"; i=0; while [ $i -lt 200 ]; do echo $i > sub/deep/$i; i=$((i+1)); done`

const tree = (at) => `(set -- ${at}; ${TREE})`

/** Stressors that look at what they read, in three groups so that a failure has a short name. */
const STRESSORS = {
  names: 'chdir,dentry,dir,dirdeep,dirmany,filename,link,rename,symlink,touch,unlink',
  content: 'aiol,copy-file,hdd,fallocate,fpunch,iomix,mmapfiles,punch,readahead,revio,seek,sendfile,sync-file',
  rest: 'access,chmod,chown,file-ioctl,fiemap,flock,fsize,fstat,getdent,inode-flags,lease,locka,lockf,metamix,open,utime,xattr',
}

const stress = (name, list) => ({
  name: `stress-ng ${name}`,
  needs: [NEEDS.stress],
  // What this release of the program does not know, it is not asked.
  script: `cd $AT; [ "$FULL" = 1 ] && s=10 || s=1
    for one in $(echo ${list} | tr , ' '); do
      stress-ng --stressors | tr ' ' '\\n' | grep -qx -- $one || continue
      stress-ng --$one 1 --timeout $s --verify --temp-path $AT --hdd-bytes 8M --metrics-brief > $TMP/out 2>&1 \\
        && ! grep -q 'fail:' $TMP/out || { echo "$one:"; grep -E 'fail|error' $TMP/out | head -5; exit 1; }
    done`,
})

export const programs = [
  {
    name: 'fio, crc32c of every block',
    needs: [NEEDS.fio],
    short: true,
    script: `cd $AT; [ "$FULL" = 1 ] && size=64m || size=8m
      for how in 'write 128k' 'randwrite 4k' 'randwrite 3k' 'randrw 16k'; do set -- $how
        fio --name=$1-$2 --rw=$1 --bs=$2 --size=$size --verify=crc32c --do_verify=1 --verify_fatal=1 --end_fsync=1 --minimal > $TMP/out
      done
      fio --name=direct --rw=randwrite --bs=4k --size=$size --direct=1 --verify=crc32c --verify_fatal=1 --minimal > $TMP/out
      fio --name=mapped --rw=randwrite --bs=4k --size=$size --ioengine=mmap --verify=crc32c --verify_fatal=1 --minimal > $TMP/out`,
  },
  stress('names', STRESSORS.names),
  stress('content', STRESSORS.content),
  stress('the rest', STRESSORS.rest),
  {
    name: 'dbench',
    needs: [NEEDS.dbench],
    script: 'cd $AT; [ "$FULL" = 1 ] && s=30 || s=4; dbench -t $s -D $AT 2 > $TMP/out || { tail -3 $TMP/out; exit 1; }',
  },
  {
    name: 'bonnie++',
    needs: [NEEDS.bonnie],
    script:
      '[ "$FULL" = 1 ] && n=4 || n=1; bonnie++ -f -d $AT -s 64 -r 32 -n $n -u root -q > $TMP/out 2>&1 || { tail -3 $TMP/out; exit 1; }',
  },
  {
    name: 'fs_mark',
    needs: [NEEDS.fsmark],
    short: true,
    script:
      '[ "$FULL" = 1 ] && n=2000 || n=100; cd $AT; fs_mark -d . -s 5000 -n $n -t 2 -S 1 > $TMP/out 2>&1 || { tail -3 $TMP/out; exit 1; }',
  },
  {
    name: 'postmark',
    needs: [NEEDS.postmark],
    short: true,
    script: `[ "$FULL" = 1 ] && n=5000 || n=200
      printf 'set location %s\nset number %d\nset transactions %d\nset size 500 20000\nrun\nquit\n' $AT $n $n | postmark > $TMP/out
      grep -q 'Deleted' $TMP/out || grep -q deleted $TMP/out; ! grep -qi error $TMP/out; [ -z "$(ls -A $AT)" ]`,
  },
  {
    name: 'git: clone, commit, gc, fsck',
    needs: [NEEDS.git],
    short: true,
    script: `cd $TMP; git init -q from; cd from; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
      i=0; while [ $i -lt 60 ]; do mkdir -p d$((i%7)); head -c 3000 /dev/urandom | base64 > d$((i%7))/$i; i=$((i+1)); done
      git add .; git commit -qm one; cd $AT; git clone -q --no-hardlinks $TMP/from work; cd work
      for n in 1 2 3; do echo $n > d1/new; git mv d2/2 d2/two$n 2> /dev/null || :; git add .; git commit -qm $n; done
      git gc -q; git fsck --full --strict; git status --porcelain | grep . && exit 1; git clone -q . ../again; cd ../again; git fsck --full`,
  },
  {
    name: 'make: a C program, built and run',
    needs: [NEEDS.cc, NEEDS.make],
    short: true,
    script: `cd $AT; mkdir src; i=0
      while [ $i -lt 12 ]; do printf '#include "all.h"\\nint f%d(int x) { return x + %d; }\\n' $i $i > src/f$i.c; echo "int f$i(int);" >> src/all.h; i=$((i+1)); done
      { echo '#include "all.h"'; echo '#include <stdio.h>'; echo 'int main(void) { int x = 0;'; i=0; while [ $i -lt 12 ]; do echo "x = f$i(x);"; i=$((i+1)); done
        printf '%s\\n' 'printf("%d", x); return 0; }'; } > src/main.c
      printf 'OBJ := $(patsubst %%.c,%%.o,$(wildcard src/*.c))\\nall: prog\\nprog: $(OBJ)\\n\\t$(CC) -o $@ $^\\nsrc/%%.o: src/%%.c src/all.h\\n\\t$(CC) -g -c -o $@ $<\\n' > Makefile
      make -s -j2; [ "$(./prog)" = 66 ]; make -q; touch src/f3.c; ! make -q; make -s; [ "$(./prog)" = 66 ]`,
  },
  {
    name: 'SQLite: rollback journal and WAL, two writers',
    needs: [NEEDS.sqlite],
    short: true,
    script: `cd $AT; for mode in delete wal; do
        sqlite3 $mode.db "pragma journal_mode=$mode; create table t(a integer primary key, b text);" > /dev/null
        for writer in 1 2; do (i=0; while [ $i -lt 25 ]; do
          sqlite3 -cmd '.timeout 20000' $mode.db "begin immediate; insert into t(b) values(hex(randomblob(200))); commit"; i=$((i+1)); done) & done; wait
        [ "$(sqlite3 $mode.db 'select count(*) from t; pragma integrity_check')" = "$(printf '50\\nok')" ]
      done`,
  },
  {
    name: 'rsync -aHAX there and back',
    needs: [NEEDS.rsync, NEEDS.getfattr],
    short: true,
    script: `${tree('$TMP/tree')}; rsync -aHX --devices --specials $TMP/tree/ $AT/tree/; rsync -aHX --devices --specials $AT/tree/ $TMP/back/
      rsync -aHXni --checksum --delete --devices --specials $TMP/tree/ $AT/tree/ > $TMP/out; rsync -aHXni --checksum --delete --devices --specials $TMP/tree/ $TMP/back/ >> $TMP/out
      ! grep . $TMP/out`,
  },
  {
    name: 'cp -a, diff -r, tar, find, rm -r',
    needs: [NEEDS.getfattr],
    short: true,
    script: `${tree('$AT/tree')}; cd $AT; cp -a tree copy; rm tree/fifo copy/fifo tree/null copy/null; diff -r --no-dereference tree copy
      tar --xattrs --numeric-owner -cf $TMP/t.tar tree; mkdir un; tar --xattrs --numeric-owner -xpf $TMP/t.tar -C un; tar --xattrs --numeric-owner -df $TMP/t.tar -C un
      [ $(find un/tree -type f | wc -l) = $(find tree -type f | wc -l) ]; [ $(find . -samefile copy/small | wc -l) = 2 ]
      [ "$(getfattr --only-values -n user.colour un/tree/small)" = blue ]; find tree -newer tree/empty -name '1*' > /dev/null; rm -r tree copy un; [ -z "$(ls -A)" ]`,
  },
  {
    name: 'npm install of a project',
    needs: [NEEDS.npm],
    script: `mkdir -p $TMP/dep; cd $TMP/dep; printf '{"name":"dep","version":"1.0.0","main":"i.js"}' > package.json; echo 'module.exports = 42' > i.js
      cd $AT; printf '{"private":true,"dependencies":{"dep":"file:%s","commander":"14","abstract-level":"3"}}' $TMP/dep > package.json
      npm install --no-audit --no-fund --loglevel=error > $TMP/out 2>&1 || { tail -5 $TMP/out; exit 1; }
      node -e "require('commander'); if (require('dep') !== 42) process.exit(1)"; npm ls > /dev/null`,
  },
  {
    name: 'PostgreSQL: pgbench, crash of the server, amcheck',
    needs: [NEEDS.postgres],
    script: `bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1); chown postgres $AT $TMP; chmod 755 $TMP; as() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
      cd $AT; as $bin/initdb -D $AT/data -A trust > $TMP/out
      start() { as $bin/pg_ctl -w -t 90 -D $AT/data -o "-k $TMP -c listen_addresses= -c port=54329 -c shared_buffers=16MB" -l $AT/log start > $TMP/out; }
      start; as $bin/createdb -h $TMP -p 54329 b; as $bin/pgbench -h $TMP -p 54329 -i -s 2 b > $TMP/out 2>&1
      as $bin/pgbench -h $TMP -p 54329 -c 4 -t 100 b > $TMP/out 2>&1; as $bin/pg_ctl -D $AT/data -m immediate stop > $TMP/out; start
      [ "$(as $bin/psql -h $TMP -p 54329 -Atc 'select count(*) from pgbench_history' b)" = 400 ]
      as $bin/psql -h $TMP -p 54329 -Atc 'create extension amcheck; select count(bt_index_check(oid, true)) from pg_class where relkind = chr(105) and relam = 403' b > $TMP/out
      as $bin/pg_ctl -w -D $AT/data stop > $TMP/out`,
  },
]
