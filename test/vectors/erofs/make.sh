#!/bin/sh
# Makes the images in this folder, which are read by test/formats/erofs/vectors.test.ts.
#
# Run as root in an empty folder, with attr, openssl and the mkfs.erofs of erofs-utils 1.9.4, or a
# command in $MKFS that runs it there. Each image is what mkfs.erofs makes of one small tree with
# other options.
set -eu
umask 022
mkdir tree

(
  cd tree
  mkdir -p empty sub/deep
  seq 1 1500 > text
  cp text sub/text-copy
  head -c 5000 text > sub/text-start
  ln text sub/text-link
  {
    seq 1 700
    head -c 4100 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2> /dev/null
    seq 700 1400
  } > mixed
  yes 'a line that comes again and again' | head -c 300000 > long
  : > none
  echo tiny > sub/tiny
  truncate -s 200000 sparse
  printf middle | dd of=sparse bs=1 seek=100000 conv=notrunc 2> /dev/null
  ln -s ../text sub/deep/link
  ln -s "$(printf 'a/%.0s' $(seq 1 60))" long-link
  mkfifo fifo
  mknod char c 4 300
  mknod block b 8 17
  for number in $(seq 1 40); do echo "$number" > "sub/deep/file-$number"; done
  chmod 4755 sub/tiny
  chown 70000:5 mixed
  setfattr -n user.first -v one text mixed none long
  setfattr -n user.second.name -v "$(printf 'v%.0s' $(seq 1 200))" text
  setfattr -n security.selinux -v system_u:object_r:usr_t:s0 sub
  find . -exec touch -h -d @1600000000 {} +
  touch -d @1500000000.5 text
)

make() {
  name=$1
  shift
  rm -f "$name.erofs"
  ${MKFS:-mkfs.erofs} --quiet -T1600000000 --mkfs-time --preserve-mtime -L vector \
    -U 00010203-0405-0607-0809-0a0b0c0d0e0f "$@" "$name.erofs" tree
  gzip -9nf "$name.erofs"
}

make plain
make plain-512 -b512
make no-inline -Enoinline_data
make chunks --chunksize=4096
make chunk-indexes --chunksize=8192 -Eforce-chunk-indexes
make lz4 -zlz4
make lz4-legacy -zlz4 -Elegacy-compress
make lz4-big -zlz4hc -C16384
make lz4-1024 -zlz4 -b1024
make zstd -zzstd -C8192
make deflate -zdeflate -C8192
make ztailpacking -zlz4 -C8192 -Eztailpacking
make fragments -zlz4 -Efragments
make all-fragments -zzstd -C65536 -Eall-fragments
make dedupe -zlz4 -C8192 -Ededupe
make everything -zzstd -C8192 -Ededupe,fragments,ztailpacking
make 48bit -E48bit
make 48bit-zstd -zzstd -C16384 -E48bit
make 48bit-fragments -zdeflate -C16384 -E48bit,fragments
make 48bit-dedupe -zlz4 -C16384 -E48bit,dedupe
make prefixes --xattr-prefix=user.second. --xattr-prefix=security.se
make prefixes-packed -zlz4 -Efragments --xattr-prefix=user.second.
make lzma -zlzma
make metabox -zlz4 -m4096
