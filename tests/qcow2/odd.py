# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that are written here, table by table, with one or two things in them that are odd.

Each oddity is a function below ODDITIES that changes an image before it is written. Its name says
what is odd; expectations.py goes by these names.
"""

import os
import random
import shutil
import struct
import subprocess
import zlib

COPIED = 1 << 63
COMPRESSED = 1 << 62
ZERO = 1
SECTOR = 512
MIB = 1 << 20
ALL_ONES = (1 << 64) - 1

END, FORMAT, FEATURES = 0, 0xE2792ACA, 0x6803F857
BITMAPS, DATA_FILE, ENCRYPTION = 0x23852875, 0x44415441, 0x0537BE77


class Image:
    """What goes into the file; every field may be changed until write()."""

    def __init__(self, lots, needs="", small=False):
        self.lots = lots
        self.small = small
        self.version = 3 if needs else lots.choice([2, 3, 3, 3])
        self.cluster_bits = lots.choice([9, 10, 12, 12, 14, 16, 16, 18, 21])
        if small:
            self.cluster_bits = 9
        if needs == "extended":
            self.cluster_bits = max(14, self.cluster_bits)
        self.cluster = 1 << self.cluster_bits
        self.extended = (self.version == 3 and self.cluster_bits >= 14 and
                         (needs == "extended" or lots.random() < 0.5))
        self.zstd = (self.version == 3 and (needs == "zstd" or lots.random() < 0.3) and
                     shutil.which("zstd") is not None)
        self.per_table = self.cluster // (16 if self.extended else 8)
        self.l2_count = 2 if self.cluster_bits < 12 else 1
        self.clusters = min(self.per_table * self.l2_count,
                            8 if small else max(8, min(80, MIB >> self.cluster_bits)))
        self.size = self.clusters * self.cluster - lots.choice([0, 0, 512, 5 * 512])
        self.header_length = lots.choice([104, 112, 112])
        if self.zstd:
            self.header_length = 112
        self.incompatible = (16 if self.extended else 0) | (8 if self.zstd else 0)
        self.compatible = 0
        self.autoclear = 0
        self.refcount_order = lots.choice([4, 4, 0, 6]) if self.version == 3 else 4
        self.crypt = 0
        self.extensions = []
        self.raw_extensions = None
        self.backing = None
        self.backing_offset = None
        self.backing_length = None
        self.snapshots = 0
        self.snapshot_offset = 0
        self.snapshot_table = None
        self.header_bits = self.cluster_bits
        self.magic = 0x514649FB
        self.header_version = self.version
        self.rt_offset = self.cluster
        self.rt_clusters = 1
        self.compression_type = 1 if self.zstd else 0
        self.l1_offset = 3 * self.cluster
        self.l1 = [(4 + i) * self.cluster | COPIED for i in range(self.l2_count)]
        self.l1_entries = None
        self.header_size = None
        self.next = (4 + self.l2_count) * self.cluster
        self.l2 = [[0, 0] for _ in range(self.per_table * self.l2_count)]
        self.pieces = {}
        self.end = None
        self.cut = 0
        self.by_kind = {"data": [], "compressed": [], "zero": [], "unallocated": []}
        self.raw_data_file = False
        self.fill()

    # --- content ---

    def content(self):
        lots = self.lots
        if self.small:
            return b"abcabcabc".ljust(self.cluster - 16, b"\0") + lots.randbytes(16)
        text = b"%d of %d; " % (lots.randrange(10 ** 9), lots.randrange(10 ** 6))
        data = (text * (self.cluster // len(text) + 1))[:self.cluster]
        noise = lots.randbytes(min(self.cluster // 4, 2000))
        return noise + data[len(noise):]

    def fill(self):
        kinds = list(self.by_kind)
        for index in range(self.clusters):
            # The first few have all kinds.
            kind = kinds[index] if index < len(kinds) else self.lots.choice(kinds)
            if kind == "zero" and self.version == 2:
                kind = "unallocated"
            self.by_kind[kind].append(index)
            if kind == "data":
                self.add_data(index)
            elif kind == "compressed":
                self.add_blob(index, self.encoded(self.content()))
            elif kind == "zero":
                self.l2[index] = [0, ALL_ONES << 32 & ALL_ONES] if self.extended else [ZERO, 0]
        if not self.by_kind["zero"]:
            self.by_kind["zero"] = self.by_kind["unallocated"]

    def take(self, size):
        """An offset of a cluster and as many behind it as are needed."""
        offset = self.next
        self.next += (size + self.cluster - 1) // self.cluster * self.cluster
        return offset

    def add_data(self, index, content=None):
        offset = self.take(self.cluster)
        self.pieces[offset] = content or self.content()
        self.l2[index] = [offset | COPIED, ALL_ONES >> 32]

    def add_blob(self, index, blob, sectors=None, offset=None):
        if offset is None:
            offset = self.take(2 * self.cluster) + self.lots.randrange(0, self.cluster // 2)
            self.pieces[offset] = blob
        shift = 70 - self.cluster_bits
        if sectors is None:
            sectors = (offset + len(blob) - 1) // SECTOR - offset // SECTOR
        self.l2[index] = [COMPRESSED | sectors << shift | offset, 0]

    def encoded(self, content, *options):
        if self.zstd:
            return subprocess.run(["zstd", "-q", "-c", f"--stream-size={len(content)}",
                                   *(options or ["--no-check"])],
                                  input=content, stdout=subprocess.PIPE, check=True).stdout
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        return packer.compress(content) + packer.flush()

    def one(self, kind):
        return self.lots.choice(self.by_kind[kind])

    # --- the file ---

    def header(self):
        entries = self.l1_entries if self.l1_entries is not None else len(self.l1)
        fixed = struct.pack(">IIQIIQIIQQIIQ", self.magic, self.header_version,
                            0, 0, self.header_bits, self.size, self.crypt, entries,
                            self.l1_offset, self.rt_offset, self.rt_clusters, self.snapshots,
                            self.snapshot_offset)
        if self.version == 3:
            fixed += struct.pack(">QQQII", self.incompatible, self.compatible, self.autoclear,
                                 self.refcount_order, self.header_length)
            fixed += bytes([self.compression_type])
            fixed = fixed[:max(104, self.header_length)].ljust(self.header_length, b"\0")
        extensions = self.raw_extensions
        if extensions is None:
            extensions = b"".join(struct.pack(">II", kind, len(data)) + data +
                                  bytes(-len(data) % 8)
                                  for kind, data in self.extensions + [(END, b"")])
        header = fixed + extensions
        if self.backing is not None:
            offset = self.backing_offset
            if offset is None:
                offset = len(header)
            length = self.backing_length
            if length is None:
                length = len(self.backing)
            header = header[:8] + struct.pack(">QI", offset, length) + header[20:]
            if offset < self.cluster:
                header = header.ljust(offset, b"\0") + self.backing
        return header[:self.cluster]

    def write(self, path):
        l2_size = 16 if self.extended else 8
        with open(path, "wb") as file:
            def put(offset, data):
                if offset < 1 << 33:
                    file.seek(offset)
                    file.write(data)
            for offset, data in self.pieces.items():
                put(offset, data)
            for number in range(self.l2_count):
                rows = self.l2[number * self.per_table:(number + 1) * self.per_table]
                table = b"".join(struct.pack(">QQ", *row)[:l2_size] for row in rows)
                put((4 + number) * self.cluster, table)
            put(2 * self.cluster, bytes(self.cluster))
            put(self.cluster, struct.pack(">Q", 2 * self.cluster).ljust(self.cluster, b"\0"))
            if self.snapshot_table is not None:
                put(self.snapshot_offset, self.snapshot_table)
            table = b"".join(struct.pack(">Q", entry) for entry in self.l1)
            if self.l1_offset % SECTOR == 0 and self.l1_offset != 0:
                put(self.l1_offset, table)
            put(0, self.header())
            end = self.end if self.end is not None else self.next
            file.truncate(max(0, end - self.cut))


def write_raw(directory, name, lots, size):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write((b"%d below " % lots.randrange(10 ** 6)) * 1000)
        file.truncate(size)


# --- what can be odd ------------------------------------------------------------------------------

def plain(_image):
    pass


def l1_reserved_bits(image):
    image.l1[0] |= image.lots.choice([1, 0x1fe, 1 << 56, 1 << 61, 1 << 62])


def l2_reserved_bits(image):
    image.l2[image.one("data")][0] |= image.lots.choice([2, 0x1fe, 1 << 56, 1 << 57, 1 << 61])


def zero_entry_reserved_bits(image):
    image.l2[image.one("zero")][0] |= image.lots.choice([2, 0x1fe, 1 << 56, COPIED])


def l1_unaligned(image):
    if image.cluster > SECTOR:
        image.l1[0] += image.lots.choice([512, image.cluster // 2])


def data_unaligned(image):
    if image.cluster > SECTOR:
        image.l2[image.one("data")][0] += image.lots.choice([512, image.cluster // 2])


def zero_with_unaligned_offset(image):
    if image.cluster > SECTOR:
        image.l2[image.one("zero")][0] |= 512


def data_starts_behind_end(image):
    offset = image.next + image.lots.choice([0, 1, 1000, 1 << 20]) * image.cluster
    image.l2[image.one("data")][0] = offset | COPIED


def data_far_behind_end(image):
    image.l2[image.one("data")][0] = (1 << 56) - image.cluster | COPIED


def data_ends_behind_end(image):
    image.add_data(image.one("data"))
    image.cut = image.lots.choice([1, 511, 512, image.cluster - 1, image.cluster // 2])


def l2_table_behind_end(image):
    image.l1[0] = image.next + image.lots.choice([0, 1, 77]) * image.cluster | COPIED


def l2_table_ends_behind_end(image):
    offset = image.take(image.cluster)
    rows = image.l2[:image.per_table]
    width = 16 if image.extended else 8
    image.pieces[offset] = b"".join(struct.pack(">QQ", *row)[:width] for row in rows)
    image.l1[0] = offset | COPIED
    image.cut = image.lots.choice([1, 256, image.cluster // 2])


def l1_table_behind_end(image):
    image.l1_offset = image.next + image.lots.choice([0, 1, 99]) * image.cluster
    image.end = image.next


def l1_table_ends_behind_end(image):
    image.l1_offset = image.take(image.cluster)
    image.end = image.l1_offset + image.lots.choice([1, 4, 7])


def l1_table_unaligned(image):
    image.l1_offset += image.lots.choice([8, 512])


def l1_table_over_header(image):
    image.l1_offset = 0


def l2_table_over_header(image):
    image.l1[0] = COPIED | 0
    image.l1[0] |= image.lots.choice([0, 1])


def data_over_header(image):
    image.l2[image.one("data")][0] = image.cluster  # the refcount table


def data_shared(image):
    image.l2[image.one("data")][0] = image.l2[image.one("data")][0]


def copied_on_compressed(image):
    image.l2[image.one("compressed")][0] |= COPIED


def zero_flag_with_offset(image):
    image.l2[image.one("data")][0] |= ZERO


def zero_flag_on_unallocated(image):
    image.l2[image.one("unallocated")][0] |= ZERO


def subclusters_both_bits(image):
    row = image.l2[image.one("data")]
    row[1] = image.lots.choice([1 | 1 << 32, ALL_ONES, 0xffffffff | 1 << 40])


def subclusters_without_offset(image):
    image.l2[image.one("unallocated")][1] = image.lots.choice([1, 1 << 31, 0xffffffff])


def subclusters_mixed(image):
    for index in image.by_kind["data"]:
        allocated = image.lots.getrandbits(32)
        zeros = image.lots.getrandbits(32) & ~allocated
        image.l2[index][1] = zeros << 32 | allocated


def subclusters_zero_without_offset(image):
    image.l2[image.one("unallocated")][1] = image.lots.getrandbits(32) << 32


def compressed_with_second_word(image):
    image.l2[image.one("compressed")][1] = image.lots.choice([1, 1 << 32, ALL_ONES])


def blob_cut_in_sectors(image):
    """The entry has a sector less than the blob needs."""
    index = image.one("compressed")
    shift = 70 - image.cluster_bits
    if image.l2[index][0] >> shift & ((1 << (image.cluster_bits - 8)) - 1):
        image.l2[index][0] -= 1 << shift


def blob_with_more_sectors(image):
    index = image.one("compressed")
    shift = 70 - image.cluster_bits
    room = (1 << (image.cluster_bits - 8)) - 1 - (image.l2[index][0] >> shift &
                                                   ((1 << (image.cluster_bits - 8)) - 1))
    image.l2[index][0] += image.lots.randrange(0, room + 1) << shift


def blob_damaged(image):
    index = image.one("compressed")
    offset = image.l2[index][0] & ((1 << (70 - image.cluster_bits)) - 1)
    blob = bytearray(image.pieces[offset])
    for _ in range(image.lots.randrange(1, 4)):
        blob[image.lots.randrange(0, len(blob))] ^= 1 << image.lots.randrange(0, 8)
    image.pieces[offset] = bytes(blob)


def blob_truncated(image):
    image.add_blob(image.one("compressed"),
                   image.encoded(image.content())[:-image.lots.randrange(1, 9)])


def blob_of_zeros(image):
    index = image.one("compressed")
    offset = image.l2[index][0] & ((1 << (70 - image.cluster_bits)) - 1)
    image.pieces[offset] = bytes(len(image.pieces[offset]))


def blob_too_short(image):
    image.add_blob(image.one("compressed"), image.encoded(image.content()[:-1]))


def blob_too_long(image):
    image.add_blob(image.one("compressed"), image.encoded(image.content() + b"more"))


def blob_in_two_frames(image):
    content = image.content()
    image.add_blob(image.one("compressed"),
                   image.encoded(content[:100]) + image.encoded(content[100:]))


def blob_with_checksum(image):
    image.add_blob(image.one("compressed"), image.encoded(image.content(), "--check"))


def blob_with_wide_window(image):
    noise = image.lots.randbytes(image.cluster // 2 + 1)
    image.add_blob(image.one("compressed"), image.encoded((noise + noise)[:image.cluster]))


def blob_with_unused_window(image):
    """Larger than zstd takes it for streams, of a frame that is decoded at once and needs none."""
    frame = struct.pack("<IBBI", 0xfd2fb528, 0x80, 0xa0, image.cluster)
    for at in range(0, image.cluster, 1 << 17):
        length = min(image.cluster - at, 1 << 17)
        is_last = at + length == image.cluster
        frame += struct.pack("<I", length << 3 | 1 << 1 | is_last)[:3] + b"r"  # one byte, repeated
    image.add_blob(image.one("compressed"), frame)


def blob_ends_behind_end(image):
    """The last sector of the entry is not in the file to its end."""
    image.add_blob(image.one("compressed"), image.encoded(image.content()))
    offset = max(image.pieces)
    image.end = offset + len(image.pieces[offset])


def blob_cut_by_end(image):
    image.add_blob(image.one("compressed"), image.encoded(image.content()))
    offset = max(image.pieces)
    image.end = offset + image.lots.randrange(1, len(image.pieces[offset]))


def blob_starts_behind_end(image):
    blob = image.encoded(image.content())
    image.add_blob(image.one("compressed"), blob,
                   offset=image.next + image.lots.choice([0, 512, 1 << 20]))


def blob_sectors_far_behind_end(image):
    image.add_blob(image.one("compressed"), image.encoded(image.content()),
                   sectors=(1 << (image.cluster_bits - 8)) - 1)
    offset = max(image.pieces)
    image.end = offset + len(image.pieces[offset])


def l1_shorter(image):
    image.l1_entries = len(image.l1) - 1


def l1_longer(image):
    image.l1 += [0] * image.lots.randrange(1, 9)


def l1_longer_with_rubbish(image):
    image.l1 += [image.lots.getrandbits(64) for _ in range(3)]


def l1_huge(image):
    image.l1_entries = image.lots.choice([4194304, 4194305, 0xffffffff])


def l1_zero(image):
    image.l1_entries = 0


def header_length(image):
    image.header_length = image.lots.choice([0, 72, 96, 103, 104, 105, 111, 112, 113, 120, 144, 512,
                                             image.cluster, image.cluster + 8, 1 << 31])


def unknown_incompatible(image):
    image.incompatible |= 1 << image.lots.choice([5, 6, 17, 63])


def unknown_incompatible_named(image):
    bit = image.lots.choice([5, 9, 63])
    image.incompatible |= 1 << bit
    image.extensions.append((FEATURES, bytes([0, bit]) + b"a feature of tomorrow".ljust(46, b"\0")))


def unknown_compatible(image):
    image.compatible |= image.lots.choice([2, 1 << 40, ALL_ONES])


def unknown_autoclear(image):
    image.autoclear |= image.lots.choice([4, 1 << 40])


def autoclear_bitmaps_without_extension(image):
    image.autoclear |= 1


def corrupt_bit(image):
    image.incompatible |= 2


def dirty_bit(image):
    image.incompatible |= 1
    image.compatible |= image.lots.choice([0, 1])


def compression_bit_without_type(image):
    image.incompatible |= 8
    image.compression_type = 0
    image.header_length = 112


def compression_type_without_bit(image):
    image.incompatible &= ~8
    image.compression_type = 1
    image.header_length = 112


def compression_type_unknown(image):
    image.incompatible |= 8
    image.compression_type = image.lots.choice([2, 255])
    image.header_length = 112


def cluster_bits(image):
    image.header_bits = image.lots.choice([0, 8, 22, 32, 63, 255])


def extended_with_small_clusters(image):
    image.incompatible |= 16


def refcount_order(image):
    image.refcount_order = image.lots.choice([7, 8, 255, 1 << 31])


def refcount_table_odd(image):
    image.rt_offset, image.rt_clusters = image.lots.choice(
        [(0, 1), (image.cluster, 0), (image.cluster + 8, 1), (1 << 40, 1),
         (image.cluster, 1 << 24), (image.next, 1), (image.next * 2, 1)])


def crypt_method(image):
    image.crypt = image.lots.choice([1, 2, 3, 0xffffffff])


def magic(image):
    image.magic ^= 1


def version(image):
    image.header_version = image.lots.choice([0, 1, 4, 255])


def virtual_size(image):
    image.size = image.lots.choice([0, 1, 511, 513, image.size - 1, image.size + 1,
                                    1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, ALL_ONES])


def backing_raw(image):
    image.backing = b"below.raw"
    image.extensions.append((FORMAT, b"raw"))


def backing_without_format(image):
    image.backing = b"below.raw"


def backing_missing(image):
    image.backing = b"nowhere.raw"
    image.extensions.append((FORMAT, b"raw"))


def backing_format_odd(image):
    image.backing = b"below.raw"
    image.extensions.append((FORMAT, image.lots.choice([b"", b"raw\0", b"RAW", b"raww", b"x" * 15,
                                                        b"x" * 16, b"\xff\xfe"])))


def backing_name_long(image):
    image.backing = b"./" * 507 + b"below.raw"
    if image.lots.random() < 0.5:
        image.backing = b"/" * 1015 + b"below.raw"
    image.extensions.append((FORMAT, b"raw"))


def backing_name_beyond_cluster(image):
    image.backing = b"below.raw"
    image.backing_offset = image.cluster - image.lots.choice([0, 4, 8, 9])
    image.extensions.append((FORMAT, b"raw"))


def backing_offset_odd(image):
    image.backing = b"below.raw"
    image.backing_offset = image.lots.choice([image.cluster + 1, 1 << 32, 1 << 63])


def backing_name_empty(image):
    image.backing = b"below.raw"
    image.backing_length = 0


def backing_name_with_nul(image):
    image.backing = b"below.raw\0x"
    image.extensions.append((FORMAT, b"raw"))


def extension_unknown(image):
    image.extensions.insert(0, (image.lots.getrandbits(32) | 1, b"something"))


def extension_longer_than_cluster(image):
    image.raw_extensions = struct.pack(">II", image.lots.choice([1, FORMAT, FEATURES, BITMAPS]),
                                       image.lots.choice([image.cluster, 1 << 20, 0xffffffff]))


def extension_without_end(image):
    image.raw_extensions = struct.pack(">II", 7, image.cluster - 200 if image.cluster > 512 else
                                       300)


def end_extension_with_length(image):
    image.raw_extensions = struct.pack(">II", 0, 77)


def bitmaps_extension_odd(image):
    image.autoclear |= image.lots.choice([0, 1, 1])
    good = [1, 0, 32, image.next]
    field = image.lots.randrange(0, 4)
    good[field] = image.lots.choice([0, 1, 65536, 1 << 20])
    data = struct.pack(">IIQQ", *good)
    if image.lots.random() < 0.3:
        data = data[:image.lots.choice([0, 8, 23])]
    image.extensions.append((BITMAPS, data))


def bitmap_good(image):
    directory = image.take(image.cluster)
    table = image.take(image.cluster)
    bits = image.take(image.cluster)
    entry = struct.pack(">QIIBBHI", table, 1, image.lots.choice([0, 1, 2, 3]), 1, 16, 2, 0) + b"b0"
    entry += bytes(-len(entry) % 8)
    image.pieces[directory] = entry
    image.pieces[table] = struct.pack(">Q", bits)
    image.pieces[bits] = b"\x05"
    image.autoclear |= 1
    image.extensions.append((BITMAPS, struct.pack(">IIQQ", 1, 0, len(entry), directory)))


def snapshot_entry(image, l1_offset, extra=b"", entries=None, fill=True):
    fields = struct.pack(">QIHHIIQII", l1_offset, len(image.l1) if entries is None else entries,
                         1, 4, 1700000000, 0, 0, 0, len(extra))
    entry = fields + extra + b"1name"
    return entry + (bytes(-len(entry) % 8) if fill else b"")


def put_snapshots(image, table, count):
    image.snapshot_offset = image.take(max(1, len(table)))
    image.snapshot_table = table
    image.snapshots = count


def snapshot_good(image):
    l1 = image.take(image.cluster)
    image.pieces[l1] = b"".join(struct.pack(">Q", entry) for entry in image.l1)
    extra = struct.pack(">QQ", 0, image.size)
    put_snapshots(image, snapshot_entry(image, l1, extra[:image.lots.choice([0, 8, 16])]), 1)


def snapshot_last_not_filled(image):
    put_snapshots(image, snapshot_entry(image, image.l1_offset, fill=False), 1)
    image.end = image.snapshot_offset + len(image.snapshot_table)


def snapshot_cut(image):
    put_snapshots(image, snapshot_entry(image, image.l1_offset), 1)
    image.end = image.snapshot_offset + image.lots.choice([0, 1, 39, 40, 42, 44])


def snapshot_table_behind_end(image):
    image.snapshots = 1
    image.snapshot_offset = image.next + image.cluster * image.lots.choice([0, 1, 100])


def snapshot_table_unaligned(image):
    image.snapshots = 1
    image.snapshot_offset = image.cluster + 8


def snapshots_too_many(image):
    put_snapshots(image, snapshot_entry(image, image.l1_offset), 1)
    image.snapshots = image.lots.choice([2, 65536, 65537, 0xffffffff])


def snapshot_extra_large(image):
    extra = bytes(image.lots.choice([16, 24, 64, 1024, 1025, 5000]))
    put_snapshots(image, snapshot_entry(image, image.l1_offset, extra), 1)


def snapshot_l1_odd(image):
    offset, entries = image.lots.choice([(8, None), (1 << 60, None), (image.l1_offset, 1 << 30),
                                         (0, None), (image.next * 8, None)])
    put_snapshots(image, snapshot_entry(image, offset, entries=entries), 1)


def file_cut_in_header(image):
    image.end = image.lots.choice([0, 3, 4, 71, 72, 100, 103, 104, 112, 200, 511])


def data_file(image):
    """Everything that is not compressed lies in another file, at its own offset."""
    image.incompatible |= 4
    image.raw_data_file = True
    image.autoclear |= image.lots.choice([0, 2])
    image.extensions.append((DATA_FILE, b"data.raw"))
    for index in range(image.clusters):
        if index in image.by_kind["data"]:
            image.l2[index][0] = index * image.cluster | COPIED
        elif index in image.by_kind["compressed"]:
            image.l2[index] = [0, 0]


def data_file_not_copied(image):
    data_file(image)
    image.l2[image.one("data")][0] &= ~COPIED


def data_file_other_offset(image):
    data_file(image)
    image.l2[image.one("data")][0] += image.cluster


def data_file_compressed(image):
    data_file(image)
    image.add_blob(image.one("compressed"), image.encoded(image.content()))


def data_file_without_name(image):
    data_file(image)
    image.extensions = [e for e in image.extensions if e[0] != DATA_FILE]


def data_file_name_without_bit(image):
    image.extensions.append((DATA_FILE, b"nowhere.raw"))


def data_file_copied_without_subclusters(image):
    """Such a cluster is none, but says that it is the first one of the data file."""
    data_file(image)
    image.l2[image.one("unallocated")] = [COPIED, 0]


def end_extension_too_long(image):
    image.raw_extensions = struct.pack(">II", END, image.lots.choice([image.cluster, 0xffffffff]))


def extension_without_room_for_end(image):
    """Behind it are some bytes up to the name of the backing file, but not those of another."""
    image.backing = b"below.raw"
    image.raw_extensions = struct.pack(">II", FORMAT, 3) + b"raw".ljust(8, b"\0")
    image.raw_extensions += bytes(image.lots.choice([1, 4, 7]))


def extension_encryption(image):
    image.extensions.append((ENCRYPTION, bytes(image.lots.choice([0, 8, 16]))))
    image.crypt = image.lots.choice([0, 0, 1])


def bitmap_table_of_another_length(image):
    bitmap_good(image)
    directory = struct.unpack(">IIQQ", image.extensions[-1][1])[3]
    entry = bytearray(image.pieces[directory])
    struct.pack_into(">I", entry, 8, image.lots.choice([2, 3]))
    image.pieces[directory] = bytes(entry)


def bitmap_of_odd_size(image):
    """QEMU's disk has whole sectors, and a bitmap that is for these ends with them."""
    image.size += image.lots.choice([-511, -1])
    bitmap_good(image)


