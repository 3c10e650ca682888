/**
 * Programs of others that a mount has to carry. `script` runs in sh with -eu in an empty directory `$AT` of the mount; `$TMP` is an empty
 * directory elsewhere, `$FULL` is 1 for the long form. A check passes when its script ends with 0, and is left out, by its last line, when it ends
 * with 77. `flags`: how it is mounted.
 */

const NEEDS = {
  acl: { command: 'setfacl', package: 'acl' },
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
    needs: [NEEDS.rsync, NEEDS.getfattr, NEEDS.acl],
    short: true,
    script: `${tree('$TMP/tree')}; cd $TMP/tree; setfacl -m u:1234:rw,g:2345:r big; setfacl -m d:u:77:rx,u:77:x sub/deep; cd $TMP
      rsync -aHAX $TMP/tree/ $AT/tree/; acls() { find . -print0 | sort -z | xargs -0 getfacl; }; [ "$(cd $TMP/tree; acls)" = "$(cd $AT/tree; acls)" ]; rsync -aHAX $AT/tree/ $TMP/back/
      rsync -aHAXni --checksum --delete $TMP/tree/ $AT/tree/ > $TMP/out; rsync -aHAXni --checksum --delete $TMP/tree/ $TMP/back/ >> $TMP/out
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
    name: 'npm install of a project, typescript and esbuild at work in it',
    needs: [NEEDS.npm],
    script: `mkdir -p $TMP/dep; cd $TMP/dep; printf '{"name":"dep","version":"1.0.0","main":"i.js"}' > package.json; echo 'module.exports = 42' > i.js
      npm view commander version > $TMP/out 2>&1 || { echo 'no registry of packages can be reached'; exit 77; }
      cd $AT; printf '{"private":true,"dependencies":{"dep":"file:%s","commander":"14","express":"5","typescript":"5","esbuild":"0.25"}}' $TMP/dep > package.json
      npm install --no-audit --no-fund --loglevel=error > $TMP/out 2>&1 || { tail -5 $TMP/out; exit 1; }
      printf 'import { Command } from "commander"; const n: string = new Command("x").name(); console.log(n.toUpperCase())' > a.ts
      npx tsc --noEmit --module nodenext --skipLibCheck --lib es2022,dom a.ts; npx esbuild a.ts --bundle --platform=node --outfile=a.js --log-level=error
      [ "$(node a.js)" = X ]; node -e "require('express'); if (require('dep') !== 42) process.exit(1)"; npm ls > /dev/null; rm -r node_modules; npm ci --no-audit --no-fund --loglevel=error > $TMP/out 2>&1; npm ls > /dev/null`,
  },
  {
    name: 'PostgreSQL: pgbench, killed under load, amcheck',
    needs: [NEEDS.postgres],
    script: `bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1); chown postgres $AT $TMP; chmod 755 $TMP; as() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
      cd $AT; as $bin/initdb -D $AT/data -A trust --data-checksums > $TMP/out; at="-h $TMP -p 54329"
      start() { as $bin/pg_ctl -w -t 90 -D $AT/data -o "-k $TMP -c listen_addresses= -c port=54329 -c shared_buffers=16MB" -l $AT/log start > $TMP/out || { tail -4 $AT/log; exit 1; }; }
      trap 'as $bin/pg_ctl -D $AT/data -m immediate stop > $TMP/out 2>&1 || :' EXIT
      count() { as $bin/psql $at -Atc 'select count(*) from pgbench_history' b; }
      start; as $bin/createdb $at b; as $bin/pgbench $at -i -s 2 b > $TMP/out 2>&1; as $bin/pgbench $at -c 4 -t 50 b > $TMP/out 2>&1; [ "$(count)" = 200 ]
      [ "$FULL" = 1 ] && rounds=5 || rounds=1; least=200
      while [ $rounds -gt 0 ]; do rounds=$((rounds-1))
        # Whoever was told of a commit finds it again: clients write one line for each.
        (cd $TMP; as $bin/pgbench -n $at -c 2 -T 60 --log --log-prefix=$TMP/tx b > $TMP/bench 2>&1 || :) & sleep 3
        master=$(head -1 $AT/data/postmaster.pid); kill -9 $master $(pgrep -P $master); wait; rm -f $AT/data/postmaster.pid $TMP/.s.PGSQL*; told=$(cat $TMP/tx.* | wc -l); rm $TMP/tx.*
        start; now=$(count); [ $now -ge $((least + told)) ] || { echo "$now transactions of $((least + told))"; exit 1; }; least=$now
      done
      as $bin/pg_amcheck $at --install-missing --heapallindexed --parent-check b > $TMP/out 2>&1 || { tail -3 $TMP/out; exit 1; }
      as $bin/pg_ctl -w -D $AT/data stop > $TMP/out; as $bin/pg_checksums -D $AT/data --check > $TMP/out`,
  },
  {
    name: 'writeback: mapped memory, SQLite, fio, two programs on one file',
    needs: [NEEDS.fio, NEEDS.sqlite],
    short: true,
    flags: ['--writeback'],
    script: `cd $AT; [ "$FULL" = 1 ] && size=64m || size=8m
      fio --name=mapped --rw=randrw --bs=4k --size=$size --ioengine=mmap --verify=crc32c --verify_fatal=1 --minimal > $TMP/out
      fio --name=small --rw=randwrite --bs=700 --size=1m --verify=crc32c --verify_fatal=1 --end_fsync=1 --minimal > $TMP/out
      sqlite3 -cmd 'pragma mmap_size=100000000' m.db 'pragma journal_mode=wal; create table t(a, b); with recursive n(i) as (select 1 union all select i+1 from n where i<5000) insert into t select i, hex(randomblob(50)) from n; select count(*) from t; pragma integrity_check' > $TMP/out
      [ "$(tail -2 $TMP/out)" = "$(printf '5000\nok')" ]
      for w in a b c; do (i=0; while [ $i -lt 200 ]; do echo $w$i >> lines; i=$((i+1)); done) & done; wait; [ "$(sort -u lines | wc -l)" = 600 ]
      touch -d '2001-02-03 04:05:06' old; [ "$(stat -c %Y old)" = "$(date -d '2001-02-03 04:05:06' +%s)" ]`,
  },
]
