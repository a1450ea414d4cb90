/**
 * EROFS as it lies on disk: every structure, constant and limit, and nothing that computes.
 *
 * Names are those of the specification without their prefixes (`i_xattr_icount` is
 * `xattrIcount`). All integers are little-endian. Code that is too hot for {@link decode} takes
 * the byte positions from `.offsets` and `.size` of the same declarations.
 *
 * See https://erofs.docs.kernel.org/en/latest/core_ondisk.html and
 * Documentation/filesystems/erofs.rst in the Linux sources.
 */

import {
  bytes,
  type Infer,
  i64le,
  struct,
  u8,
  u16le,
  u32le,
  u64le,
  uuid,
} from '../../bytes/struct.ts'

/** The name under which FormatErrors of this folder appear. */
export const EROFS = 'erofs'

// -- Superblock

/** Absolute byte offset of the superblock, whatever the block size. */
export const SUPERBLOCK_OFFSET = 1024

export const MAGIC = 0xe0f5e1e2

/** Bytes of one superblock extension slot; the superblock is 128 + 16 · sbExtslots bytes. */
export const EXTSLOT_SIZE = 16

/** Superblock, 128 bytes. */
export const Superblock = struct({
  magic: u32le,
  checksum: u32le, // CRC-32C register, not inverted
  featureCompat: u32le,
  blkszbits: u8, // log2(block size)
  sbExtslots: u8,
  rootnid2b: u16le, // blocks_hi instead where INCOMPAT.FORTY_EIGHT_BIT and rootnid8b are set
  inos: u64le,
  epoch: u64le, // seconds: mtime of compact inodes
  fixedNsec: u32le,
  blocksLo: u32le,
  metaBlkaddr: u32le,
  xattrBlkaddr: u32le,
  uuid,
  volumeName: bytes(16), // NUL padded, at most 15 bytes of text
  featureIncompat: u32le,
  availableComprAlgs: u16le, // lz4_max_distance instead without INCOMPAT.COMPR_CFGS
  extraDevices: u16le,
  devtSlotoff: u16le, // in units of 128 bytes
  dirblkbits: u8,
  xattrPrefixCount: u8,
  xattrPrefixStart: u32le, // in units of 4 bytes
  packedNid: u64le,
  xattrFilterReserved: u8,
  ishareXattrPrefixId: u8,
  reserved: u16le,
  buildTime: u32le, // seconds after epoch
  rootnid8b: u64le,
  reserved2: u64le,
})
export type Superblock = Infer<typeof Superblock>

/** Longest volume name in bytes: kernels up to 6.12 refuse a name without a NUL. */
export const MAX_VOLUME_NAME = 15

/** `featureCompat` bits; unknown ones are ignored. */
export const COMPAT = {
  SB_CHKSUM: 0x1,
  MTIME: 0x2,
  XATTR_FILTER: 0x4,
  SHARED_EA_IN_METABOX: 0x8,
  PLAIN_XATTR_PFX: 0x10,
  ISHARE_XATTRS: 0x20,
} as const

/** `featureIncompat` bits; an unknown one makes the kernel refuse the mount. Some share a bit. */
export const INCOMPAT = {
  ZERO_PADDING: 0x1,
  COMPR_CFGS: 0x2,
  BIG_PCLUSTER: 0x2,
  CHUNKED_FILE: 0x4,
  DEVICE_TABLE: 0x8,
  COMPR_HEAD2: 0x8,
  ZTAILPACKING: 0x10,
  FRAGMENTS: 0x20,
  DEDUPE: 0x20,
  XATTR_PREFIXES: 0x40,
  FORTY_EIGHT_BIT: 0x80,
  METABOX: 0x100,
} as const

/**
 * Values of `inos` that are a magic of Minix, of either byte order, at the place where Minix has it.
 * libblkid 2.41 then finds two file systems and names none, so systemd 257 refuses the image.
 */
const MINIX_MAGICS: readonly number[] = [0x137f, 0x138f, 0x7f13, 0x8f13]

/** What `inos` says of so many inodes: one more where the number itself would be misread. */
export function storedInodeCount(inodes: number): number {
  return MINIX_MAGICS.includes(inodes & 0xffff) ? inodes + 1 : inodes
}