def snapshot_offset_without_snapshots(image):
    image.snapshot_offset = image.lots.choice([8, image.cluster, image.cluster + 8, 1 << 62, 1 << 63])


def backing_name_begins_with_nul(image):
    image.backing = b"\0below.raw"
    image.extensions.append((FORMAT, b"raw"))


# What an image must be for an oddity to show. "version 3" is in all of them.
NEEDS = {
    "subclusters_both_bits": "extended", "subclusters_without_offset": "extended",
    "subclusters_mixed": "extended", "subclusters_zero_without_offset": "extended",
    "compressed_with_second_word": "extended", "blob_in_two_frames": "zstd", "blob_with_unused_window": "zstd",
    "blob_with_checksum": "zstd", "compression_type_unknown": "version 3",
    "compression_type_without_bit": "version 3", "unknown_incompatible": "version 3",
    "header_length": "version 3", "bitmap_good": "version 3", "bitmaps_extension_odd": "version 3",
    "data_file": "version 3", "data_file_not_copied": "version 3",
    "data_file_other_offset": "version 3", "data_file_compressed": "version 3",
    "data_file_copied_without_subclusters": "extended", "bitmap_of_odd_size": "version 3",
    "bitmap_table_of_another_length": "version 3", "data_file_without_name": "version 3", "dirty_bit": "version 3", "corrupt_bit": "version 3",
}

ODDITIES = [
    function for name, function in list(globals().items())
    if callable(function) and getattr(function, "__module__", "") == __name__
    and name not in ("Image", "write_raw", "snapshot_entry", "put_snapshots", "make")
]


def make(seed, directory, small=False):
    """Writes the image of a seed, and what it refers to. Returns its name and what is odd."""
    lots = random.Random(seed)
    # One after the other, so that each has its turn; then pairs.
    chosen = [ODDITIES[seed % len(ODDITIES)]]
    if seed // len(ODDITIES) % 3 == 2:
        chosen.append(lots.choice(ODDITIES))
    needs = [NEEDS[oddity.__name__] for oddity in chosen if oddity.__name__ in NEEDS]
    image = Image(lots, next(iter(sorted(needs)), ""), small)
    for oddity in chosen:
        try:
            oddity(image)
        except (IndexError, KeyError):
            pass  # takes away what the other one works on
    write_raw(directory, "below.raw", lots, lots.randrange(1, image.clusters * 2) * 512)
    write_raw(directory, "data.raw", lots, image.clusters * image.cluster)
    name = os.path.join(directory, "odd.qcow2")
    image.write(name)
    return "odd.qcow2", [oddity.__name__ for oddity in chosen]
