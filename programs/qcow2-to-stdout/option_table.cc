// SPDX-License-Identifier: GPL-2.0-or-later
//
#include "qcow2-to-stdout/option_table.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "qcow2-to-stdout/option_values.h"

namespace qcow2stream::cli {
namespace {

constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxConnections = 64;
constexpr unsigned kMaxRequests = 1024;
constexpr unsigned kMaxTimeout = 1'000'000;

void set_threads(Parsed& p, const char* value) {
  p.options.threads = number_value(value);
  if (p.options.threads > kMaxThreads)
    bad_value(value, fmt::format("is more than {}", kMaxThreads));
}

// --- the table ----------------------------------------------------------------------------------

constexpr std::array kInputOptions = {
    OptionSpec{'f', "input-format", Value::kRequired, "FMT",
               "raw (default), any that QEMU reads, or auto",
               [](Parsed& p, const char* value) { p.options.format = format_value(value); }},
    OptionSpec{0, "blockdev", Value::kRequired, "JSON", "a QEMU block node instead of DISK and -f",
               [](Parsed& p, const char* value) { p.blockdev = value; }},
    OptionSpec{0, "object", Value::kRequired, "JSON", "a QEMU object that --blockdev refers to",
               [](Parsed& p, const char* value) { p.objects.emplace_back(value); }},
    OptionSpec{'U', "force-share", Value::kNone, "", "even if QEMU has it open for writing",
               [](Parsed& p, const char*) { p.options.force_share = true; }},
    OptionSpec{0, "isolate", Value::kNone, "", "QEMU may open DISK and nothing else",
               [](Parsed& p, const char*) { p.options.isolate = true; }},
    OptionSpec{0, "scan", Value::kRequired, "HOW",
               "leave out: zeros (default), holes only, or none",
               [](Parsed& p, const char* value) { p.options.scan = scan_value(value); }},
    OptionSpec{0, "allocated", Value::kNone, "", "the same as --scan none",
               [](Parsed& p, const char*) { p.options.scan = Scan::kNone; }},
    OptionSpec{0, "map", Value::kRequired, "FILE",
               "what is allocated: JSON (qemu-img map, rbd diff)",
               [](Parsed& p, const char* value) { p.options.map = path_value(value); }},
    OptionSpec{0, "no-extents", Value::kNone, "", "do not ask DISK for its holes",
               [](Parsed& p, const char*) { p.options.use_extents = false; }},
    OptionSpec{0, "connections", Value::kRequired, "N", "to an NBD server, where it takes several",
               [](Parsed& p, const char* value) {
                 p.options.nbd.connections = count_value(value, kMaxConnections);
               }},
    OptionSpec{0, "requests", Value::kRequired, "N", "in flight on each connection",
               [](Parsed& p, const char* value) {
                 p.options.nbd.requests = count_value(value, kMaxRequests);
               }},
    OptionSpec{0, "timeout", Value::kRequired, "SECONDS",
               "give up an NBD server that is silent (60)",
               [](Parsed& p, const char* value) {
                 p.options.nbd.timeout = std::chrono::seconds(count_value(value, kMaxTimeout));
               }},
    OptionSpec{0, "size", Value::kRequired, "N", "of stdin; with --scan none it needs no spool",
               [](Parsed& p, const char* value) { p.size = size_value(value); }},
};

constexpr std::array kImageOptions = {
    OptionSpec{'c', "cluster-size", Value::kRequired, "N", "512 to 2M, a power of two (64k)",
               [](Parsed& p, const char* value) {
                 p.options.image.cluster_size = cluster_size_value(value);
                 p.options.cluster_size_given = true;
               }},
    OptionSpec{
        'r', "refcount-bits", Value::kRequired, "N", "1, 2, 4, 8, 16, 32 or 64 (16)",
        [](Parsed& p, const char* value) { p.options.image.refcount_bits = number_value(value); }},
    OptionSpec{'v', "qcow2-version", Value::kRequired, "N", "2 or 3 (3)",
               [](Parsed& p, const char* value) { p.options.image.version = number_value(value); }},
    OptionSpec{'d', "data-file", Value::kAttached, "NAME",
               "DISK stays; the image records NAME (DISK)",
               [](Parsed& p, const char* value) {
                 p.data_file = true;
                 if (value != nullptr) p.data_file_name = value;
               }},
    OptionSpec{'R', "data-file-raw", Value::kNone, "",
               "-d, and every cluster is mapped: DISK stays raw",
               [](Parsed& p, const char*) { p.data_file_raw = true; }},
    OptionSpec{0, "extended-l2", Value::kNone, "", "subclusters: increments by 32nds of a cluster",
               [](Parsed& p, const char*) { p.options.image.extended_l2 = true; }},
    OptionSpec{0, "compress", Value::kAttached, "TYPE[:LEVEL]",
               "compressed clusters; TYPE: zlib (default), zstd",
               [](Parsed& p, const char* value) {
                 p.options.image.compression = compression_value(value);
               }},
    OptionSpec{0, "deflate-window", Value::kRequired, "N",
               "of zlib: 4k (default), or 32k for smaller images",
               [](Parsed& p, const char* value) { p.deflate_window = window_value(value); }},
};

constexpr std::array kIncrementOptions = {
    OptionSpec{'B', "backing-file", Value::kRequired, "NAME",
               "of which the image is an overlay; needs one of:",
               [](Parsed& p, const char* value) { p.backing_file = path_value(value); }},
    OptionSpec{'F', "backing-format", Value::kRequired, "FMT", "the format of NAME",
               [](Parsed& p, const char* value) { p.backing_format = format_value(value); }},
    OptionSpec{0, "base", Value::kRequired, "DISK", "only what differs from this disk",
               [](Parsed& p, const char* value) { p.options.base = source_of(path_value(value)); }},
    OptionSpec{0, "base-format", Value::kRequired, "FMT", "its format (raw)",
               [](Parsed& p, const char* value) { p.options.base_format = format_value(value); }},
    OptionSpec{0, "dirty-bitmap", Value::kRequired, "NAME", "only what this bitmap of DISK marks",
               [](Parsed& p, const char* value) { p.options.dirty_bitmap = path_value(value); }},
    OptionSpec{0, "shallow", Value::kNone, "", "only what the top image of a chain holds itself",
               [](Parsed& p, const char*) { p.options.shallow = true; }},
    OptionSpec{0, "top-layer", Value::kNone, "", "",
               [](Parsed& p, const char*) { p.options.shallow = true; }},
    OptionSpec{0, "changed-map", Value::kRequired, "FILE",
               "only what this JSON lists (rbd diff, nbdinfo)",
               [](Parsed& p, const char* value) { p.options.changed_map = path_value(value); }},
    OptionSpec{0, "diff", Value::kRequired, "", "",
               [](Parsed& p, const char* value) { p.options.base = source_of(path_value(value)); }},
    OptionSpec{0, "json-header-map", Value::kRequired, "", "",
               [](Parsed& p, const char* value) { p.options.map = fd_path_value(value); }},
    OptionSpec{0, "json-header-info", Value::kRequired, "", "",
               [](Parsed& p, const char* value) { p.options.info = fd_path_value(value); }},
    OptionSpec{0, "json-header-diff-map", Value::kRequired, "", "",
               [](Parsed& p, const char* value) { p.options.base_map = fd_path_value(value); }},
    OptionSpec{0, "json-header-diff-info", Value::kRequired, "", "",
               [](Parsed& p, const char* value) { p.options.base_info = fd_path_value(value); }},
};

constexpr std::array kOutputOptions = {
    OptionSpec{0, "offset", Value::kRequired, "N", "begin at this byte of the image",
               [](Parsed& p, const char* value) { p.options.offset = size_value(value); }},
    OptionSpec{0, "length", Value::kRequired, "N", "write at most so many bytes of it",
               [](Parsed& p, const char* value) { p.options.length = size_value(value); }},
    OptionSpec{0, "measure", Value::kAttached, "HOW",
               "exact size, no image: human, json, size or id",
               [](Parsed& p, const char* value) {
                 p.options.action = Action::kMeasure;
                 p.options.measure = measure_value(value);
               }},
    OptionSpec{0, "allow-changes", Value::kNone, "",
               "a disk that changes is a warning, not an error",
               [](Parsed& p, const char*) { p.options.allow_changes = true; }},
    OptionSpec{0, "if-match", Value::kRequired, "ID",
               "refuse if the image is not the one with this id",
               [](Parsed& p, const char* value) { p.options.if_match = value; }},
    OptionSpec{0, "save-plan", Value::kRequired, "FILE", "keep what the survey found",
               [](Parsed& p, const char* value) { p.options.save_plan = side_file_value(value); }},
    OptionSpec{0, "plan", Value::kRequired, "FILE", "and use it instead of surveying DISK again",
               [](Parsed& p, const char* value) { p.options.plan = path_value(value); }},
    OptionSpec{0, "assume-unchanged", Value::kNone, "", "since then, where that cannot be seen",
               [](Parsed& p, const char*) { p.options.assume_unchanged = true; }},
    OptionSpec{0, "run", Value::kRequired, "CMD",
               "sh -c CMD reads the image; it is told if we fail",
               [](Parsed& p, const char* value) { p.options.run = command_value(value); }},
    OptionSpec{0, "flush", Value::kNone, "", "fsync the output, a file or block device",
               [](Parsed& p, const char*) { p.options.flush = true; }},
    OptionSpec{
        0, "digest", Value::kRequired, "ALGO[=FILE]",
        "of what is written, to FILE or stderr: sha256...",
        [](Parsed& p, const char* value) { p.options.digests.push_back(digest_value(value)); }},
    OptionSpec{0, "name", Value::kRequired, "NAME", "what the line of a digest calls it (-)",
               [](Parsed& p, const char* value) { p.options.digest_name = path_value(value); }},
};

constexpr std::array kOtherOptions = {
    OptionSpec{'p', "progress", Value::kAttached, "FD", "progress bar; with FD: lines N/100 there",
               [](Parsed& p, const char* value) {
                 p.options.progress =
                     value != nullptr ? ProgressStyle::kLines : ProgressStyle::kBar;
                 if (value != nullptr) p.options.progress_fd = progress_fd_value(value);
               }},
    OptionSpec{'q', "quiet", Value::kNone, "", "no progress bar, no warnings",
               [](Parsed& p, const char*) { p.options.quiet = true; }},
    OptionSpec{0, "report", Value::kRequired, "FILE|FD", "plan, progress and end as lines of JSON",
               [](Parsed& p, const char* value) { p.options.report = report_value(value); }},
    OptionSpec{0, "verbose", Value::kNone, "", "say what is done and how",
               [](Parsed& p, const char*) { p.options.verbose = true; }},
    OptionSpec{'T', "threads", Value::kRequired, "N", "worker threads; 0: one a core (default)",
               set_threads},
    OptionSpec{'j', "", Value::kRequired, "", "", set_threads},
    OptionSpec{0, "spool-memory", Value::kRequired, "N", "memory for what --compress keeps (1G)",
               [](Parsed& p, const char* value) { p.options.spool_memory = size_value(value); }},
    OptionSpec{0, "spool-dir", Value::kRequired, "DIR", "of the spool ($TMPDIR or /var/tmp)",
               [](Parsed& p, const char* value) { p.options.spool_directory = path_value(value); }},
    OptionSpec{'h', "help", Value::kNone, "", "this text",
               [](Parsed& p, const char*) { p.options.action = Action::kHelp; }},
    OptionSpec{'V', "version", Value::kNone, "", "the version",
               [](Parsed& p, const char*) { p.options.action = Action::kVersion; }},
};

constexpr std::array<OptionGroup, 5> kGroups = {{{"Input", kInputOptions},
                                                 {"Image", kImageOptions},
                                                 {"Increments", kIncrementOptions},
                                                 {"Output", kOutputOptions},
                                                 {"Other", kOtherOptions}}};

}  // namespace

std::span<const OptionGroup> option_groups() {
  return kGroups;
}

}  // namespace qcow2stream::cli