/** The block size we write; readers accept 512 bytes to 64 KiB. */
export const BLOCK_SIZE = 4096
export const BLKSZBITS = 12

/** Block size bits the format allows. */
export const MIN_BLKSZBITS = 9
export const MAX_BLKSZBITS = 16

// -- Compression records: behind the superblock with INCOMPAT.COMPR_CFGS, in order of the bits

/** Values of the algorithm nibbles; bit `1 << value` of `availableComprAlgs` announces it. */
export const ALGORITHM = { LZ4: 0, LZMA: 1, DEFLATE: 2, ZSTD: 3 } as const

/** In front of every record: size of the payload that follows. Records align to 4 bytes. */
export const ComprCfgHeader = struct({ length: u16le })

export const Lz4Cfgs = struct({
  maxDistance: u16le, // 0: 64 KiB
  maxPclusterblks: u16le, // at most 256
  reserved: bytes(10),
})
export type Lz4Cfgs = Infer<typeof Lz4Cfgs>

export const LzmaCfgs = struct({ dictSize: u32le, format: u16le, reserved: bytes(8) })
export type LzmaCfgs = Infer<typeof LzmaCfgs>

export const DeflateCfgs = struct({ windowbits: u8, reserved: bytes(5) })
export type DeflateCfgs = Infer<typeof DeflateCfgs>

export const ZstdCfgs = struct({
  format: u8, // 0
  windowlog: u8, // log2(window) - 10
  reserved: bytes(4),
})
export type ZstdCfgs = Infer<typeof ZstdCfgs>

/** Subtracted from log2 of the window in {@link ZstdCfgs}. */
export const ZSTD_WINDOWLOG_MIN = 10

/** Largest `windowlog` of {@link ZstdCfgs}: a window of 1 MiB. */
export const ZSTD_WINDOWLOG_MAX = 10

/** Largest `maxPclusterblks` the kernel mounts. */
export const MAX_PCLUSTERBLKS = 256

// -- Inodes

/** An inode lies at metaBlkaddr · block size + nid · 32. */
export const INODE_SLOT_SIZE = 32

/** Compact inode, 32 bytes: mtime is that of the superblock. */
export const CompactInode = struct({
  format: u16le,
  xattrIcount: u16le,
  mode: u16le, // type and permissions as in st_mode
  nlink: u16le, // or startblk_hi / blocks_hi, see FORMAT_NLINK_1
  size: u32le,
  mtime: u32le, // seconds after epoch, Linux 6.15; 0 otherwise
  u: u32le,
  ino: u32le,
  uid: u16le,
  gid: u16le,
  reserved: u32le,
})
export type CompactInode = Infer<typeof CompactInode>

/** Extended inode, 64 bytes. */
export const ExtendedInode = struct({
  format: u16le,
  xattrIcount: u16le,
  mode: u16le,
  startblkHi: u16le, // 0 without INCOMPAT.FORTY_EIGHT_BIT
  size: u64le,
  u: u32le,
  ino: u32le,
  uid: u32le,
  gid: u32le,
  mtime: i64le,
  mtimeNsec: u32le,
  nlink: u32le,
  reserved: bytes(16),
})
export type ExtendedInode = Infer<typeof ExtendedInode>

/** Bit 0 of `format`: the inode is extended. */
export const FORMAT_EXTENDED = 0x1
/** Bits 1–3 of `format` hold the data layout. */
export const FORMAT_LAYOUT_SHIFT = 1
export const FORMAT_LAYOUT_MASK = 0x7
/** Bit 4, INCOMPAT.FORTY_EIGHT_BIT only: a compact file has one link and `nlink` is startblk_hi. */
export const FORMAT_NLINK_1 = 0x10
/** Bit 4, INCOMPAT.FORTY_EIGHT_BIT only: a directory does not store its `.` entry. */
export const FORMAT_DOT_OMITTED = 0x10
/** Bits of `format` that must be zero. */
export const FORMAT_RESERVED = 0xffe0

