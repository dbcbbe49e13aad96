// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/option_table.h"

#include <array>

#include "common/option_values.h"
#include "qcow2-to-stdout/option_values.h"

namespace qcow2stream::cli {
namespace {

constexpr unsigned kMaxImages = 256;  // of a chain, as open_qcow2() has it

using Said = CommandLine;
using Row = Option<Said>;
using Group = OptionGroup<Said>;

// Null: none was given.
std::uint64_t images_value(const char* value) {
  return value == nullptr ? 1 : count_value(value, kMaxImages);
}

void set_threads(Said& said, const char* value) {
  said.threads = threads_value(value);
}

// --- the table ----------------------------------------------------------------------------------

constexpr std::array kInputOptions = {
    Row{{'f', "input-format", Value::kRequired, "FMT",
         "raw (default), any that QEMU reads, or auto"},
        [](Said& said, const char* value) { said.format = format_value(value); }},
    Row{{'l', "snapshot", Value::kRequired, "NAME", "an internal snapshot of a qcow2 DISK"},
        [](Said& said, const char* value) { said.snapshot = path_value(value); }},
    Row{{0, "blockdev", Value::kRequired, "JSON", "a QEMU block node (with --object JSON) as DISK"},
        [](Said& said, const char* value) { said.blockdev = value; }},
    Row{{0, "object", Value::kRequired, "JSON", "a QEMU object that --blockdev refers to", true},
        [](Said& said, const char* value) { said.objects.emplace_back(value); }},
    Row{{'U', "force-share", Value::kNone, "", "even if QEMU has it open for writing"},
        [](Said& said, const char*) { said.force_share = true; }},
    Row{{0, "isolate", Value::kNone, "", "whoever reads DISK can open nothing else"},
        [](Said& said, const char*) { said.isolate = true; }},
    Row{{0, "salvage", Value::kNone, "", "what cannot be read becomes zeros, with status 5"},
        [](Said& said, const char*) { said.salvage = true; }},
    Row{{0, "scan", Value::kRequired, "HOW", "leave out: zeros (default), holes only, or none"},
        [](Said& said, const char* value) { said.scan = scan_value(value); }},
    Row{{0, "allocated", Value::kNone, "", "the same as --scan none"},
        [](Said& said, const char*) { said.scan = Scan::kNone; }},
    Row{{0, "map", Value::kRequired, "FILE", "what is allocated: JSON (qemu-img map, rbd diff)"},
        [](Said& said, const char* value) { said.map = path_value(value); }},
    Row{{0, "no-extents", Value::kNone, "", "do not ask DISK for its holes"},
        [](Said& said, const char*) { said.no_extents = true; }},
    Row{{0, "leave-out", Value::kRequired, "KIND[,KIND]",
         "free: what no file system uses; swap: swap space"},
        [](Said& said, const char* value) { said.leave_out = leave_out_value(value); }},
    Row{{0, "connections", Value::kRequired, "N", "to an NBD server, --requests N on each of them"},
        [](Said& said, const char* value) { said.connections = connections_value(value); }},
    Row{{0, "requests", Value::kRequired, "N", "in flight on each connection", true},
        [](Said& said, const char* value) { said.requests = requests_value(value); }},
    Row{{0, "timeout", Value::kRequired, "SECONDS", "give up an NBD server that is silent (60)"},
        [](Said& said, const char* value) { said.timeout = timeout_value(value); }},
    Row{{0, "size", Value::kRequired, "N", "of stdin; with --scan none it needs no spool"},
        [](Said& said, const char* value) { said.size = size_value(value); }},
};

constexpr std::array kImageOptions = {
    Row{{'c', "cluster-size", Value::kRequired, "N", "512 to 2M, a power of two (64k)"},
        [](Said& said, const char* value) { said.cluster_size = cluster_size_value(value); }},
    Row{{'r', "refcount-bits", Value::kRequired, "N", "1, 2, 4, 8, 16, 32 or 64 (16)"},
        [](Said& said, const char* value) { said.refcount_bits = number_value(value); }},
    Row{{'v', "qcow2-version", Value::kRequired, "N", "2 or 3 (3)"},
        [](Said& said, const char* value) { said.version = number_value(value); }},
    Row{{'d', "data-file", Value::kAttached, "NAME", "DISK stays; the image records NAME (DISK)"},
        [](Said& said, const char* value) {
          said.data_file = true;
          if (value != nullptr) said.data_file_name = value;
        }},
    Row{{'R', "data-file-raw", Value::kNone, "", "-d, and every cluster is mapped: DISK stays raw"},
        [](Said& said, const char*) { said.data_file_raw = true; }},
    Row{{0, "extended-l2", Value::kNone, "", "subclusters: increments by 32nds of a cluster"},
        [](Said& said, const char*) { said.extended_l2 = true; }},
    Row{{0, "bitmaps", Value::kNone, "", "with the dirty bitmaps of a qcow2 DISK"},
        [](Said& said, const char*) { said.bitmaps = true; }},
    Row{{0, "compress", Value::kAttached, "TYPE[:LEVEL]",
         "compressed clusters: zlib (default), zstd, keep"},
        [](Said& said, const char* value) { said.compression = compression_value(value); }},
    Row{{0, "deflate-window", Value::kRequired, "N",
         "of zlib: 4k (default), or 32k for smaller images"},
        [](Said& said, const char* value) { said.deflate_window = window_value(value); }},
};

constexpr std::array kIncrementOptions = {
    Row{{'B', "backing-file", Value::kRequired, "NAME",
         "of which the image is an overlay; needs one of:"},
        [](Said& said, const char* value) { said.backing_file = path_value(value); }},
    Row{{'F', "backing-format", Value::kRequired, "FMT", "the format of NAME"},
        [](Said& said, const char* value) { said.backing_format = format_value(value); }},
    Row{{0, "base", Value::kRequired, "DISK", "only what differs from this disk"},
        [](Said& said, const char* value) { said.base = source_of(path_value(value)); }},
    Row{{0, "base-format", Value::kRequired, "FMT", "its format (raw)"},
        [](Said& said, const char* value) { said.base_format = format_value(value); }},
    Row{{0, "dirty-bitmap", Value::kRequired, "NAME", "only what this bitmap of DISK marks"},
        [](Said& said, const char* value) { said.dirty_bitmap = path_value(value); }},
    Row{{0, "shallow", Value::kAttached, "N", "only what the top image, or N, of a chain holds"},
        [](Said& said, const char* value) { said.shallow = images_value(value); }},
    Row{{0, "top-layer", Value::kNone, "", ""}, [](Said& said, const char*) { said.shallow = 1; }},
    Row{{0, "changed-map", Value::kRequired, "FILE",
         "only what this JSON lists (rbd diff, nbdinfo)"},
        [](Said& said, const char* value) { said.changed_map = path_value(value); }},
    Row{{0, "base-manifest", Value::kRequired, "FILE",
         "only what differs; with the others: the rest"},
        [](Said& said, const char* value) { said.base_manifest = path_value(value); }},
    Row{{0, "read-all", Value::kNone, "", "for --save-manifest: not only what has changed"},
        [](Said& said, const char*) { said.read_all = true; }},
    Row{{0, "diff", Value::kRequired, "", ""},
        [](Said& said, const char* value) { said.base = source_of(path_value(value)); }},
    Row{{0, "json-header-map", Value::kRequired, "", ""},
        [](Said& said, const char* value) { said.map = fd_path_value(value); }},
    Row{{0, "json-header-info", Value::kRequired, "", ""},
        [](Said& said, const char* value) { said.info = fd_path_value(value); }},
    Row{{0, "json-header-diff-map", Value::kRequired, "", ""},
        [](Said& said, const char* value) { said.base_map = fd_path_value(value); }},
    Row{{0, "json-header-diff-info", Value::kRequired, "", ""},
        [](Said& said, const char* value) { said.base_info = fd_path_value(value); }},
};

constexpr std::array kOutputOptions = {
    Row{{0, "offset", Value::kRequired, "N", "begin at this byte of the image, for --length N"},
        [](Said& said, const char* value) { said.offset = size_value(value); }},
    Row{{0, "length", Value::kRequired, "N", "write at most so many bytes of it", true},
        [](Said& said, const char* value) { said.length = size_value(value); }},
    Row{{0, "part", Value::kRequired, "K/N", "in their place: the Kth of N ranges"},
        [](Said& said, const char* value) { said.part = part_value(value); }},
    Row{{0, "measure", Value::kAttached, "HOW", "no image, its size: human, json, size, id, root"},
        [](Said& said, const char* value) { said.measure = measure_value(value); }},
    Row{{0, "mount", Value::kRequired, "DIR", "the image as a file in DIR, until unmounted"},
        [](Said& said, const char* value) { said.mount = path_value(value); }},
    Row{{'O', "output-format", Value::kRequired, "FMT", "qcow2 (default), or raw: the disk itself"},
        [](Said& said, const char* value) { said.output_format = output_format_value(value); }},
    Row{{0, "allow-changes", Value::kNone, "", "a disk that changes is a warning, not an error"},
        [](Said& said, const char*) { said.allow_changes = true; }},
    Row{{0, "if-match", Value::kRequired, "ID", "refuse if the image is not the one with this id"},
        [](Said& said, const char* value) { said.if_match = value; }},
    Row{{0, "save-plan", Value::kRequired, "FILE", "keep what the survey found"},
        [](Said& said, const char* value) { said.save_plan = side_file_value(value, kCarried); }},
    Row{{0, "plan", Value::kRequired, "FILE", "and use it instead of surveying DISK again"},
        [](Said& said, const char* value) { said.plan = path_value(value); }},
    Row{{0, "assume-unchanged", Value::kNone, "", "since then, where that cannot be seen"},
        [](Said& said, const char*) { said.assume_unchanged = true; }},
    Row{{0, "run", Value::kRequired, "CMD", "sh -c CMD reads the image; it is told if we fail"},
        [](Said& said, const char* value) { said.run = command_value(value); }},
    Row{{0, "flush", Value::kNone, "", "fsync the output, a file or block device"},
        [](Said& said, const char*) { said.flush = true; }},
    Row{{0, "digest", Value::kRequired, "ALGO[=FILE]",
         "sha256... of the output, in a line with --name"},
        [](Said& said, const char* value) { said.digests.push_back(digest_value(value)); }},
    Row{{0, "name", Value::kRequired, "NAME", "of the file, or in the line of a digest (-)"},
        [](Said& said, const char* value) { said.name = path_value(value); }},
    Row{{0, "save-manifest", Value::kRequired, "FILE",
         "digests of the content, by --manifest-chunk N"},
        [](Said& said, const char* value) {
          said.save_manifest = side_file_value(value, kCarried);
        }},
    Row{{0, "manifest-chunk", Value::kRequired, "N", "64k to 16M (256k)", true},
        [](Said& said, const char* value) { said.manifest_chunk_bits = chunk_bits_value(value); }},
    Row{{0, "no-root-trailer", Value::kNone, "", "no root behind the image, which takes 512 bytes"},
        [](Said& said, const char*) { said.no_root_trailer = true; }},
};

constexpr std::array kOtherOptions = {
    Row{{'p', "progress", Value::kAttached, "FD", "progress bar; with FD: lines N/100 there"},
        [](Said& said, const char* value) {
          said.progress = value != nullptr ? ProgressStyle::kLines : ProgressStyle::kBar;
          if (value != nullptr) said.progress_fd = progress_fd_value(value, kCarried);
        }},
    Row{{'q', "quiet", Value::kNone, "", "no progress bar, no warnings"},
        [](Said& said, const char*) { said.quiet = true; }},
    Row{{0, "report", Value::kRequired, "FILE|FD", "plan, progress and end as lines of JSON"},
        [](Said& said, const char* value) { said.report = report_value(value, kCarried); }},
    Row{{0, "verbose", Value::kNone, "", "say what is done and how"},
        [](Said& said, const char*) { said.verbose = true; }},
    Row{{'T', "threads", Value::kRequired, "N", "worker threads; 0: one a core (default)"},
        set_threads},
    Row{{'j', "", Value::kRequired, "", ""}, set_threads},
    Row{{0, "limit-rate", Value::kRequired, "N", "bytes a second at most, on the average"},
        [](Said& said, const char* value) {
          said.limit_rate = size_value(value);
          if (said.limit_rate == 0) bad_value(value, "is no rate");
        }},
    Row{{0, "spool-memory", Value::kRequired, "N", "of --compress results (1G); then --spool-dir"},
        [](Said& said, const char* value) { said.spool_memory = size_value(value); }},
    Row{{0, "spool-dir", Value::kRequired, "DIR", "of the spool ($TMPDIR or /var/tmp)", true},
        [](Said& said, const char* value) { said.spool_directory = path_value(value); }},
    Row{{'h', "help", Value::kNone, "", "this text"},
        [](Said& said, const char*) { said.text = Text::kHelp; }},
    Row{{'V', "version", Value::kNone, "", "the version"},
        [](Said& said, const char*) { said.text = Text::kVersion; }},
};

constexpr std::array<Group, 5> kGroups = {{{"Input", kInputOptions},
                                           {"Image", kImageOptions},
                                           {"Increments", kIncrementOptions},
                                           {"Output", kOutputOptions},
                                           {"Other", kOtherOptions}}};

}  // namespace

std::span<const OptionGroup<CommandLine>> option_groups() {
  return kGroups;
}

}  // namespace qcow2stream::cli