/** Data layouts: what follows the inode and its xattrs. */
export const LAYOUT = {
  /** Nothing follows; all blocks start at `u`. */
  FLAT_PLAIN: 0,
  /** Map header and 8-byte indexes, or encoded extents. */
  COMPRESSED_FULL: 1,
  /** The tail, inside one block; the full blocks start at `u`. */
  FLAT_INLINE: 2,
  /** Map header and packed indexes. */
  COMPRESSED_COMPACT: 3,
  /** Chunk map. */
  CHUNK_BASED: 4,
} as const

/** Types in `mode`, as in <sys/stat.h>. */
export const S_IFMT = 0o170000
export const S_IFIFO = 0o010000
export const S_IFCHR = 0o020000
export const S_IFDIR = 0o040000
export const S_IFBLK = 0o060000
export const S_IFREG = 0o100000
export const S_IFLNK = 0o120000
export const S_IFSOCK = 0o140000

/** What fits a compact inode. */
export const COMPACT_MAX_SIZE = 0xffffffff
export const COMPACT_MAX_ID = 0xffff
export const COMPACT_MAX_NLINK = 0xffff

// -- Chunk-based files

/** Bits 0–4 of `u`: chunk size is block size << bits. */
export const CHUNK_FORMAT_BLKBITS_MASK = 0x1f
/** The map has 8-byte entries. */
export const CHUNK_FORMAT_INDEXES = 0x20
/** `startblkHi` of the entries counts. */
export const CHUNK_FORMAT_48BIT = 0x40

/** Entry of the chunk map with CHUNK_FORMAT_INDEXES; else entries are bare 32-bit blocks. */
export const ChunkIndex = struct({ startblkHi: u16le, deviceId: u16le, startblkLo: u32le })
export type ChunkIndex = Infer<typeof ChunkIndex>

export const BLOCK_MAP_ENTRY_SIZE = 4

/** "No block": a hole. With 48-bit addresses all 48 bits are set. */
export const NULL_ADDR = 0xffffffff
export const NULL_ADDR_48 = 0xffffffffffff

// -- Directories

/** Directory entry, 12 bytes; the names follow all entries of a block. */
export const Dirent = struct({ nid: u64le, nameoff: u16le, fileType: u8, reserved: u8 })
export type Dirent = Infer<typeof Dirent>

/** `fileType` of a directory entry; must match the inode. */
export const FILE_TYPE = {
  UNKNOWN: 0,
  REG_FILE: 1,
  DIR: 2,
  CHRDEV: 3,
  BLKDEV: 4,
  FIFO: 5,
  SOCK: 6,
  SYMLINK: 7,
} as const

/** Longest file name in bytes. */
export const NAME_LEN = 255

/** Longest symlink target in bytes that Linux can follow. */
export const SYMLINK_MAX = 4095

// -- Extended attributes

/** In front of the inline area; `sharedCount` 32-bit ids and then entries follow. */
export const XattrIbodyHeader = struct({
  nameFilter: u32le, // inverted Bloom filter: a set bit says "absent"
  sharedCount: u8,
  reserved: bytes(7),
})
export type XattrIbodyHeader = Infer<typeof XattrIbodyHeader>

/** Unit of `xattrIcount`, of shared ids, and of the padding of entries. */
export const XATTR_UNIT = 4

/** Entry, followed by the name without its prefix and the value, padded to 4 bytes. */
export const XattrEntry = struct({ nameLen: u8, nameIndex: u8, valueSize: u16le })
export type XattrEntry = Infer<typeof XattrEntry>

/** Prefixes by `nameIndex`; index 5 (lustre) is unused. The two ACLs have no suffix. */
export const XATTR_PREFIX: Readonly<Record<number, string>> = {
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
}

/** `nameIndex` bit: the lower bits choose one of the long prefixes of the superblock. */
export const XATTR_LONG_PREFIX = 0x80

export const MAX_XATTR_SUFFIX = 255
export const MAX_XATTR_VALUE = 0xffff
export const MAX_SHARED_XATTRS = 255
export const MAX_XATTR_ICOUNT = 0xffff

/** Added to `nameIndex` as the seed of XXH32 for the name filter. */
export const XATTR_FILTER_SEED = 0x25bbe08f
export const XATTR_FILTER_BITS = 32

// -- Compressed files

/** Map header, 8 bytes, at the next multiple of 8 behind inode and xattrs. */
export const MapHeader = struct({
  /** Low half of the fragment offset; or 16 reserved bits and h_idata_size; or extent count. */
  fragmentoff: u32le,
  advise: u16le, // extent count, high half, with encoded extents of 16 or 32 bytes
  algorithmtype: u8, // low nibble HEAD1, high nibble HEAD2
  clusterbits: u8,
})
export type MapHeader = Infer<typeof MapHeader>

/** `advise` bits of the map header. */
export const ADVISE = {
  /** Compact layout: packs of 16 indexes may be used. */
  COMPACTED_2B: 0x1,
  /** Full layout: encoded extents; the next two bits are log2(record size) - 2. */
  EXTENTS: 0x1,
  BIG_PCLUSTER_1: 0x2,
  BIG_PCLUSTER_2: 0x4,
  INLINE_PCLUSTER: 0x8,
  INTERLACED_PCLUSTER: 0x10,
  FRAGMENT_PCLUSTER: 0x20,
} as const

export const ADVISE_EXTRECSZ_SHIFT = 1
export const ADVISE_EXTRECSZ_MASK = 0x3

/** `clusterbits` bits 0–3: log2(lcluster size / block size). */
export const CLUSTERBITS_MASK = 0xf
/** `clusterbits` bit 7: the whole file is a fragment; the other 63 bits of the header say where. */
export const CLUSTERBITS_FRAGMENT_INODE = 0x80

/** Index entry of the full layout, 8 bytes. */
export const LclusterIndex = struct({
  advise: u16le, // bits 0-1: LCLUSTER_TYPE
  clusterofs: u16le,
  blkaddr: u32le, // NONHEAD: delta0 in the low half, delta1 in the high half
})
export type LclusterIndex = Infer<typeof LclusterIndex>

/** Reserved bytes between map header and the indexes of the full layout. */
export const FULL_INDEX_PADDING = 8

export const LCLUSTER_TYPE = { PLAIN: 0, HEAD1: 1, NONHEAD: 2, HEAD2: 3 } as const
export const LCLUSTER_TYPE_MASK = 0x3

/** `advise` of a head: the extent is only a prefix of what its pcluster decodes to. */
export const LCLUSTER_PARTIAL_REF = 0x8000

/** Set in delta0 of the first NONHEAD of an extent: the other bits count blocks of its pcluster. */
export const D0_CBLKCNT = 0x800

/** Largest delta, and largest block count beside {@link D0_CBLKCNT}. */
export const MAX_DELTA = 0x7ff

/** Packs of the compact layout: `entries` of `bits` each, then a 32-bit base block. */
export const PACK_4B = { entries: 2, bits: 16, size: 8 } as const
export const PACK_2B = { entries: 16, bits: 14, size: 32 } as const

/** Position of the two type bits in an entry of a pack, for lclusters up to 4 KiB. */
export const PACK_TYPE_SHIFT = 12

/** Most encoded and decoded bytes of one pcluster the kernel accepts. */
export const PCLUSTER_MAX_SIZE = 1024 * 1024
export const PCLUSTER_MAX_DSIZE = 12 * 1024 * 1024

// -- Encoded extents, Linux 6.15

/** Record of 32 bytes; shorter record sizes (4, 8, 16) are prefixes of it. */
export const ExtentRecord = struct({
  plen: u32le,
  pstartLo: u32le,
  pstartHi: u32le,
  lstartLo: u32le,
  lstartHi: u32le,
  reserved: bytes(12),
})
export type ExtentRecord = Infer<typeof ExtentRecord>

/** `plen` bits 0–20: encoded bytes; 0 is a hole. */
export const EXTENT_PLEN_MASK = 0x1fffff
/** `plen` bit 27: partial reference. */
export const EXTENT_PLEN_PARTIAL = 0x08000000
/** `plen` bits 28–31: algorithm + 1, or 0 for uncompressed. */
export const EXTENT_PLEN_FMT_SHIFT = 28
